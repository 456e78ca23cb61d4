// <live-stream topics="hello news" since="1763676000000-3">: subscribes to topics, from that position or live only,
// while it is in the page. It dispatches to itself, for the elements within it: `live-event` (detail: StreamEvent),
// `live-gap` (Gap) and `live-state` (StreamState); broadcast.js has the types.

import { subscribe } from '../broadcast/broadcast.js';
import { request } from './request.js';

const AGAIN = 3_000; // ms until a snapshot is requested again

class LiveStream extends HTMLElement {
  #subscription;
  #refreshing = false;

  connectedCallback() {
    if ('EventSource' in window) this.#open(this.getAttribute('since') ?? ''); // else the page says so
  }

  disconnectedCallback() {
    this.#subscription?.close();
  }

  /**
   * After a gap: fetches a snapshot of what is stored, and resumes from there.
   *
   * @param {string} url of JSON that has its position as `position` or `next`
   * @param {(snapshot: any) => void} show
   */
  async refresh(url, show) {
    if (this.#refreshing) return;
    this.#refreshing = true;
    let snapshot;
    while (!snapshot && this.isConnected) {
      snapshot = await request(url).catch(() => new Promise((resume) => setTimeout(resume, AGAIN)));
    }
    this.#refreshing = false;
    if (!this.isConnected) return;
    show(snapshot);
    this.#open(snapshot.position ?? snapshot.next); // events that arrived meanwhile are delivered again
  }

  #open(since) {
    const dispatch = (name) => (detail) => this.dispatchEvent(new CustomEvent(name, { detail }));
    this.#subscription?.close();
    this.#subscription = subscribe(this.getAttribute('topics').split(' '), {
      since,
      onevent: dispatch('live-event'),
      ongap: dispatch('live-gap'),
      onstate: dispatch('live-state'),
    });
  }
}

customElements.define('live-stream', LiveStream);
