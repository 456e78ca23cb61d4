// For broadcast.js: one connection to the server, lists of what is stored, and the words of both: ids, topics, patterns.
// EventSource does not tell its delay, gives up for ever on a 502 or a page of HTML, and cannot notice a connection that is
// half open. So a line makes one try, and what follows is decided by who opened it.

const SILENCE = 35_000; // ms; the server speaks at least every 15 s: this is two of its heartbeats and some
const PATIENCE = 20_000; // ms for a list
const PAGE = 250; // events in a list

/** An event stream, until it breaks. */
export class Line {
  ready = false; // it has told its position
  heard = Date.now(); // when it last said something
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
    // Before `ready` nothing lengthens the time that a try may take.
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

  /** @returns {boolean} whether it brings all of these */
  brings(topics) {
    return topics.every((topic) => this.topics.some((pattern) => takes(pattern, topic)));
  }
}

/** What the server says no to, in its words. */
export class Refused extends Error {}

/**
 * Reads what is stored, page by page, up to what there is now.
 * @param {string[]} topics
 * @param {string} since as for a Line; with '' there is nothing to read, and just the position of now is found
 * @param {(event: object) => void} onevent @param {(gap: object) => void} ongap
 * @returns {Promise<string>} the position up to which that was all @throws {Refused}
 */
export async function read(topics, since, onevent, ongap) {
  for (let short = 0; short < 2; ) {
    const url = `/events?${query(topics, { since, limit: since ? PAGE : 1 })}`;
    const response = await fetch(url, { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(PATIENCE) });
    const answer = await response.json();
    if (!response.ok) {
      const final = response.status < 500 && response.headers.get('Content-Type')?.startsWith('application/problem+json');
      throw final ? new Refused(answer.detail) : new Error(answer.detail);
    }
    const { events, gap, next, more } = answer;
    if (since && gap) ongap(gap);
    if (since) events.forEach(onevent);
    // Only an empty page tells how far the log is beyond these topics. If they are never silent, their last event will do.
    if (!more && !events.length) return next;
    if (since && !more) short += 1;
    since = next;
  }
  return since;
}

/** @returns {string} the query of a stream or list; what is '' is left out */
function query(topics, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== '');
  return new URLSearchParams([...topics.map((topic) => ['topic', topic]), ...given]).toString();
}

/** @returns {any} null if text is not JSON: anybody who stands between may write it */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {string} pattern or topic @param {string} topic or pattern @returns {boolean} whether all of the second is in the first */
export function takes(pattern, topic) {
  if (pattern === '*') return !topic.startsWith('$');
  return pattern === topic || (pattern.endsWith('/*') && topic.startsWith(pattern.slice(0, -1)));
}

/** @param {string} name a topic or pattern @returns {boolean} whether it is of the server's own log, not of the common one */
export function isOwn(name) {
  return name.startsWith('$');
}

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
