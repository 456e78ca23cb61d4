// For every page with a stream: its state, and the stream itself. The stream must be defined after its listeners.

import './copy-button.js';
import './stream-state.js';
import './tab-state.js';
import './live-stream.js';

if (!('EventSource' in window)) {
  document.getElementById('unsupported').hidden = false;
  document.getElementById('state').hidden = true;
}
