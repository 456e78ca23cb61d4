// Progress bars, one per task, for events with a `status` and a field from 0 to 100, such as
// {"status":"in_progress","completion":51.22}.

const SHARE = /progress|percent|pct|complet|done/i; // names of such a field
const NAME = ['id', 'job', 'task', 'name', 'file', 'title']; // fields that identify a task within its topic
const digits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const MOST = 12; // tasks shown, the most recently updated

export class Runs {
  #runs = new Map(); // by task, most recently updated last
  #moved = new Set(); // those to redraw

  /** @param {HTMLElement} place has ul and the template */
  constructor(place, template) {
    this.place = place;
    this.list = place.querySelector('ul');
    this.template = template;
  }

  /** @param {object} record @returns {string | undefined} the field with the progress, if any */
  see({ topic }, record) {
    const { status } = record;
    if (typeof status !== 'string' || !Object.hasOwn(record, 'status')) return undefined;
    const isShare = (value) => typeof value === 'number' && value >= 0 && value <= 100;
    const field = Object.keys(record).find((name) => SHARE.test(name) && isShare(record[name]));
    if (field === undefined) return undefined;
    const names = (key) => Object.hasOwn(record, key) && ['string', 'number'].includes(typeof record[key]);
    const name = NAME.filter(names).map((key) => String(record[key]))[0];
    const key = JSON.stringify([topic, name]);
    const run = this.#runs.get(key) ?? {};
    this.#runs.delete(key); // to the end
    const title = name ? `${topic} · ${name}`.slice(0, 120) : topic;
    this.#runs.set(key, Object.assign(run, { title, status: status.slice(0, 60), share: record[field] }));
    this.#moved.add(run);
    for (const [oldest, { row }] of this.#runs) {
      if (this.#runs.size <= MOST) break;
      row?.remove();
      this.#moved.delete(this.#runs.get(oldest));
      this.#runs.delete(oldest);
    }
    return field;
  }

  draw() {
    for (const run of this.#moved) {
      if (!run.row) this.list.append((run.row = this.template.content.firstElementChild.cloneNode(true)));
      const { row, title, status, share } = run;
      row.dataset.tone = tone(status);
      row.querySelector('.run-name').textContent = title;
      row.querySelector('.run-status').textContent = status.replaceAll('_', ' ');
      row.querySelector('.run-share').textContent = `${digits.format(share)}%`;
      row.querySelector('progress').value = share;
      row.querySelector('progress').ariaLabel = `${title}: ${status}`;
    }
    this.#moved.clear();
    this.place.hidden = this.#runs.size === 0;
  }
}

function tone(status) {
  if (/fail|error|abort|cancel|reject|timed?.?out/i.test(status)) return 'bad';
  if (/complete|success|succeed|finish|done|ready|ok$/i.test(status)) return 'good';
  return 'on';
}
