// The home page: the live table of `hello`, the line in which `news` appears, and what the other pages are about.

import './elements/live-table.js';
import './elements/live-line.js';
import './elements/live-card.js';
import './elements/live-figures.js';
import './elements/page.js';

document.querySelector('live-stream').addEventListener('live-event', ({ detail }) => {
  if (['hello', 'news'].includes(detail.topic)) console.log(detail.data);
  if (detail.topic === 'hello') document.getElementById('header').textContent = 'Live messages';
});
