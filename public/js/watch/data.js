// What an event's data is, and how its fields are shown. It may be anything: whoever may publish wrote it.

import { parseExact, parseJSON } from '../elements/json.js';

const DEEPEST = 60; // levels that are taken apart; what is deeper is shown as the text that it is
const EXACT = 20_000; // characters up to which numbers are read as they were written
const LONGEST = 300; // characters of a cell

/** @param {string} text @returns {any} what it is as JSON: undefined if it is none, or too deep */
export function read(text) {
  return /^\s*[[{"\d-]|^\s*(true|false|null)\s*$/.test(text) && !isDeep(text) ? (parseJSON(text) ?? undefined) : undefined;
}

/** The same with each number as it was written, for what is shown. */
export function readExact(text) {
  if (text.length > EXACT) return read(text);
  return isDeep(text) ? undefined : parseExact(text);
}

/** @returns {boolean} whether the value has fields */
export function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON?.(value);
}

/** @param {any} value of a field @returns {{text: string, kind: string}} for a cell; kind is for its looks */
export function cell(value) {
  if (value === undefined) return { text: '', kind: 'none' };
  if (typeof value === 'string') return { text: inOneLine(value), kind: 'string' };
  if (typeof value === 'number' || JSON.isRawJSON?.(value)) return { text: JSON.stringify(value), kind: 'number' };
  return { text: JSON.stringify(value).slice(0, LONGEST), kind: typeof value === 'object' ? 'nested' : 'word' };
}

/** @param {string} text @returns {string} its beginning, with its line breaks shown */
export function inOneLine(text) {
  return text.slice(0, LONGEST).replace(/\r\n?|\n/g, ' ⏎ ');
}

/** @param {string} text @returns {string} JSON with line breaks, anything else as it is */
export function pretty(text) {
  const value = readExact(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

// Brackets within strings count too, so that some text is taken for deeper than it is: it is shown, all the same.
function isDeep(text) {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) | 0x20; // [ and { are then the same, ] and } too
    if (code === 0x7b && ++depth > DEEPEST) return true;
    if (code === 0x7d) depth--;
  }
  return false;
}

/** The fields that events have, in the order in which they appeared. */
export class Columns {
  #known = new Set();
  static SHOWN = 30; // columns; further fields share one
  static KNOWN = 2_000; // fields told apart

  names = []; // of the shown
  version = 0; // rises when the columns change

  /** @param {object} record */
  see(record) {
    for (const name of Object.keys(record)) {
      if (this.#known.has(name) || this.#known.size >= Columns.KNOWN) continue;
      this.#known.add(name);
      if (this.names.length < Columns.SHOWN) this.names.push(name);
      this.version++;
    }
  }

  /** @returns {number} fields that have no column of their own */
  get more() {
    return this.#known.size - this.names.length;
  }

  /** @returns {object} what of the record has no column; */
  rest(record) {
    return Object.fromEntries(Object.entries(record).filter(([name]) => !this.names.includes(name)));
  }
}
