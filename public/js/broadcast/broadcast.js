// For every page with live content: one stream for all tabs of the site, which stays alive by itself.
// Browsers open six HTTP/1.1 connections to a host. With a stream for each tab the seventh tab would not even load, so one
// shared worker, worker.js, holds a Feed for all of them. Where there is none each tab has a Feed of its own, four
// at most. To have it elsewhere, copy this folder.

import { isOwn } from './line.js';
import { page } from './tab.js';

/** @typedef {{id: string, topic: string, type: string, time: string, data: string}} StreamEvent
 *  time is RFC 3339. */
/** @typedef {{since: string, oldest: string, topics: string[]}} Gap
 *  Some messages after `since` on these topics (names or patterns) could not be kept. */
/** @typedef {{state: 'connecting'|'live'|'waiting'|'full'|'refused', attempt: number, seconds: number, text?: string}} StreamState
 *  attempt: tries that failed in a row; seconds: until the next one, 0 unless waiting; text: for the visitor, why it is full
 *  (it goes on when there is room) or what the server refused (it does not). */

/**
 * Listens to topics from the last position on, whatever breaks, until close().
 * It rests while the page does in the browser's back/forward cache, and then goes on.
 *
 * @param {string[]} topics names or patterns, either of the server's own topics, which begin with "$", or of others: they
 *   are two logs, each with positions of its own
 * @param {object} [options]
 * @param {string} [options.since] where to begin: an id, a duration such as '10m', 'all'; else live only
 * @param {(event: StreamEvent) => void} [options.onevent] in order, and none twice
 * @param {(gap: Gap) => void} [options.ongap]
 * @param {(state: StreamState) => void} [options.onstate] also once each second of a wait
 * @returns {{close: () => void}}
 * @throws {TypeError} if topics are of both logs
 */
export function subscribe(topics, { since = '', onevent, ongap, onstate } = {}) {
  const own = topics.filter(isOwn);
  if (own.length && own.length < topics.length) {
    throw new TypeError(`Subscribe to ${own.join(' ')} apart from the other topics: "$" marks the server's own log`);
  }
  return page.add({ topics: topics.map((topic) => topic.replace(/%2F/gi, '/')), since, onevent, ongap, onstate });
}
