// The home page: the live table of `hello`, the line in which `news` appears, and what the other pages are about.

import './live-table.js';
import './live-line.js';
import './live-card.js';
import './live-figures.js';
import './page.js';

document.querySelector('live-stream').addEventListener('live-event', ({ detail }) => {
  if (['hello', 'news'].includes(detail.topic)) console.log(detail.data);
  if (detail.topic === 'hello') document.getElementById('header').textContent = 'Live messages';
});
