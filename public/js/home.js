// The home page: the live table of `hello`, and the line in which `news` appears.

import './live-table.js';
import './live-line.js';
import './page.js';

document.querySelector('live-stream').addEventListener('live-event', ({ detail }) => {
  console.log(detail.data);
  if (detail.topic === 'hello') document.getElementById('header').textContent = 'Live messages';
});
