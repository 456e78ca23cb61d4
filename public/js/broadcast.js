// For every page with live content: one stream that stays alive by itself.
// EventSource does not tell its delay, gives up for ever on a 502 or a page of HTML, and cannot
// notice a connection that is half open. So it makes one try, and what follows is decided here.

import { isAfter, isID } from './event-id.js';
import { parseJSON } from './json.js';

/** @typedef {{id: string, topic: string, type: string, time: string, data: string}} StreamEvent
 *  id is '' on topics that are not stored; time is RFC 3339. */
/** @typedef {{since: string, oldest: string, topics: string[]}} Gap
 *  Some messages after `since` on these topics (names or patterns) could not be kept. */
/** @typedef {{state: 'connecting'|'live'|'waiting', attempt: number, seconds: number}} StreamState
 *  attempt: tries that failed in a row; seconds: until the next one, 0 unless waiting. */

const FIRST_WAIT = 2_000; // ms; half to all of it is waited, so that pages do not come back together
const LONGEST_WAIT = 30_000; // ms

/**
 * Opens a stream, and opens it anew from the last position whenever it breaks, until close().
 * It is closed while the page rests in the browser's back/forward cache, and then goes on.
 *
 * @param {string[]} topics names or patterns
 * @param {object} [options]
 * @param {string} [options.since] where to begin: an id, a duration such as '10m', 'all'; else live only
 * @param {(event: StreamEvent) => void} [options.onevent] in order, and none twice
 * @param {(gap: Gap) => void} [options.ongap]
 * @param {(state: StreamState) => void} [options.onstate] also once each second of a wait
 * @returns {{close: () => void}}
 */
export function subscribe(topics, { since = '', onevent, ongap, onstate } = {}) {
  const closing = new AbortController(); // takes the page's listeners away
  let source; // of this try
  let timer; // the silence watchdog of a try, or the countdown to the next
  let live = false; // this try has reached `ready`
  let failed = 0; // tries in a row
  let position = since; // everything up to here was received
  let newest = ''; // id of the last event that onevent got

  function open() {
    stop();
    live = false;
    tell('connecting');
    const query = new URLSearchParams(topics.map((topic) => ['topic', topic]));
    query.set('envelope', '1');
    if (position) query.set('since', position);
    source = new EventSource(`/events?${query}`);
    const handlers = { ready, gap, message, heartbeat: heard, error: broken };
    for (const [name, handler] of Object.entries(handlers)) source.addEventListener(name, handler);
    watch();
  }

  function stop() {
    source?.close();
    clearTimeout(timer);
  }

  // The server speaks at least every 15 s; this is two of its heartbeats and some.
  function watch() {
    clearTimeout(timer);
    timer = setTimeout(broken, 35_000);
  }

  // Before `ready` nothing lengthens the time that a try may take.
  function heard(event) {
    if (isID(event.lastEventId)) position = event.lastEventId;
    if (live) watch();
  }

  function ready(event) {
    live = true;
    failed = 0;
    heard(event);
    tell('live');
  }

  // A gap's position holds even where it is lower than ours: the server's log may have begun anew.
  function gap(event) {
    heard(event);
    newest = event.lastEventId;
    ongap?.(parseJSON(event.data) ?? { since: '', oldest: '', topics });
  }

  function message(event) {
    heard(event);
    const envelope = parseJSON(event.data);
    if (!envelope) return;
    if (isID(envelope.id)) {
      if (isID(newest) && !isAfter(envelope.id, newest)) return;
      newest = envelope.id;
    }
    onevent?.(envelope);
  }

  function broken() {
    stop();
    const most = Math.min(FIRST_WAIT * 2 ** failed, LONGEST_WAIT);
    failed += 1;
    wait(performance.now() + most * (0.5 + Math.random() / 2));
  }

  // By the clock and not by counting ticks: a tab in the background gets its timers late.
  function wait(until) {
    const left = until - performance.now();
    if (left < 1) return open();
    const seconds = Math.max(1, Math.round(left / 1000));
    tell('waiting', seconds);
    timer = setTimeout(() => wait(until), left - (seconds - 1) * 1000);
  }

  function tell(state, seconds = 0) {
    onstate?.({ state, attempt: failed, seconds });
  }

  addEventListener('pagehide', stop, { signal: closing.signal });
  addEventListener('pageshow', (event) => event.persisted && open(), { signal: closing.signal });
  open();

  return { close: () => (closing.abort(), stop()) };
}
