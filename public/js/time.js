// The page that lists what the server's clock says.

import './live-lines.js';
import './page.js';
