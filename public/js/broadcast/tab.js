// For broadcast.js: this tab's subscriptions, and the transport that delivers their events: the shared worker, or the
// tab's own streams where there is none.

import { pause } from './feed.js';
import { Own } from './own.js';
import { Shared } from './worker.js';

const ENOUGH = 5; // consecutive workers that failed to load

/** This tab. Its transport is a Shared or an Own. */
export const page = {
  subscriptions: new Map(), // by number; since is the position received so far
  last: 0, // number
  failed: 0, // consecutive workers that failed to load
  greeted: false, // a worker has loaded before
  shared: 'SharedWorker' in globalThis, // false once it turns out not to work

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

  /** @param {boolean} dead a running worker has died; else one failed to load, perhaps because the server is down */
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
