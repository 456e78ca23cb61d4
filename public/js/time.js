// The time page: a line for each second of the server's clock.

import './elements/live-lines.js';
import './elements/page.js';
