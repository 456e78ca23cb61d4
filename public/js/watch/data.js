// Interprets an event's data and formats its fields. Data may be anything: any publisher can have written it.

import { parseExact, parseJSON } from '../elements/json.js';

const DEEPEST = 60; // levels of nesting; deeper data is shown as text
const EXACT = 20_000; // characters up to which numbers keep their source text
const LONGEST = 300; // characters of a cell

/** @param {string} text @returns {any} its JSON value; undefined if it is not JSON, or nested too deeply */
export function read(text) {
  if (!/^\s*[[{"\d-]|^\s*(true|false|null)\s*$/.test(text) || isDeep(text)) return undefined;
  return parseJSON(text) ?? undefined;
}

/** Like read, with each number as written, for display. */
export function readExact(text) {
  if (text.length > EXACT) return read(text);
  return isDeep(text) ? undefined : parseExact(text);
}

/** @returns {boolean} whether the value has fields */
export function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON?.(value);
}

/** @param {any} value of a field @returns {{text: string, kind: string}} a cell; kind is its CSS class */
export function cell(value) {
  if (value === undefined) return { text: '', kind: 'none' };
  if (typeof value === 'string') return { text: inOneLine(value), kind: 'string' };
  if (typeof value === 'number' || JSON.isRawJSON?.(value)) return { text: JSON.stringify(value), kind: 'number' };
  return { text: JSON.stringify(value).slice(0, LONGEST), kind: typeof value === 'object' ? 'nested' : 'word' };
}

/** @param {string} text @returns {string} its beginning, with visible line breaks */
export function inOneLine(text) {
  return text.slice(0, LONGEST).replace(/\r\n?|\n/g, ' ⏎ ');
}

/** @param {string} text @returns {string} indented if it is JSON, else as is */
export function pretty(text) {
  const value = readExact(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

// Brackets within strings count too; data that is wrongly taken for too deep is still shown as text.
function isDeep(text) {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) | 0x20; // [ and { are then the same, ] and } too
    if (code === 0x7b && ++depth > DEEPEST) return true;
    if (code === 0x7d) depth--;
  }
  return false;
}

/** The fields of the events, in order of appearance. */
export class Columns {
  #known = new Set();
  static SHOWN = 30; // columns; further fields share one
  static KNOWN = 2_000; // fields tracked

  names = []; // of the columns
  version = 0; // incremented when the columns change

  /** @param {object} record */
  see(record) {
    for (const name of Object.keys(record)) {
      if (this.#known.has(name) || this.#known.size >= Columns.KNOWN) continue;
      this.#known.add(name);
      if (this.names.length < Columns.SHOWN) this.names.push(name);
      this.version++;
    }
  }

  /** @returns {number} fields without a column of their own */
  get more() {
    return this.#known.size - this.names.length;
  }

  /** @returns {object} the record's fields without a column of their own */
  rest(record) {
    return Object.fromEntries(Object.entries(record).filter(([name]) => !this.names.includes(name)));
  }
}
