// The watch page's controls (pause, filter, open an event) and its counts.

import { EventDialog } from './dialog.js';

const RATE = 5; // seconds over which the rate is averaged
const TYPING = 150; // ms after the last keystroke

const number = new Intl.NumberFormat();

export class Tools {
  #counted = []; // events in each of the last seconds
  seen = 0; // events in this second
  paused = false;

  /** @param {HTMLElement} watch a <live-watch> */
  constructor(watch) {
    this.watch = watch;
    this.find = (selector) => watch.querySelector(selector);
    this.said = this.find('.said');
    this.dialog = new EventDialog(this.find('dialog'), this.find('template.field-row'));
    this.find('.pause').onclick = () => this.#pause();
    this.find('.filter input').oninput = ({ target }) => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#filter(target.value.trim()), TYPING);
    };
    this.find('tbody').onclick = ({ target }) => this.#open(target.closest('tr'));
    setInterval(() => this.#count(), 1_000);
  }

  #pause() {
    this.paused = !this.paused;
    this.find('.pause .label').textContent = this.paused ? 'Resume' : 'Pause';
    this.watch.toggleAttribute('paused', this.paused);
    const waited = this.watch.waiting.length;
    const shown = waited ? `Resumed. Held events shown: ${number.format(waited)}.` : 'Resumed.';
    this.said.textContent = this.paused ? 'Paused. New events are held.' : shown;
    if (!this.paused) this.watch.resume();
    this.watch.later();
  }

  #filter(text) {
    const { entries, rows } = this.watch;
    entries.filter(text);
    rows.toNewest();
    this.draw();
    const matching = `${number.format(entries.shown.length)} of ${number.format(entries.all.length)} match.`;
    this.said.textContent = text ? matching : '';
  }

  // A click that ends a text selection opens nothing.
  #open(row) {
    const selection = getSelection();
    if (!row || (!selection.isCollapsed && selection.containsNode(row, true))) return;
    const event = this.watch.entries.shown.at(row.at)?.event;
    if (event) this.dialog.show(event);
  }

  #count() {
    this.#counted = [...this.#counted, this.seen].slice(-RATE);
    this.seen = 0;
    this.draw();
  }

  draw() {
    const { entries, waiting } = this.watch;
    const { all, shown } = entries;
    const rate = this.#counted.reduce((sum, n) => sum + n, 0) / (this.#counted.length || 1);
    const parts = [all.length === 1 ? '1 event' : `${number.format(all.length)} events`];
    if (shown !== all) parts.push(`${number.format(shown.length)} matching`);
    if (rate > 0) parts.push(`${rate < 10 ? rate.toFixed(1) : number.format(Math.round(rate))} per second`);
    set(this.find('.counts'), parts.join(' · '));
    const held = `${number.format(waiting.length)}${waiting.lost ? '+' : ''} held`;
    set(this.find('.pause .waiting'), this.paused ? held : '');
    this.find('.empty').hidden = all.length > 0;
    this.find('.unmatched').hidden = all.length === 0 || shown.length > 0;
  }
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
