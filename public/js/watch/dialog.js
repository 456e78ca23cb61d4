// Shows one event in full: its attributes, its data, and each of its fields, all of which can be copied.

import { copy } from '../elements/clipboard.js';
import { isRecord, pretty, readExact } from './data.js';
import { showTime } from '../elements/times.js';

const FIELDS = 200; // shown
const LONGEST = 500_000; // characters shown; copies are complete

export class EventDialog {
  /** @param {HTMLDialogElement} dialog @param {HTMLTemplateElement} fieldRow */
  constructor(dialog, fieldRow) {
    this.dialog = dialog;
    this.fieldRow = fieldRow;
    dialog.querySelector('.close').onclick = () => dialog.close();
    dialog.onclick = ({ target }) => target === dialog && dialog.close(); // a click on the backdrop
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} event */
  show(event) {
    const { dialog } = this;
    const { id, topic, type, time, data } = event;
    const set = (selector, text) => (dialog.querySelector(selector).textContent = text);
    set('#event-title', type || 'Event');
    set('.facts .topic', topic);
    set('.facts .type', type || 'message');
    set('.facts .id', id);
    showTime(dialog.querySelector('.facts time'), time, { seconds: true });
    const text = pretty(data);
    set('.text', text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
    this.#copies('.copy-data', 'Copy data', () => data);
    const whole = { id, topic, type, time, data: readExact(data) ?? data };
    this.#copies('.copy-event', 'Copy event as JSON', () => JSON.stringify(whole, null, 2));
    this.#fields(readExact(data));
    dialog.showModal();
    dialog.querySelector('.dialog').scrollTop = dialog.querySelector('.text').scrollTop = 0;
  }

  #fields(record) {
    const entries = isRecord(record) ? Object.entries(record).slice(0, FIELDS) : [];
    this.dialog.querySelector('.fields-of').hidden = entries.length === 0;
    this.dialog.querySelector('.fields-of tbody').replaceChildren(...entries.map(([name, value]) => {
      const row = this.fieldRow.content.firstElementChild.cloneNode(true);
      const json = JSON.stringify(value);
      row.querySelector('th').textContent = name || '""';
      const shown = json.length > LONGEST / 100 ? `${json.slice(0, LONGEST / 100)}…` : json;
      row.querySelector('.field-value').textContent = shown;
      const button = row.querySelector('button');
      button.querySelector('.words').textContent = name;
      this.#button(button, button.querySelector('span'), 'Copy', () => json);
      return row;
    }));
  }

  #copies(selector, label, text) {
    const button = this.dialog.querySelector(selector);
    this.#button(button, button.querySelector('span'), label, text);
  }

  #button(button, words, label, text) {
    words.textContent = label;
    button.onclick = async () => {
      words.textContent = (await copy(text(), this.dialog)) ? 'Copied' : 'Not copied';
      setTimeout(() => (words.textContent = label), 2_000); // ms
    };
  }
}
