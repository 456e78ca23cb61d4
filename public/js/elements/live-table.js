// <live-table topic="hello">: a row for each event, newest last.

import { parseJSON } from './json.js';
import { LiveRows } from './live-rows.js';

class LiveTable extends LiveRows {
  // Data is {"timestamp": unix seconds, "message"}; anything else is shown as text, with the event's own time.
  fill(row, event) {
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
}

customElements.define('live-table', LiveTable);
