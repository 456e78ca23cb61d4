// For tab.js, where there is no shared worker: a tab's own streams. In browsers with locks, at most four are open
// across all tabs of the site, so that pages still load and forms are still sent; other tabs wait for a place.

import { Feed } from './feed.js';
import { isOwn } from './line.js';

// Locks. The browser's other two connections to the host stay free.
const PLACES = Array.from({ length: 4 }, (_, i) => `iris-broadcast place ${i}`);
const FULL = 'Other tabs of this site use all of its live connections. This one goes live when a connection is free.';

/** Delivers a page's events, over one stream for each log that it subscribes to. */
export class Own {
  #page;
  #seats = new Map(); // by whether it is for the server's own log

  /** @param {object} page of tab.js */
  constructor(page) {
    this.#page = page;
  }

  // As a tab's second stream, that of the server's own log only gets the last place, so that such streams displace at
  // most one other tab.
  open(number, { topics, since }) {
    const own = isOwn(topics[0]);
    if (!this.#seats.has(own)) this.#seats.set(own, new Seat(own && this.#seats.size ? PLACES.slice(-1) : PLACES));
    const take = (name, detail, position) => this.#page.deliver(number, name, detail, position);
    this.#seats.get(own).open(number, { topics, since, take });
  }

  close = (number) => this.#seats.forEach((seat) => seat.close(number));
  wake = () => this.#seats.forEach((seat) => seat.wake());
  end = () => this.#seats.forEach((seat) => seat.end());
}

/** A feed that starts once it holds one of the places, which it keeps until the end. */
class Seat {
  #wanted = new Map(); // subscriptions by number, while there is no feed
  #closing = new Map(); // those of the feed, by number
  #ended = new AbortController();
  #feed;
  #full = false;

  constructor(places) {
    if (navigator.locks) this.#queue(places);
    else this.#begin();
  }

  async #queue(places) {
    const choosing = new AbortController();
    this.#ended.signal.addEventListener('abort', () => choosing.abort());
    for (const place of places) {
      navigator.locks.request(place, { signal: choosing.signal }, () => {
        if (this.#feed || this.#ended.signal.aborted) return undefined;
        this.#begin();
        choosing.abort();
        return new Promise((done) => this.#ended.signal.addEventListener('abort', done));
      }).catch(() => choosing.signal.aborted || this.#feed || this.#begin()); // else the visitor's settings deny locks
    }
    const { held } = await navigator.locks.query().catch(() => ({ held: [] }));
    this.#full = !this.#feed && places.every((place) => held.some(({ name }) => name === place));
    if (this.#full) this.#wanted.forEach(sayFull);
  }

  #begin() {
    this.#feed = new Feed();
    for (const [number, subscription] of this.#wanted) this.open(number, subscription);
    this.#wanted.clear();
  }

  open(number, subscription) {
    if (this.#feed) return void this.#closing.set(number, this.#feed.open(subscription));
    this.#wanted.set(number, subscription);
    if (this.#full) sayFull(subscription);
  }

  close(number) {
    this.#wanted.delete(number);
    this.#closing.get(number)?.();
    this.#closing.delete(number);
  }

  wake = () => this.#feed?.wake();

  end() {
    this.#ended.abort();
    this.#feed?.end();
  }
}

function sayFull({ take }) {
  take('state', { state: 'full', attempt: 0, seconds: 0, text: FULL });
}
