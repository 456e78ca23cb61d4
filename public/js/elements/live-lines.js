// <live-lines topic="time" snapshot="/events/time?limit=500">: a line for each event, the newest last.

import { LiveRows } from './live-rows.js';

class LiveLines extends LiveRows {
  fill(line, event) {
    line.textContent = event.data;
  }

  // Existing lines stay, and no stored line is shown twice.
  gap() {
    super.gap();
    this.stream.refresh(this.getAttribute('snapshot'), ({ events }) => events.forEach((event) => this.event(event)));
  }
}

customElements.define('live-lines', LiveLines);
