// Live charts of the numbers in events. This module and the chart library are loaded once there are numbers.

import { Chart } from './chart.js';
import { Chips } from './chips.js';

const OFTEN = 200; // ms between redraws
const dark = matchMedia('(prefers-color-scheme: dark)');

export class Charts {
  #charts = new Map(); // by field
  #last = 0; // numbers.version of the last redraw

  /** @param {HTMLElement} place has .grid and .chips */
  constructor(place, template, numbers) {
    this.place = place;
    this.grid = place.querySelector('.grid');
    this.template = template;
    this.numbers = numbers;
    this.chips = new Chips(place.querySelector('.chips'), () => this.#arrange());
    dark.addEventListener('change', () => this.#arrange(true));
    new ResizeObserver(() => this.#fit()).observe(this.grid);
  }

  /** @param {Set<string>} others fields shown elsewhere, which are only drawn if chosen */
  draw(others) {
    if (this.#last === this.numbers.version || this.again) return;
    const wait = OFTEN - (performance.now() - (this.drawnAt ?? -OFTEN));
    const again = () => {
      this.again = undefined;
      this.draw(others);
    };
    if (wait > 0) return void (this.again = setTimeout(again, wait));
    this.drawnAt = performance.now();
    this.#last = this.numbers.version;
    if (this.chips.offer([...this.numbers.fields.values()], others)) this.#arrange();
    for (const chart of this.#charts.values()) chart.draw();
  }

  #arrange(anew = false) {
    for (const [name, chart] of this.#charts) {
      if (!anew && this.chips.chosen.has(name)) continue;
      chart.remove();
      this.#charts.delete(name);
    }
    for (const name of this.chips.chosen) {
      if (this.#charts.has(name)) continue;
      this.#charts.set(name, new Chart(this.numbers.fields.get(name), this.grid, this.template));
    }
    this.place.hidden = this.chips.empty;
    this.#fit();
    for (const chart of this.#charts.values()) chart.draw();
  }

  #fit() {
    for (const chart of this.#charts.values()) chart.fit();
  }
}
