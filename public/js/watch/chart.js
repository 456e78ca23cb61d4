// For charts.js: a line chart of one field, with a line per topic.

import uPlot from '../../vendor/uplot/uPlot.js';

const HIGH = 150; // px
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LINES = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6'];

// Between ticks of the time axis.
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800];
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const digits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const compact = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4, notation: 'compact' });
const short = (value) => (value == null ? '–' : (Math.abs(value) < 1e6 ? digits : compact).format(value));

export class Chart {
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
    const now = topics.map((topic, i) => `${latest[i]} (${topic})`).join(', ');
    const range = min == null ? '' : `; axis from ${short(min)} to ${short(max)}`; // null before uPlot's first drawing
    this.place.ariaLabel = `${field.name}: currently ${now}${range}`;
  }

  #make() {
    this.plot?.destroy();
    this.lines = this.field.lines.size;
    const topics = [...this.field.lines.keys()];
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: colour('--muted'), font: '11px system-ui, sans-serif', grid, ticks: { show: false } };
    const times = (_, ticks) => ticks.map((seconds) => clock.format(seconds * 1000));
    const line = { width: 2, spanGaps: true, points: { show: false } };
    const fill = topics.length === 1 ? `${colour(LINES[0])}22` : undefined;
    this.plot = new uPlot({
      width: this.width, height: HIGH, legend: { show: false }, cursor: { show: false }, padding: [8, 22, 0, 0],
      axes: [
        { ...axis, grid: { show: false }, space: 80, size: 24, incrs: SECONDS, values: times },
        { ...axis, size: 52, space: 36, values: (_, ticks) => ticks.map(short) },
      ],
      series: [{}, ...topics.map((label, i) => ({ ...line, label, stroke: colour(LINES[i]), fill }))],
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
