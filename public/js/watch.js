// The page that watches topics.

import './live-watch.js';
import './publish-form.js';
import './page.js';

// Behind a proxy the server knows its own address less well than the browser does.
const code = document.getElementById('code');
code.textContent = code.textContent.replace(code.dataset.origin, () => location.origin);
