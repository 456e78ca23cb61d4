// The home page: the live table of `hello`, and the line in which `news` appears.
// The elements come before the stream that they listen to.

import './copy-button.js';
import './stream-state.js';
import './live-table.js';
import './live-line.js';
import './live-stream.js';

if (!('EventSource' in window)) {
  document.getElementById('unsupported').hidden = false;
  document.getElementById('state').hidden = true;
}

document.querySelector('live-stream').addEventListener('live-event', ({ detail }) => {
  console.log(detail.data);
  if (detail.topic === 'hello') document.getElementById('header').textContent = 'Live messages';
});
