// Live lists: a row for each event. The newest stays in view unless the reader has scrolled away from it.

import { LiveElement } from './live-element.js';

const MOST_ROWS = 500;
const AT_END = 8; // px from the newest row that still count as being there

/**
 * Subclasses have `fill(row, StreamEvent)`. It contains .scroller with a tbody or ol, .newest, .empty, and the
 * templates .row and .gap-row. `newest="first"` puts the newest row on top.
 */
export class LiveRows extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    this.scroller = this.querySelector('.scroller');
    this.rows = this.querySelector('.scroller :is(tbody, ol)');
    this.newest = this.querySelector('.newest');
    this.newestFirst = this.getAttribute('newest') === 'first';
    this.follows = true;
    this.scroller.onscroll = () => this.#look();
    this.newest.onclick = () => {
      this.toNewest();
      this.scroller.focus(); // the button is about to be hidden
    };
    this.toNewest();
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} event */
  event(event) {
    const known = this.rows.querySelector(`[data-id="${CSS.escape(event.id)}"]`);
    const row = known || this.clone('.row');
    row.dataset.id = event.id;
    this.fill(row, event);
    if (!known) this.add(row);
  }

  gap() {
    const last = this.newestFirst ? this.rows.firstElementChild : this.rows.lastElementChild;
    if (!last?.matches('.gap')) this.add(this.clone('.gap-row'));
  }

  clone(template) {
    return this.querySelector(`template${template}`).content.firstElementChild.cloneNode(true);
  }

  add(row) {
    if (this.newestFirst) this.#onTop(() => this.rows.prepend(row));
    else this.rows.append(row);
    this.querySelector('.empty').hidden = true;
    while (this.rows.children.length > MOST_ROWS) this.dropOldest();
    if (this.follows) this.toNewest();
  }

  dropOldest() {
    if (this.newestFirst) this.rows.lastElementChild.remove();
    else this.#onTop(() => this.rows.firstElementChild.remove());
  }

  toNewest() {
    this.scroller.scrollTop = this.newestFirst ? 0 : this.scroller.scrollHeight;
  }

  // Rows are added or removed at the top, and the view stays in place.
  #onTop(change) {
    const before = this.scroller.scrollHeight;
    change();
    if (!this.follows) this.scroller.scrollTop += this.scroller.scrollHeight - before;
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.follows = (this.newestFirst ? scrollTop : scrollHeight - scrollTop - clientHeight) < AT_END;
    this.newest.hidden = this.follows;
  }
}
