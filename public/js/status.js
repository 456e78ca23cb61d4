// The status page: the server's newest figures, and the same as charts and a table.

import './elements/live-figures.js';
import './watch/live-watch.js';
import './elements/page.js';

// What the page has come with, until the stream brings newer figures.
const newest = document.querySelector('live-watch').entries.all.last();
if (newest) document.querySelector('live-figures').event(newest.event);
