// The watch page's table. Only the rows in view are in the document.

import { RowFiller } from './cells.js';

const BEYOND = 6; // rows above and below the view
const AT_END = 8; // px from the newest row that still count as being there

export class Rows {
  #drawn = new Map(); // rows by the entry's n
  #spare = [];
  #gone = 0; // entries.gone of the last redraw
  #current; // n of the row that has the keyboard focus
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
    this.high = 2 * parseFloat(getComputedStyle(document.documentElement).fontSize); // of a row, in px: 2rem
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.body.addEventListener('keydown', (event) => this.#key(event));
    this.newest.onclick = () => {
      this.toNewest();
      this.scroller.focus({ preventScroll: true }); // the button is about to be hidden
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

  // Rows that stay are not moved, so that the focus is kept.
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
    const inView = (row) => row.at < first + BEYOND + this.inSight;
    const reachable = this.#drawn.get(this.#current) ?? [...this.#drawn.values()].findLast(inView);
    const reach = (row) => row.querySelector('button')?.setAttribute('tabindex', row === reachable ? 0 : -1);
    this.#drawn.forEach(reach);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.follows = scrollHeight - scrollTop - clientHeight < AT_END;
    this.draw();
  }

  #key(event) {
    const at = event.target.closest('tr')?.at;
    const page = this.inSight - 3;
    const [ArrowDown, ArrowUp, PageDown, PageUp] = [at + 1, at - 1, at + page, at - page];
    const to = { ArrowDown, ArrowUp, PageDown, PageUp, Home: 0, End: Infinity }[event.key];
    if (to === undefined || at === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#focus(Math.max(0, Math.min(to, this.entries.shown.length - 1)));
  }

  // The reader is at this row now, so the table stops following the newest.
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
  return Object.assign(document.createElement('tr'), { className: 'space', ariaHidden: 'true' });
}
