// The heading and the cells of the watch page's table.

import { Columns, cell, inOneLine, isRecord, readExact } from './data.js';

const [NARROW, WIDE] = [7, 32]; // characters in a field's column, at least and at most
const PADDING = 4; // characters

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23',
});

export class RowFiller {
  #drawn; // a key of what the heading shows
  #widths = new Map(); // characters, by field
  #numbers = new Set(); // fields that have had numbers, whose heading is aligned as they are
  typed = false; // an event has had a type

  /** @param {HTMLElement} place @param {boolean} options.named rows have a topic */
  constructor(place, { columns, named }) {
    this.columns = columns;
    this.named = named;
    this.table = place.querySelector('table');
    this.row = place.querySelector('template.row').content.firstElementChild;
    this.gapRow = place.querySelector('template.gap-row').content.firstElementChild;
  }

  /** Updates the heading to the current columns. */
  head() {
    const shape = `${this.columns.version} ${this.typed} ${[...this.#widths.values()]} ${this.#numbers.size}`;
    if (shape === this.#drawn) return;
    this.#drawn = shape;
    const { names, more } = this.columns;
    const columns = [{ title: 'Time', width: 16, kind: 'when' }];
    if (this.named) columns.push({ title: 'Topic', width: 20 });
    if (this.typed) columns.push({ title: 'Type', width: 13 });
    for (const name of names) {
      const kind = this.#numbers.has(name) ? 'number' : '';
      const width = Math.max(this.#widths.get(name) ?? NARROW, Math.min(name.length, WIDE)) + PADDING;
      columns.push({ title: inOneLine(name) || '""', kind, width });
    }
    if (more) columns.push({ title: `${more} more`, width: WIDE });
    if (!names.length) columns.push({ title: 'Data', width: 12 });
    this.span = Math.max(1, names.length + (more ? 1 : 0));
    this.table.tHead.rows[0].replaceChildren(...columns.map(heading));
    const cols = columns.map(({ width }, i) => column((names.length || i < columns.length - 1) && width));
    this.table.querySelector('colgroup').replaceChildren(...cols);
    this.table.style.minInlineSize = `${columns.reduce((sum, { width }) => sum + width, 0)}ch`;
  }

  /** @param {HTMLTableRowElement} [row] to reuse @returns {HTMLTableRowElement} */
  fill(entry, row = (entry.gap ? this.gapRow : this.row).cloneNode(true)) {
    const shape = `${entry.n} ${this.columns.version} ${this.typed}`;
    if (row.shape === shape) return row;
    row.shape = shape;
    if (entry.gap) row.cells[0].colSpan = this.span + 1 + this.named + this.typed;
    else this.#cells(row, entry.event);
    return row;
  }

  #cells(row, event) {
    const time = row.querySelector('time');
    time.dateTime = event.time;
    time.textContent = clock.format(new Date(event.time));
    const cells = [];
    if (this.named) cells.push({ text: event.topic, kind: 'topic' });
    if (this.typed) cells.push({ text: event.type, kind: 'type' });
    const record = readExact(event.data);
    if (isRecord(record)) cells.push(...this.#fields(record));
    else {
      const kind = typeof record === 'number' ? 'text number' : 'text';
      cells.push({ text: inOneLine(event.data), kind, span: this.span });
    }
    while (row.cells.length > cells.length + 1) row.deleteCell(-1);
    while (row.cells.length < cells.length + 1) row.insertCell();
    cells.forEach(({ text, kind, span = 1 }, i) => {
      const place = row.cells[i + 1];
      place.textContent = text;
      place.className = kind;
      place.colSpan = span;
    });
  }

  #fields(record) {
    const { names, more } = this.columns;
    const cells = names.map((name) => cell(Object.hasOwn(record, name) ? record[name] : undefined));
    cells.forEach(({ text, kind }, i) => {
      const width = Math.min(text.length, WIDE);
      if (kind === 'number') this.#numbers.add(names[i]);
      if (width > (this.#widths.get(names[i]) ?? NARROW)) this.#widths.set(names[i], width);
    });
    if (more) {
      const rest = this.columns.rest(record);
      cells.push(Object.keys(rest).length ? cell(rest) : cell(undefined));
    }
    if (!names.length) cells.push(cell(record)); // {}
    return cells;
  }
}

function heading({ title, kind = '' }) {
  const made = document.createElement('th');
  made.scope = 'col';
  made.textContent = made.title = title;
  made.className = kind;
  return made;
}

function column(width) {
  const made = document.createElement('col');
  if (width) made.style.inlineSize = `${width}ch`;
  return made;
}
