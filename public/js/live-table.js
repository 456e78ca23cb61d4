// <live-table topic="hello">: a row for each event, the newest last and in sight,
// unless the reader has scrolled up.

import { parseJSON } from './json.js';
import { LiveElement } from './live-element.js';

const MOST_ROWS = 500;
const AT_END = 8; // px from the end that still count as the end

class LiveTable extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    this.scroller = this.querySelector('.scroller');
    this.rows = this.querySelector('tbody');
    this.newest = this.querySelector('.newest');
    this.follows = true;
    this.scroller.onscroll = () => this.#look();
    this.newest.onclick = () => {
      this.#toEnd();
      this.scroller.focus(); // the button is about to go
    };
  }

  /** @param {import('./broadcast.js').StreamEvent} event */
  event(event) {
    const known = event.id && this.rows.querySelector(`[data-id="${CSS.escape(event.id)}"]`);
    const row = known || this.#append('.row');
    row.dataset.id = event.id;
    fill(row, event);
    this.#trim();
  }

  gap() {
    if (!this.rows.lastElementChild?.matches('.gap')) this.#append('.gap-row');
    this.#trim();
  }

  #append(template) {
    const row = this.querySelector(`template${template}`).content.firstElementChild.cloneNode(true);
    this.rows.append(row);
    this.querySelector('.empty').hidden = true;
    return row;
  }

  // Rows go at the top; what the reader looks at stays where it is.
  #trim() {
    while (this.rows.rows.length > MOST_ROWS) {
      const before = this.scroller.scrollHeight;
      this.rows.rows[0].remove();
      if (!this.follows) this.scroller.scrollTop -= before - this.scroller.scrollHeight;
    }
    if (this.follows) this.#toEnd();
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.follows = scrollHeight - scrollTop - clientHeight < AT_END;
    this.newest.hidden = this.follows;
  }
}

// Data is {"timestamp": unix seconds, "message"}; of anything else the text is shown, with the event's own time.
function fill(row, event) {
  const data = parseJSON(event.data);
  const expected = Number.isFinite(data?.timestamp) && typeof data.message === 'string';
  const seconds = expected ? data.timestamp : Math.floor(Date.parse(event.time) / 1000);
  row.querySelector('.message').textContent = expected ? data.message : event.data;

  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return;
  const time = row.querySelector('time');
  time.textContent = seconds;
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  row.querySelector('.local').textContent = date.toLocaleTimeString();
}

customElements.define('live-table', LiveTable);
