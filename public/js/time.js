// The page that lists what the server's clock says.

import './elements/live-lines.js';
import './elements/page.js';
