// After a gap: what is stored now is fetched, and what arrives meanwhile takes its place among it.

import { isAfter, isID } from '../broadcast/line.js';

const SNAPSHOT = 1_000; // events, the most that a list has
const MOST = 10_000; // events held

export class Gap {
  #held; // while the list is on its way

  /**
   * @param {string} query the topics, for a URL
   * @param {object} options
   * @param {() => Set<string>} options.known ids of the events that the page has already
   * @param {(event: object) => void} options.arrived is called with each other event, in order
   */
  constructor(query, { known, arrived }) {
    this.url = `/events?${query}&last=${SNAPSHOT}`;
    this.known = known;
    this.arrived = arrived;
  }

  /** @returns {boolean} whether the event waits for the list */
  hold(event) {
    if (!this.#held) return false;
    this.#held.push(event);
    if (this.#held.length > MOST) this.#held.shift();
    return true;
  }

  /**
   * @param {{refresh: (url: string, show: (list: object) => void) => void}} stream
   * @param {import('../broadcast/broadcast.js').Gap} gap what is before it is not fetched, unless the log has begun anew
   */
  fetch(stream, { since, oldest }) {
    if (this.#held) return;
    this.#held = [];
    const after = isID(since) && isID(oldest) && isAfter(oldest, since) ? since : '0-0';
    stream.refresh(this.url, ({ events }) => {
      const held = this.#held;
      this.#held = undefined;
      const known = this.known();
      const unknown = [...events, ...held].filter(({ id }) => isAfter(id, after) && !known.has(id));
      const byID = new Map(unknown.map((event) => [event.id, event]));
      [...byID.values()].sort((a, b) => (isAfter(a.id, b.id) ? 1 : -1)).forEach(this.arrived);
    });
  }
}
