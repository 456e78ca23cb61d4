// The status page: the server's newest figures, and the same as charts and a table.

import './live-figures.js';
import './live-watch.js';
import './page.js';
