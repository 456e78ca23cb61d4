// <live-stream topics="hello news">: the page's one stream. Open while the element is in the page.
// It dispatches to itself, for the elements within it: `live-event` (detail: StreamEvent),
// `live-gap` (Gap) and `live-state` (StreamState); the types are in broadcast.js.

import { subscribe } from './broadcast.js';

class LiveStream extends HTMLElement {
  connectedCallback() {
    if (!('EventSource' in window)) return; // the page says so
    const dispatch = (name) => (detail) => this.dispatchEvent(new CustomEvent(name, { detail }));
    this.subscription = subscribe(this.getAttribute('topics').split(' '), {
      onevent: dispatch('live-event'),
      ongap: dispatch('live-gap'),
      onstate: dispatch('live-state'),
    });
  }

  disconnectedCallback() {
    this.subscription?.close();
  }
}

customElements.define('live-stream', LiveStream);
