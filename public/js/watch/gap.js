// After a gap: fetches what is stored, and merges it with the events that arrive meanwhile.

import { isAfter, isID } from '../broadcast/line.js';

const SNAPSHOT = 1_000; // events, the most in a list
const MOST = 10_000; // events held

export class Gap {
  #held; // events, while the list is being fetched

  /**
   * @param {string} query the topics, for a URL
   * @param {object} options
   * @param {() => Set<string>} options.known ids of the events that the page already has
   * @param {(event: object) => void} options.arrived called with every other event, in order
   */
  constructor(query, { known, arrived }) {
    this.url = `/events?${query}&last=${SNAPSHOT}`;
    this.known = known;
    this.arrived = arrived;
  }

  /** @returns {boolean} whether the event is held until the list has arrived */
  hold(event) {
    if (!this.#held) return false;
    this.#held.push(event);
    if (this.#held.length > MOST) this.#held.shift();
    return true;
  }

  /**
   * @param {{refresh: (url: string, show: (list: object) => void) => void}} stream
   * @param {import('../broadcast/broadcast.js').Gap} gap earlier events are ignored unless the log has been replaced
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
