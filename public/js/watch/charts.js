// Live charts of the numbers that events carry. This module, and the library that draws, are loaded when there are numbers.

import uPlot from '../../vendor/uplot/uPlot.js';
import { Chips } from './chips.js';

const [HIGH, OFTEN] = [150, 200]; // px; ms between two drawings

const dark = matchMedia('(prefers-color-scheme: dark)');
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LINES = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6'];

export class Charts {
  #charts = new Map(); // by field
  #last = 0; // numbers.version when it was drawn

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

  /** @param {Set<string>} others fields that are shown in another way, and so not drawn unless chosen */
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
      if (!this.#charts.has(name)) this.#charts.set(name, new Chart(this.numbers.fields.get(name), this.grid, this.template));
    }
    this.place.hidden = this.chips.empty;
    this.#fit();
    for (const chart of this.#charts.values()) chart.draw();
  }

  #fit() {
    for (const chart of this.#charts.values()) chart.fit();
  }
}

class Chart {
  constructor(field, grid, template) {
    this.field = field;
    this.figure = template.content.firstElementChild.cloneNode(true);
    this.figure.querySelector('.field').textContent = field.name.slice(0, 80) || '""';
    this.place = this.figure.querySelector('.plot');
    grid.append(this.figure);
  }

  draw() {
    const { field } = this;
    if (field.lines.size !== this.lines) this.#make();
    this.plot.setData([field.times, ...field.lines.values()]);
    const latest = [...field.lines.values()].map((values) => short(values.findLast((value) => value !== null)));
    this.figure.querySelector('.value').textContent = latest.length > 1 ? '' : latest[0];
    const topics = [...field.lines.keys()];
    this.figure.querySelectorAll('.legend b').forEach((place, i) => (place.textContent = latest[i]));
    const { min, max } = this.plot.scales.y;
    this.place.ariaLabel = `${field.name}: now ${topics.map((topic, i) => `${latest[i]} (${topic})`).join(', ')}; the axis goes from ${short(min)} to ${short(max)}`;
  }

  #make() {
    this.plot?.destroy();
    this.lines = this.field.lines.size;
    const topics = [...this.field.lines.keys()];
    const axis = { stroke: colour('--muted'), font: '11px system-ui, sans-serif', grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    this.plot = new uPlot({
      width: this.width, height: HIGH, legend: { show: false }, cursor: { show: false }, padding: [8, 22, 0, 0],
      axes: [{ ...axis, grid: { show: false }, space: 80, size: 24, incrs: SECONDS, values: (_, ticks) => ticks.map((seconds) => clock.format(seconds * 1000)) }, { ...axis, size: 52, space: 36, values: (_, ticks) => ticks.map(short) }],
      series: [{}, ...topics.map((label, i) => ({ label, stroke: colour(LINES[i]), width: 2, spanGaps: true, points: { show: false },
        fill: topics.length === 1 ? `${colour(LINES[i])}22` : undefined }))],
    }, [this.field.times, ...this.field.lines.values()], this.place);
    this.figure.querySelector('.legend').replaceChildren(...(topics.length > 1 ? topics.map(key) : []));
  }

  get width() {
    return Math.max(this.place.clientWidth, 100);
  }

  fit() {
    if (this.plot && this.plot.width !== this.width) this.plot.setSize({ width: this.width, height: HIGH });
  }

  remove() {
    this.plot?.destroy();
    this.figure.remove();
  }
}

function key(topic, i) {
  const made = Object.assign(document.createElement('span'), { textContent: `${topic} `, className: `of-${i + 1}` });
  made.append(document.createElement('b'));
  return made;
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800]; // between two marks of the axis
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const digits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const compact = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4, notation: 'compact' });
const short = (value) => (value == null ? '–' : (Math.abs(value) < 1e6 ? digits : compact).format(value));
