// The events that the watch page keeps in memory: the newest, and those of them that match the filter.

import { Newest } from './newest.js';

export const MOST = 10_000; // events; the page says so
const CHARACTERS = 16_000_000; // of their data, in total

/** @typedef {{n: number, size: number, gap: boolean, event: import('../broadcast/broadcast.js').StreamEvent}} Entry
 *  n counts from 0; a gap has no event. */

export class Entries {
  #next = 0;
  #matching; // a RegExp, if there is a filter

  constructor() {
    this.all = new Newest(MOST, CHARACTERS);
    this.shown = this.all;
    this.gone = 0; // how many of the shown have been dropped so far
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} [event] none for a gap */
  add(event) {
    const entry = { n: this.#next++, size: event?.data.length ?? 0, gap: !event, event };
    const forgotten = this.all.add(entry);
    if (this.shown === this.all) {
      this.gone += forgotten.length;
      return;
    }
    for (const { n } of forgotten) {
      if (this.shown.at(0)?.n !== n) continue;
      this.shown.shift();
      this.gone += 1;
    }
    if (this.#matches(entry)) this.shown.add(entry);
  }

  /** @param {string} text shows only events with it in their data, topic or type, ignoring case */
  filter(text) {
    this.#matching = text && new RegExp(RegExp.escape?.(text) ?? text.replace(/[^\w\s]/gu, '\\$&'), 'i');
    this.shown = this.all;
    if (!text) return;
    this.shown = new Newest(MOST);
    for (const entry of this.all.slice(0, this.all.length)) if (this.#matches(entry)) this.shown.add(entry);
  }

  #matches({ gap, event }) {
    return gap || [event.data, event.topic, event.type].some((text) => this.#matching.test(text));
  }
}

/** Events held while the page is paused: as many as it would keep. */
export class Waiting extends Newest {
  constructor() {
    super(MOST, CHARACTERS);
    this.lost = 0;
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} [event] none for a gap */
  hold(event) {
    this.lost += this.add({ size: event?.data.length ?? 0, event }).length;
  }

  /** @returns {(import('../broadcast/broadcast.js').StreamEvent | undefined)[]} all, which empties it */
  release() {
    const events = [];
    while (this.length) events.push(this.shift().event);
    this.lost = 0;
    return events;
  }
}
