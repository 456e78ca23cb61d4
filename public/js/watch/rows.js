// The table of a page that watches topics. However many rows there are, only those in sight are in the document.

import { RowFiller } from './cells.js';

const BEYOND = 6; // rows above and below what is in sight
const AT_END = 8; // px from the newest that still count as there

export class Rows {
  #drawn = new Map(); // rows by the entry's n
  #spare = [];
  #gone = 0; // entries.gone when it was drawn last
  #current; // n of the row that the keyboard is at
  follows = true;

  /** @param {HTMLElement} place has .scroller, .newest and the templates */
  constructor(place, entries, { columns, named }) {
    this.entries = entries;
    this.filler = new RowFiller(place, { columns, named });
    this.scroller = place.querySelector('.scroller');
    this.newest = place.querySelector('.newest');
    this.body = place.querySelector('tbody');
    this.above = space();
    this.below = space();
    this.body.replaceChildren(this.above, this.below);
    this.high = 2 * parseFloat(getComputedStyle(document.documentElement).fontSize); // px of a row, 2rem in the stylesheet
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.body.addEventListener('keydown', (event) => this.#key(event));
    this.newest.onclick = () => {
      this.toNewest();
      this.scroller.focus({ preventScroll: true }); // the button is about to go
    };
    new ResizeObserver(() => {
      this.inSight = Math.ceil(this.scroller.clientHeight / this.high);
      this.draw();
    }).observe(this.scroller);
    this.inSight = Math.ceil(this.scroller.clientHeight / this.high);
  }

  toNewest() {
    this.follows = true;
    this.draw();
  }

  draw() {
    const { shown, gone } = this.entries;
    const total = shown.length;
    let top = this.follows ? Infinity : this.scroller.scrollTop - (gone - this.#gone) * this.high;
    this.#gone = gone;
    const first = Math.max(0, Math.min(Math.floor(top / this.high), total - this.inSight + 1) - BEYOND);
    const wanted = shown.slice(first, Math.min(total, first + this.inSight + 2 * BEYOND));
    this.above.style.blockSize = `${first * this.high}px`;
    this.below.style.blockSize = `${(total - first - wanted.length) * this.high}px`;
    this.filler.head();
    this.#place(wanted, first);
    if (this.follows) top = total * this.high + 100;
    if (this.scroller.scrollTop !== top) this.scroller.scrollTop = top;
    this.newest.hidden = this.follows;
  }

  // Rows that stay are not moved, so that one with the focus keeps it.
  #place(wanted, first) {
    const stay = new Set(wanted.map(({ n }) => n));
    for (const [n, row] of this.#drawn) {
      if (stay.has(n)) continue;
      if (row.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
      row.remove();
      this.#drawn.delete(n);
      if (!row.matches('.gap')) this.#spare.push(row);
    }
    let before = this.above;
    wanted.forEach((entry, i) => {
      const known = this.#drawn.get(entry.n);
      const row = this.filler.fill(entry, known ?? (entry.gap ? undefined : this.#spare.pop()));
      row.at = first + i;
      if (!known) {
        this.#drawn.set(entry.n, row);
        before.after(row);
      }
      row.ariaRowIndex = first + i + 2; // after the heading
      before = row;
    });
    this.filler.table.ariaRowCount = this.entries.shown.length + 1;
    const reachable = this.#drawn.get(this.#current) ?? [...this.#drawn.values()].findLast((row) => row.at < first + BEYOND + this.inSight);
    for (const row of this.#drawn.values()) row.querySelector('button')?.setAttribute('tabindex', row === reachable ? 0 : -1);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.follows = scrollHeight - scrollTop - clientHeight < AT_END;
    this.draw();
  }

  #key(event) {
    const at = event.target.closest('tr')?.at;
    const page = this.inSight - 3;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: Infinity }[event.key];
    if (to === undefined || at === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#focus(Math.max(0, Math.min(to, this.entries.shown.length - 1)));
  }

  // The reader is at this row now: it is not to move away.
  #focus(i) {
    this.follows = false;
    this.draw();
    const { scroller, high } = this;
    this.#current = this.entries.shown.at(i).n;
    scroller.scrollTop = Math.min(Math.max(scroller.scrollTop, (i + 2) * high - scroller.clientHeight), i * high);
    this.draw();
    this.#drawn.get(this.#current)?.querySelector('button')?.focus({ preventScroll: true });
  }
}

function space() {
  const row = document.createElement('tr');
  row.className = 'space';
  row.ariaHidden = 'true';
  return row;
}
