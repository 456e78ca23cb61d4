// The page that shows how evenly pings arrive.

import './live-ping.js';
import './page.js';
