// The ping page: how evenly pings arrive.

import './elements/live-ping.js';
import './elements/page.js';
