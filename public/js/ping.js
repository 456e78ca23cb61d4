// The page that shows how evenly pings arrive.

import './elements/live-ping.js';
import './elements/page.js';
