// <live-line topic="news">: the newest event of a topic. Each one is a new node, so that its CSS animation plays.

import { LiveElement } from './live-element.js';

class LiveLine extends LiveElement {
  /** @param {import('./broadcast.js').StreamEvent} event */
  event(event) {
    const line = this.querySelector('template.arrived').content.cloneNode(true);
    const date = new Date(event.time);
    const time = line.querySelector('time');
    time.dateTime = event.time;
    time.textContent = date.toLocaleTimeString();
    time.title = date.toLocaleString();
    line.querySelector('.text').textContent = event.data;
    this.querySelector('[role=status]').replaceChildren(line);
  }

  // Said until the next event comes.
  gap() {
    const status = this.querySelector('[role=status]');
    if (!status.querySelector('.notice')) status.append(this.querySelector('template.gap').content.cloneNode(true));
  }
}

customElements.define('live-line', LiveLine);
