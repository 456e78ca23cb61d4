// <live-line topic="news">: the newest event of a topic. Each one is a new node, so that its CSS animation plays.

import { LiveElement } from './live-element.js';

const PAUSE = 5_000; // ms between two that screen readers are told of
const LONGEST = 300; // characters that they are told

class LiveLine extends LiveElement {
  #untold = '';
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
    this.#tell(event.data);
  }

  // Said until the next event comes.
  gap() {
    const line = this.querySelector('.line');
    if (line.querySelector('.notice')) return;
    line.append(this.querySelector('template.gap').content.cloneNode(true));
    this.#tell(line.querySelector('.notice').textContent);
  }

  // The newest only, where many come.
  #tell(text) {
    this.#untold = text.slice(0, LONGEST);
    if (this.#pausing || !text) return;
    this.querySelector('[role=status]').textContent = this.#untold;
    this.#untold = '';
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#tell(this.#untold);
    }, PAUSE);
  }
}

customElements.define('live-line', LiveLine);
