// Chooses which fields are drawn: a toggle button for each.

const AT_FIRST = 4; // charts shown by default

export class Chips {
  #buttons = new Map();
  chosen = new Set();

  /** @param {HTMLElement} place @param {() => void} changed */
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
  }

  /** Whether no field has been worth a chart so far. */
  get empty() {
    return !this.used;
  }

  /**
   * @param {{name: string, dull: boolean}[]} fields @param {Set<string>} others shown elsewhere
   * @returns {boolean} whether there are new fields
   */
  offer(fields, others) {
    let changed = false;
    for (const { name, dull } of fields) {
      if (this.#buttons.has(name)) continue;
      changed = true;
      if (!dull && !others.has(name) && this.chosen.size < AT_FIRST) this.chosen.add(name);
      this.used ||= this.chosen.size > 0;
      this.#buttons.set(name, this.#button(name));
    }
    this.place.hidden = this.#buttons.size < 2;
    return changed;
  }

  #button(name) {
    const words = { textContent: name.slice(0, 40) || '""', title: name.slice(0, 300) };
    const made = Object.assign(document.createElement('button'), { type: 'button', ...words });
    const press = () => made.setAttribute('aria-pressed', this.chosen.has(name));
    press();
    made.onclick = () => {
      if (!this.chosen.delete(name)) this.chosen.add(name);
      press();
      this.changed();
    };
    this.place.append(made);
    return made;
  }
}
