// <live-ping topic="ping">: the newest pings, and the time between their arrivals.

import { Bars } from './bars.js';
import { LiveElement } from './live-element.js';

const ROWS = 20;
const PERIOD = 500; // ms between pings, at the server

class LivePing extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    this.rows = this.querySelector('tbody');
    this.bars ??= new Bars(this.querySelector('#gaps'), { normal: PERIOD, unit: 'milliseconds' });
  }

  event({ type, data }) {
    if (type !== 'ping') return;
    const now = performance.now();
    const after = Math.round(now - this.before); // NaN for the first
    this.before = now;
    this.#row(new Date(), data, after);
    if (after >= 0) this.#measured(after);
  }

  // Stored pings have no time of arrival.
  gap() {
    this.stream.refresh(`/events/ping?limit=${ROWS}`, ({ events }) => {
      this.rows.replaceChildren();
      this.before = NaN;
      for (const { data } of events) this.#row(undefined, data, NaN);
    });
  }

  #row(arrived, data, after) {
    const row = this.querySelector('template.row').content.firstElementChild.cloneNode(true);
    row.querySelector('.data').textContent = data;
    row.querySelector('.after').textContent = after >= 0 ? `${after} ms` : '–';
    if (arrived) {
      const time = row.querySelector('time');
      time.dateTime = arrived.toISOString();
      time.textContent = arrived.toLocaleTimeString();
    }
    this.rows.prepend(row);
    while (this.rows.rows.length > ROWS) this.rows.lastElementChild.remove();
    this.querySelector('.empty').hidden = true;
  }

  #measured(after) {
    const { least, usual, most } = this.bars.add(after);
    this.querySelector('#gap .ms').textContent = after;
    this.querySelector('.least').textContent = `shortest ${least} ms`;
    this.querySelector('.usual').textContent = `typical ${usual} ms`;
    this.querySelector('.most').textContent = `longest ${most} ms`;
  }
}

customElements.define('live-ping', LivePing);
