// Subscribes a page to topics, over a stream that all tabs of the site share and that reconnects by itself: one for
// each of the server's two logs, while a tab subscribes to it. Browsers open at most six HTTP/1.1 connections per
// host: with a stream per tab, the seventh tab would not even load. So a shared worker (worker.js) holds the stream.
// Browsers without shared workers open a stream per tab, four at most (own.js). To use it on another site, copy this
// folder.

import { isOwn } from './line.js';
import { page } from './tab.js';

/** @typedef {{id: string, topic: string, type: string, time: string, data: string}} StreamEvent
 *  time is RFC 3339. */
/** @typedef {{since: string, oldest: string, topics: string[]}} Gap
 *  Events after `since` on these topics (names or patterns) may be missing. */
/** @typedef {'connecting'|'live'|'waiting'|'full'|'refused'} StateName
 *  full: resumes when there is room; refused: final. */
/** @typedef {{state: StateName, attempt: number, seconds: number, text?: string}} StreamState
 *  attempt: consecutive failures; seconds: until the next attempt, 0 unless waiting; text: for the visitor, why it is
 *  `full` or `refused`. */

/**
 * Subscribes to topics until close(). After an outage it resumes from its last position.
 * While the page is in the back/forward cache it is suspended.
 *
 * @param {string[]} topics names or patterns; all of them begin with "$" (the server's own log) or none does
 * @param {object} [options]
 * @param {string} [options.since] where to start: an id, a duration such as '10m', or 'all'; default: live only
 * @param {(event: StreamEvent) => void} [options.onevent] in log order, each event once
 * @param {(gap: Gap) => void} [options.ongap]
 * @param {(state: StreamState) => void} [options.onstate] also every second while waiting
 * @returns {{close: () => void}}
 * @throws {TypeError} if there are no topics, or they belong to both logs
 */
export function subscribe(topics, { since = '', onevent, ongap, onstate } = {}) {
  if (!topics.length) throw new TypeError('Subscribe to at least one topic or pattern, such as "*"');
  const own = topics.filter(isOwn);
  if (own.length && own.length < topics.length) {
    throw new TypeError(`Subscribe to ${own.join(', ')} separately: topics with "$" are the server's own log`);
  }
  return page.add({ topics: topics.map((topic) => topic.replace(/%2F/gi, '/')), since, onevent, ongap, onstate });
}
