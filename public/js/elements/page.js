// For every page with a stream: what tells of it, and the stream itself, which comes after the elements that listen to it.

import './copy-button.js';
import './stream-state.js';
import './tab-state.js';
import './live-stream.js';

if (!('EventSource' in window)) {
  document.getElementById('unsupported').hidden = false;
  document.getElementById('state').hidden = true;
}
