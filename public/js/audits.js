// The page of the audit log.

import './elements/json-form.js';
import './elements/live-audits.js';
import './elements/page.js';
