// <live-watch query="topic=jobs/7" named>: the events of the page's stream as a table, charts and progress bars.
// `named` is for several topics. Events are kept as they arrive, and drawn once per frame.

import { isAfter } from '../broadcast/line.js';
import { LiveElement } from '../elements/live-element.js';
import { Columns, isRecord, read } from './data.js';
import { Entries, Waiting } from './entries.js';
import { Gap } from './gap.js';
import { Numbers } from './numbers.js';
import { Rows } from './rows.js';
import { Runs } from './runs.js';
import { stored } from './stored.js';
import { Tools } from './tools.js';

const AGAIN = 3_000; // ms until the charts are loaded again

class LiveWatch extends LiveElement {
  #newest = ''; // id
  #others = new Set(); // fields shown as progress

  connectedCallback() {
    super.connectedCallback();
    if (this.entries) return; // moved within the page
    const found = stored(this.querySelector('tbody'));
    this.entries = new Entries();
    this.waiting = new Waiting();
    this.columns = new Columns();
    this.numbers = new Numbers();
    this.runs = new Runs(this.querySelector('.runs'), this.querySelector('template.run'));
    this.rows = new Rows(this, this.entries, { columns: this.columns, named: this.hasAttribute('named') });
    this.tools = new Tools(this);
    const arrived = (event) => this.#arrived(event);
    this.gaps = new Gap(this.getAttribute('query'), { known: () => this.#ids(), arrived });
    for (const event of found) this.#arrived(event);
    this.tools.seen = 0; // stored events do not count towards the rate
  }

  // All topics of the page's stream.
  handleEvent({ type, detail }) {
    if (type === 'live-event' && !this.gaps.hold(detail)) this.#arrived(detail);
    if (type === 'live-gap') {
      this.#newest = ''; // the log may have been replaced
      this.#arrived();
      this.gaps.fetch(this.stream, detail);
    }
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} [event] none for a gap */
  #arrived(event) {
    if (event) {
      if (this.#newest && !isAfter(event.id, this.#newest)) return;
      this.#newest = event.id;
    }
    this.tools.seen += 1;
    if (this.tools.paused) this.waiting.hold(event);
    else this.#show(event);
    this.later();
  }

  #show(event) {
    if (!event && this.entries.all.last()?.gap) return;
    this.entries.add(event);
    if (!event) return;
    if (event.type) this.rows.filler.typed = true;
    const value = read(event.data);
    if (isRecord(value)) {
      this.columns.see(value);
      const share = this.runs.see(event, value);
      if (share !== undefined) this.#others.add(share);
    }
    if (isRecord(value) || typeof value === 'number') this.numbers.see(event, value);
  }

  #ids() {
    const { all } = this.entries;
    const kept = [...all.slice(0, all.length), ...this.waiting.slice(0, this.waiting.length)];
    return new Set(kept.map(({ event }) => event?.id));
  }

  resume() {
    for (const event of this.waiting.release()) this.#show(event);
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.#draw();
    });
  }

  #draw() {
    if (!this.tools.paused) {
      this.rows.draw();
      this.runs.draw();
      this.#chart();
    }
    this.tools.draw();
  }

  // The charts are loaded when there is something to draw.
  async #chart() {
    if (this.charts) this.charts.draw(this.#others);
    else if (this.numbers.version > 1 && !this.loading) {
      this.loading = true;
      const { Charts } = await import('./charts.js').catch(() => ({}));
      if (!Charts) { // the server is away
        await new Promise((resume) => setTimeout(resume, AGAIN));
        this.loading = false;
        return this.later();
      }
      const sheet = { rel: 'stylesheet', href: '/public/vendor/uplot/uPlot.min.css' };
      document.head.append(Object.assign(document.createElement('link'), sheet));
      this.charts = new Charts(this.querySelector('.charts'), this.querySelector('template.chart'), this.numbers);
      this.later();
    }
  }
}

customElements.define('live-watch', LiveWatch);
