// <live-line topic="news">: the newest event of a topic. Each is a new node, so that its CSS animation plays.

import { LiveElement } from './live-element.js';

const PAUSE = 5_000; // ms between announcements to screen readers
const LONGEST = 300; // characters announced

class LiveLine extends LiveElement {
  #pending = '';
  #pausing;

  /** @param {import('../broadcast/broadcast.js').StreamEvent} event */
  event(event) {
    const line = this.querySelector('template.arrived').content.cloneNode(true);
    const date = new Date(event.time);
    const time = line.querySelector('time');
    time.dateTime = event.time;
    time.textContent = date.toLocaleTimeString();
    time.title = date.toLocaleString();
    line.querySelector('.text').textContent = event.data;
    this.querySelector('.line').replaceChildren(line);
    this.#announce(event.data);
  }

  // Shown until the next event.
  gap() {
    const line = this.querySelector('.line');
    if (line.querySelector('.notice')) return;
    line.append(this.querySelector('template.gap').content.cloneNode(true));
    this.#announce(line.querySelector('.notice').textContent);
  }

  // If many arrive, only the newest.
  #announce(text) {
    this.#pending = text.slice(0, LONGEST);
    if (this.#pausing || !text) return;
    this.querySelector('[role=status]').textContent = this.#pending;
    this.#pending = '';
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#announce(this.#pending);
    }, PAUSE);
  }
}

customElements.define('live-line', LiveLine);
