// The home page: the live table of `hello`, the newest `news`, and a card for each of the other pages.

import './elements/live-table.js';
import './elements/live-line.js';
import './elements/live-card.js';
import './elements/live-figures.js';
import './elements/polled-topic.js';
import './elements/page.js';

document.querySelector('live-stream').addEventListener('live-event', ({ detail }) => {
  if (['hello', 'news'].includes(detail.topic)) console.log(detail.data);
  if (detail.topic === 'hello') document.getElementById('header').textContent = 'Live messages';
});
