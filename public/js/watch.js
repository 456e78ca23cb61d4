// The page that watches topics.

import './watch/live-watch.js';
import './elements/publish-form.js';
import './elements/page.js';

// Behind a proxy the server knows its own address less well than the browser does.
const code = document.getElementById('code');
code.textContent = code.textContent.replace(code.dataset.origin, () => location.origin);
