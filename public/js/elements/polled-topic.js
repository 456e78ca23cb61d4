// <polled-topic topic="$server" every="5">: asks for the topic's newest event every so many seconds, while the page is
// live and visible, and dispatches it to the <live-stream> around it. For the server's own topics, on pages that show
// them by the way: a stream would take a second connection and a second place for each visitor.

import { LiveElement } from './live-element.js';
import { request } from './request.js';

const SETTLE = 1_500; // ms after going live; by then an event counts this page too

class PolledTopic extends LiveElement {
  #timer;
  #live = false;

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this);
    this.#live = false;
    clearTimeout(this.#timer);
  }

  handleEvent(event) {
    super.handleEvent(event);
    if (event.type === 'visibilitychange') this.#in(0);
  }

  state({ state }) {
    if (this.#live === (state === 'live')) return;
    this.#live = !this.#live;
    this.#in(SETTLE);
  }

  #in(wait) {
    clearTimeout(this.#timer);
    if (this.#live && !document.hidden) this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    const { events } = await request(`/events/${this.getAttribute('topic')}?last=1`).catch(() => ({ events: [] }));
    for (const detail of events) this.stream.dispatchEvent(new CustomEvent('live-event', { detail }));
    this.#in(Number(this.getAttribute('every')) * 1000);
  }
}

customElements.define('polled-topic', PolledTopic);
