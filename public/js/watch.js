// The watch page.

import './watch/live-watch.js';
import './elements/publish-form.js';
import './elements/page.js';

// Behind a proxy the browser knows the public origin better than the server does.
const code = document.getElementById('code');
code.textContent = code.textContent.replace(code.dataset.origin, () => location.origin);
