// For tab.js: the shared worker that holds the streams, and the tab's connection to it. Both ends of their protocol
// are in this file.

import { Feed } from './feed.js';
import { isOwn } from './line.js';

/** A hash of this folder's files, checked by a test. A tab never talks to a worker of another version. */
const VERSION = '7515d536';

const VANISHED = 150_000; // ms without a ping; a background tab without locks pings once a minute
const GREETING = 10_000; // ms for a worker to load

/** Delivers a page's events through the worker. */
export class Shared {
  #ended = new AbortController();
  #page;
  #port;

  /** @param {object} page of tab.js */
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
      else this.asked = false; // the reply to a ping
    };
    this.#port.onclose = () => this.#lost(true);
    // The worker waits for this lock, and so notices when the tab is gone, for whatever reason.
    const name = `iris-broadcast tab ${Math.random()}`;
    hold(name, this.#ended.signal, () => this.#say({ tab: name }));
  }

  // Likewise the tab waits for the worker's lock. Without locks it pings.
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

/** Requests a lock and holds it until the signal. */
function hold(name, signal, held, mode = 'exclusive') {
  const until = () => (signal.aborted ? undefined : new Promise((done) => signal.addEventListener('abort', done)));
  const holding = () => (held(), until());
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
