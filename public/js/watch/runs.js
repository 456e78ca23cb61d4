// Progress: of events with a `status` and a field that runs from 0 to 100, such as {"status":"in_progress","completion":51.22},
// one bar for each task, moved by each event.

const SHARE = /progress|percent|pct|complet|done/i; // names of such a field
const NAME = ['id', 'job', 'task', 'name', 'file', 'title']; // fields that tell tasks of one topic apart
const MOST = 12; // tasks shown: those that moved last

export class Runs {
  #runs = new Map(); // by task, the one that moved last at the end
  #moved = new Set();

  /** @param {HTMLElement} place has ul and the template */
  constructor(place, template) {
    this.place = place;
    this.list = place.querySelector('ul');
    this.template = template;
  }

  /** @param {object} record @returns {string | undefined} the field that is a progress */
  see({ topic }, record) {
    const { status } = record;
    if (typeof status !== 'string' || !Object.hasOwn(record, 'status')) return undefined;
    const field = Object.keys(record).find((name) => SHARE.test(name) && record[name] >= 0 && record[name] <= 100 && typeof record[name] === 'number');
    if (field === undefined) return undefined;
    const name = NAME.filter((name) => Object.hasOwn(record, name) && ['string', 'number'].includes(typeof record[name])).map((name) => String(record[name]))[0];
    const key = JSON.stringify([topic, name]);
    const run = this.#runs.get(key) ?? {};
    this.#runs.delete(key); // to the end
    this.#runs.set(key, Object.assign(run, { title: name ? `${topic} · ${name}`.slice(0, 120) : topic, status: status.slice(0, 60), share: record[field] }));
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
      row.querySelector('.run-share').textContent = `${share.toLocaleString(undefined, { maximumFractionDigits: 1 })} %`;
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
