// For broadcast.js: the shared worker that has the one stream, and the tab's way to it. Both ends are here, since they
// understand nobody else.

import { Feed } from './feed.js';
import { isOwn } from './line.js';

/** Of the text of the four files; a test says what it is to be. A tab never talks to a worker of another version. */
const VERSION = '441814e2';

const VANISHED = 150_000; // ms without a ping from a tab without locks, which in the background pings once a minute
const GREETING = 10_000; // ms that a worker may take to load

/** Brings a page its events, through the worker. */
export class Shared {
  #ended = new AbortController();
  #page;
  #port;

  /** @param {object} page of broadcast.js */
  constructor(page) {
    this.#page = page;
    const url = new URL('./worker.js', import.meta.url);
    const unheard = setTimeout(() => this.#lost(false), GREETING);
    this.#ended.signal.addEventListener('abort', () => clearTimeout(unheard));
    try {
      const worker = new SharedWorker(url, { type: 'module', name: `iris-broadcast ${VERSION}` });
      worker.onerror = () => this.#lost(false);
      this.#port = worker.port;
    } catch {
      queueMicrotask(() => this.#lost(false));
      return;
    }
    this.#port.onmessage = ({ data }) => {
      if (data.version === VERSION) this.#greeted(data.life, clearTimeout(unheard));
      else if (data.version) this.#lost((page.shared = false));
      else if (data.number) this.#page.deliver(data.number, data.name, data.detail, data.position);
      else this.asked = false; // an answer to a ping
    };
    this.#port.onclose = () => this.#lost(true);
    // The worker waits for this lock, and so notices when the tab is gone, however that came.
    const name = `iris-broadcast tab ${Math.random()}`;
    hold(name, this.#ended.signal, () => this.#say({ tab: name }));
  }

  // And the tab waits for the worker's; where there are no locks it asks.
  #greeted(life) {
    this.#page.greeted = true;
    this.#page.failed = 0;
    if (navigator.locks) return hold(life, this.#ended.signal, () => this.#lost(true), 'shared');
    const asking = setInterval(() => {
      if (this.asked) return this.#lost(true);
      this.asked = true;
      this.#say({ ping: true });
    }, 1_000);
    this.#ended.signal.addEventListener('abort', () => clearInterval(asking));
  }

  #lost(dead) {
    if (!this.#ended.signal.aborted) this.#page.lost(dead);
  }

  #say(message) {
    this.#port?.postMessage(message);
  }

  open = (number, { topics, since }) => this.#say({ open: number, topics, since });
  close = (number) => this.#say({ close: number });
  wake = () => this.#say({ wake: true });

  end() {
    this.#say({ leave: true });
    this.#ended.abort();
    this.#port?.close();
  }
}

/** Holds a lock, from when it is to be had until the signal. */
function hold(name, signal, held, mode = 'exclusive') {
  const holding = () => (held(), signal.aborted ? undefined : new Promise((done) => signal.addEventListener('abort', done)));
  navigator.locks?.request(name, { signal, mode }, holding).catch(() => {});
}

if ('onconnect' in globalThis) serve();

function serve() {
  const [common, own] = [new Feed(), new Feed()];
  const life = `iris-broadcast worker ${Math.random()}`;
  const alive = new Promise((held) => (navigator.locks ? hold(life, new AbortController().signal, held) : held()));
  globalThis.onconnect = ({ ports: [port] }) => {
    const closing = new Map(); // of this tab's subscriptions, by number
    const left = new AbortController();
    let vanished; // timer
    const leave = () => {
      clearTimeout(vanished);
      closing.forEach((close) => close());
      closing.clear();
      left.abort();
      port.close();
    };
    port.onmessage = ({ data }) => {
      const { open: number, topics, since } = data;
      const take = (name, detail, position) => port.postMessage({ number, name, detail, position });
      if (number) closing.set(number, (isOwn(topics[0]) ? own : common).open({ topics, since, take }));
      if (data.close) closing.get(data.close)?.();
      closing.delete(data.close);
      if (data.tab) hold(data.tab, left.signal, leave);
      if (data.wake) [common, own].forEach((feed) => feed.wake());
      if (data.ping) {
        clearTimeout(vanished);
        vanished = setTimeout(leave, VANISHED);
        port.postMessage({});
      }
      if (data.leave) leave();
    };
    port.onclose = leave;
    alive.then(() => port.postMessage({ version: VERSION, life }));
  };
}
