// The comments page.

import './elements/json-form.js';
import './elements/live-comments.js';
import './elements/page.js';
