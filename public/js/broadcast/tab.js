// For broadcast.js: what this tab listens to, and how its events come: through the worker that all tabs share, or where there
// is none by a stream of its own. Where the browser has locks, four tabs have such a stream at a time, so that pages still
// load and forms are sent; others wait for a place.

import { Feed, pause } from './feed.js';
import { Shared } from './worker.js';

const PLACES = 4; // the browser's other two connections to the host stay free
const ENOUGH = 5; // workers that did not load, one after the other

/** This tab. Its transport is a Shared or an Own. */
export const page = {
  subscriptions: new Map(), // by number; since is everything up to which was received
  last: 0, // number
  failed: 0, // workers in a row that did not load
  greeted: false, // by a worker, once
  shared: 'SharedWorker' in globalThis, // until it turns out that it does not work

  add(subscription) {
    const number = (page.last += 1);
    page.subscriptions.set(number, subscription);
    if (page.transport) page.open(number, subscription);
    else page.begin();
    return { close: () => page.subscriptions.delete(number) && page.transport?.close(number) };
  },

  begin() {
    if (page.transport || !page.subscriptions.size) return;
    page.transport = page.shared ? new Shared(page) : new Own();
    for (const [number, subscription] of page.subscriptions) page.open(number, subscription);
  },

  open(number, subscription) {
    page.deliver(number, 'state', { state: 'connecting', attempt: page.failed, seconds: 0 });
    page.transport?.open(number, subscription);
  },

  rest() {
    page.transport?.end();
    page.transport = undefined;
  },

  wake() {
    if (document.visibilityState === 'visible') page.transport?.wake();
  },

  /** A worker that has worked is dead, or one does not load: then the server may be away. */
  lost(dead) {
    page.rest();
    page.failed = dead ? 0 : page.failed + 1;
    if (page.failed > (page.greeted ? ENOUGH : 0)) page.shared = false;
    setTimeout(page.begin, page.failed && page.shared ? pause(page.failed - 1) : 0);
  },

  deliver(number, name, detail, position) {
    const subscription = page.subscriptions.get(number);
    if (subscription && position) subscription.since = position;
    try {
      subscription?.[`on${name}`]?.(detail);
    } catch (error) {
      reportError(error);
    }
  },
};

if ('document' in globalThis) {
  addEventListener('pagehide', page.rest);
  addEventListener('pageshow', ({ persisted }) => persisted && page.begin());
  addEventListener('online', page.wake);
  document.addEventListener('visibilitychange', page.wake);
}

/** Brings a page its events, if it has one of the places. */
class Own {
  #ended = new AbortController();
  #closing = new Map(); // by number
  #feed;

  constructor() {
    if (!navigator.locks) this.#feed = new Feed();
    else this.#queue();
  }

  async #queue() {
    const places = Array.from({ length: PLACES }, (_, i) => `iris-broadcast place ${i}`);
    const choosing = new AbortController();
    this.#ended.signal.addEventListener('abort', () => choosing.abort());
    const begin = () => {
      this.#feed = new Feed();
      choosing.abort();
      for (const [number, subscription] of page.subscriptions) this.open(number, subscription);
    };
    for (const place of places) {
      navigator.locks.request(place, { signal: choosing.signal }, () => {
        if (this.#feed || this.#ended.signal.aborted) return undefined;
        begin();
        return new Promise((done) => this.#ended.signal.addEventListener('abort', done));
      }).catch(() => choosing.signal.aborted || begin()); // it is no longer wanted, or a visitor's settings deny all locks
    }
    const { held } = await navigator.locks.query().catch(() => ({ held: [] }));
    if (this.#feed || !places.every((place) => held.some(({ name }) => name === place))) return;
    this.full = `Four other tabs of this site are live already; this one goes on when a place becomes free.`;
    for (const [number, subscription] of page.subscriptions) this.open(number, subscription);
  }

  open(number, { topics, since }) {
    const take = (name, detail, position) => page.deliver(number, name, detail, position);
    if (this.#feed) this.#closing.set(number, this.#feed.open({ topics, since, take }));
    else if (this.full) take('state', { state: 'full', attempt: 0, seconds: 0, text: this.full });
  }

  close = (number) => this.#closing.get(number)?.();
  wake = () => this.#feed?.wake();

  end() {
    this.#ended.abort();
    this.#feed?.end();
  }
}
