// The page of the audit log.

import './json-form.js';
import './live-audits.js';
import './page.js';
