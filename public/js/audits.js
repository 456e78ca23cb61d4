// The audit log page.

import './elements/json-form.js';
import './elements/live-audits.js';
import './elements/page.js';
