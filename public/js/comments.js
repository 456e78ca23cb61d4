// The comments page.

import './json-form.js';
import './live-comments.js';
import './page.js';
