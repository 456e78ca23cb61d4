// <live-audits topic="audits" newest="first" actor="" action="" query="">: a row for each record that matches the
// filters; query is the same filters for a URL. Record ids are not unique: rows are identified by the event's id.

import { parseExact } from './json.js';
import { LiveRows } from './live-rows.js';
import { showTime } from './times.js';

const SNAPSHOT = 200; // records

class LiveAudits extends LiveRows {
  connectedCallback() {
    super.connectedCallback();
    for (const time of this.rows.querySelectorAll('time')) showTime(time, time.dateTime, { seconds: true });
    for (const cell of this.rows.querySelectorAll('.details')) cell.textContent = inOneLine(cell.textContent);
  }

  event(event) {
    if (this.#matches(parseExact(event.data))) super.event(event);
  }

  fill(row, event) {
    fill(row, parseExact(event.data));
  }

  // The stored records replace the rows.
  gap() {
    const query = new URLSearchParams(this.getAttribute('query'));
    query.set('limit', SNAPSHOT);
    query.set('last', SNAPSHOT);
    this.stream.refresh(`/api/v1/audits?${query}`, ({ audits }) => {
      this.rows.replaceChildren(...audits.map((record) => fill(this.clone('.row'), record)).reverse());
      this.querySelector('.empty').hidden = audits.length > 0;
      this.querySelector('.older').hidden = audits.length < SNAPSHOT;
      this.toNewest();
    });
  }

  dropOldest() {
    super.dropOldest();
    this.querySelector('.older').hidden = false;
  }

  // The stream delivers the row.
  sent(record, form) {
    if (!this.#matches(record)) form.querySelector('.done').textContent = 'Recorded. The filter above hides it.';
  }

  #matches(record) {
    return ['actor', 'action'].every((name) => ['', record?.[name] ?? ''].includes(this.getAttribute(name)));
  }
}

function fill(row, record) {
  for (const name of ['id', 'actor', 'action', 'target']) {
    row.querySelector(`.${name}`).textContent = record[name] ?? '';
  }
  row.querySelector('.details').textContent = JSON.stringify(record.details) ?? '';
  showTime(row.querySelector('time'), record.created_at, { seconds: true });
  return row;
}

function inOneLine(json) {
  return JSON.stringify(parseExact(json)) ?? json;
}

customElements.define('live-audits', LiveAudits);
