// <live-figures topic="$server">: the newest event's fields, each in the element that names it in data-field; several
// names are summed. It may be hidden until the first event.

import { LiveElement } from './live-element.js';

const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });

class LiveFigures extends LiveElement {
  /** @param {import('../broadcast/broadcast.js').StreamEvent} event */
  event({ data }) {
    const values = JSON.parse(data);
    this.hidden = false;
    for (const place of this.querySelectorAll('[data-field]')) {
      const found = place.dataset.field.split(' ').map((name) => values[name]);
      const known = found.every((value) => typeof value === 'number');
      place.textContent = known ? number.format(found.reduce((sum, value) => sum + value)) : '–';
    }
  }
}

customElements.define('live-figures', LiveFigures);
