// A live chart of the last measurements: a bar for each, and a line at the expected value.

const SVG = 'http://www.w3.org/2000/svg';
const BARS = 60;
const [WIDE, HIGH] = [5, 100]; // of a bar's slot, in units of the viewBox

export class Bars {
  #values = [];

  /**
   * @param {HTMLElement} place where the chart is inserted
   * @param {object} options
   * @param {number} options.normal the expected value, at half the height; bars of more than twice that are cut off
   * @param {string} options.unit in words, for screen readers
   */
  constructor(place, { normal, unit }) {
    this.normal = normal;
    this.unit = unit;
    const viewBox = `0 0 ${BARS * WIDE} ${HIGH}`;
    this.svg = element('svg', { viewBox, preserveAspectRatio: 'none', role: 'img', 'aria-label': 'No data yet' });
    const bar = (_, i) => element('rect', { x: i * WIDE + 0.75, width: WIDE - 1.5, y: HIGH, height: 0 });
    this.bars = Array.from({ length: BARS }, bar);
    this.svg.append(...this.bars, element('line', { x1: 0, x2: BARS * WIDE, y1: HIGH / 2, y2: HIGH / 2 }));
    place.append(this.svg);
  }

  /** @param {number} value drawn at the right @returns {{least: number, usual: number, most: number}} of those shown */
  add(value) {
    this.#values = [...this.#values, value].slice(-BARS);
    this.#values.forEach((value, i) => this.#draw(this.bars.at(i - this.#values.length), value));
    const sorted = this.#values.toSorted((a, b) => a - b);
    const [least, usual, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
    this.svg.ariaLabel = `The last ${sorted.length}: ${least} to ${most} ${this.unit}, median ${usual}`;
    return { least, usual, most };
  }

  #draw(bar, value) {
    const high = Math.min((value / this.normal) * (HIGH / 2), HIGH);
    bar.setAttribute('y', HIGH - high);
    bar.setAttribute('height', high);
    bar.classList.toggle('off', Math.abs(value - this.normal) > this.normal / 2);
  }
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
