// <watching-now>: how many streams the server has, asked for again and again while somebody looks at the page. A stream is a
// browser, however many tabs it has, or another client.

import { request } from './request.js';

const OFTEN = 5_000; // ms

class WatchingNow extends HTMLElement {
  connectedCallback() {
    this.timer = setInterval(() => this.#ask(), OFTEN);
    this.closest('live-stream').addEventListener('live-state', ({ detail: { state } }) => state === 'live' && this.#ask());
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  async #ask() {
    if (document.hidden) return;
    const { streams } = await request('/healthz').catch(() => ({})); // the page's state tells of that already
    this.hidden = !streams;
    this.querySelector('b').textContent = streams ?? '';
  }
}

customElements.define('watching-now', WatchingNow);
