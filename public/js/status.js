// The status page: the server's newest figures, and their history as charts and a table.

import './elements/live-figures.js';
import './watch/live-watch.js';
import './elements/page.js';

// Until the stream delivers newer figures, show the newest that came with the page.
const newest = document.querySelector('live-watch').entries.all.last();
if (newest) document.querySelector('live-figures').event(newest.event);
