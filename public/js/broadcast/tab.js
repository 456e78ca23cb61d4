// For broadcast.js: what this tab listens to, and how its events come: through the worker that all tabs share, or where there
// is none by a stream of its own. Where the browser has locks, four tabs have such a stream at a time, so that pages still
// load and forms are sent; others wait for a place.

import { pause } from './feed.js';
import { Own } from './own.js';
import { Shared } from './worker.js';

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
    page.transport = page.shared ? new Shared(page) : new Own(page);
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
