// The numbers in events, by field and topic, for the charts: the newest, as many as a chart shows.

const [POINTS, ROOM] = [1_000, 1_250]; // points kept per field, and the number at which the oldest are dropped
const FIELDS = 24;
const TOPICS = 6; // lines in a chart
const DAY = 86_400; // seconds

/** One field: `times` in seconds, and for each topic as many values, null for events of other topics. */
class Field {
  times = [];
  lines = new Map(); // arrays by topic

  constructor(name, first) {
    this.name = name;
    // Timestamps and numeric ids make no useful chart.
    const recent = (unit) => Math.abs(first / unit - Date.now() / 1000) < 400 * DAY;
    this.dull = /^id$|[_-]id$|Id$/.test(name) || [1, 1e3, 1e6, 1e9].some(recent);
  }

  add(seconds, topic, value) {
    if (!this.lines.has(topic)) {
      if (this.lines.size >= TOPICS) return;
      this.lines.set(topic, Array(this.times.length).fill(null));
    }
    this.times.push(Math.max(seconds, this.times.at(-1) ?? 0));
    for (const [name, values] of this.lines) values.push(name === topic ? value : null);
    if (this.times.length <= ROOM) return;
    for (const values of [this.times, ...this.lines.values()]) values.splice(0, values.length - POINTS);
  }
}

export class Numbers {
  fields = new Map(); // Field by name
  version = 0; // incremented with each number

  /** @param {{topic: string, time: string}} event @param {any} value its data's JSON value */
  see({ topic, time }, value) {
    const seconds = Date.parse(time) / 1000;
    if (typeof value === 'number') this.#add('value', seconds, topic, value);
    else for (const name of Object.keys(value)) this.#add(name, seconds, topic, value[name]);
  }

  #add(name, seconds, topic, value) {
    if (typeof value !== 'number' || !Number.isFinite(value) || !(seconds >= 0)) return;
    if (!this.fields.has(name)) {
      if (this.fields.size >= FIELDS) return;
      this.fields.set(name, new Field(name, value));
    }
    this.fields.get(name).add(seconds, topic, value);
    this.version += 1;
  }
}
