// For feed.js: one connection to the server, paged lists of stored events, and the syntax of ids, topics and
// patterns. EventSource hides its retry delay, gives up for good on a 502 or an HTML page, and cannot detect a
// half-open connection. So a Line makes a single attempt, and its owner decides what to do next.

const SILENCE = 35_000; // ms; two server heartbeats of 15 s and a margin
const PATIENCE = 20_000; // ms, for a list request
const PAGE = 250; // events per list request
const JSON_ONLY = { Accept: 'application/json' };

/** An event stream, until it breaks. */
export class Line {
  ready = false; // the server has sent its position
  heard = Date.now(); // when data last arrived
  #source;
  #silence;

  /**
   * @param {string[]} topics names or patterns
   * @param {string} since an id, a duration, 'all', or '' for live only
   * @param {(name: 'ready'|'gap'|'message'|'broken', data: any, id: string) => void} tell
   */
  constructor(topics, since, tell) {
    this.topics = topics;
    this.since = since;
    this.#source = new EventSource(`/events?${query(topics, { envelope: 1, since })}`);
    const broken = () => (this.close(), tell('broken'));
    // Until `ready` nothing extends the time limit of the attempt.
    const watch = () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(broken, SILENCE);
    };
    this.#source.onerror = broken;
    for (const name of ['ready', 'gap', 'message', 'heartbeat']) {
      this.#source.addEventListener(name, ({ data, lastEventId }) => {
        if (name === 'ready') this.ready = true;
        if (this.ready) watch();
        this.heard = Date.now();
        if (name !== 'heartbeat') tell(name, parse(data), lastEventId);
      });
    }
    watch();
  }

  close() {
    this.#source.close();
    clearTimeout(this.#silence);
  }

  /** @returns {boolean} whether the stream covers all of these */
  brings(topics) {
    return topics.every((topic) => this.topics.some((pattern) => takes(pattern, topic)));
  }
}

/** The server refused the request; the message is the server's. */
export class Refused extends Error {}

/**
 * Reads stored events page by page, up to the present.
 * @param {string[]} topics
 * @param {string} since as for a Line; with '' it reads no events and only finds the current position
 * @param {(event: object) => void} onevent @param {(gap: object) => void} ongap
 * @returns {Promise<string>} the position that was reached @throws {Refused}
 */
export async function read(topics, since, onevent, ongap) {
  for (let short = 0; short < 2; ) {
    const url = `/events?${query(topics, { since, limit: since ? PAGE : 1 })}`;
    const response = await fetch(url, { headers: JSON_ONLY, signal: AbortSignal.timeout(PATIENCE) });
    const answer = await response.json();
    if (!response.ok) {
      const problem = response.headers.get('Content-Type')?.startsWith('application/problem+json');
      throw problem && response.status < 500 ? new Refused(answer.detail) : new Error(answer.detail);
    }
    const { events, gap, next, more } = answer;
    if (since && gap) ongap(gap);
    if (since) events.forEach(onevent);
    // Only an empty page gives the log's head, beyond these topics. If they are never quiet, their last event will
    // do.
    if (!more && !events.length) return next;
    if (since && !more) short += 1;
    since = next;
  }
  return since;
}

/** @returns {string} the query of a stream or list, without empty parameters */
function query(topics, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== '');
  return new URLSearchParams([...topics.map((topic) => ['topic', topic]), ...given]).toString();
}

/** @returns {any} null if text is not JSON: a proxy may have written it */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {string} pattern or topic @param {string} topic or pattern @returns {boolean} whether pattern covers topic */
export function takes(pattern, topic) {
  if (pattern === '*') return !topic.startsWith('$');
  return pattern === topic || (pattern.endsWith('/*') && topic.startsWith(pattern.slice(0, -1)));
}

/** @param {string} name topic or pattern @returns {boolean} whether it belongs to the server's own log */
export const isOwn = (name) => name.startsWith('$');

/** An id is `<unix ms>-<sequence>`, two numbers of up to 64 bits. @param {unknown} text @returns {boolean} */
export function isID(text) {
  return /^\d+-\d+$/.test(text);
}

/** @param {string} a an id @param {string} b an id @returns {boolean} */
export function isAfter(a, b) {
  const [aTime, aSequence] = a.split('-').map(BigInt);
  const [bTime, bSequence] = b.split('-').map(BigInt);
  return aTime === bTime ? aSequence > bSequence : aTime > bTime;
}
