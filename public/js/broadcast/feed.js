// For own.js and worker.js: one stream for many subscriptions, which reconnects by itself.

import { isAfter, isID, Line, read, Refused, takes } from './line.js';

const FIRST_WAIT = 2_000; // ms; the wait is 50 to 100 % of it, so that pages do not reconnect all at once
const LONGEST_WAIT = 30_000; // ms
const SUSPICIOUS = 20_000; // ms of silence, on waking up
const LINGER = 1_000; // ms that topics are kept for a reader who may just be navigating
const MOST_TOPICS = 100; // per stream, the server's limit

/**
 * One stream of one log for many subscriptions. It is in log order, so its last id is the position of all its topics.
 * A new subscription first reads lists up to the stream's position, and then joins it.
 */
export class Feed {
  #joined = new Set(); // subscriptions that the stream serves
  #new = new Set(); // those that are to join
  #line; // the stream
  #next; // its replacement, with other topics
  #position = ''; // all events of the line's topics up to here were received
  #state = { state: 'connecting', attempt: 0, seconds: 0 };
  #failed = 0; // consecutive attempts
  #timer; // the countdown to the next attempt
  #arranging = false;
  #again = false; // more to arrange has come up
  #moved = () => {}; // wakes up whoever awaits #move, when position has changed or needs another look
  #move = () => new Promise((resolve) => (this.#moved = resolve));
  #ended = new AbortController();

  constructor() {
    const { signal } = this.#ended;
    addEventListener('online', () => this.wake(), { signal });
    let last = Date.now();
    const clock = setInterval(() => {
      if (Date.now() - last > 15_000) this.wake(); // the machine was asleep
      last = Date.now();
    }, 5_000);
    signal.addEventListener('abort', () => clearInterval(clock));
  }

  /**
   * @param {{topics: string[], since: string, take: (name: string, detail: object, position?: string) => void}} wanted
   * @returns {() => void} closes the subscription
   */
  open({ topics, since, take }) {
    const subscription = { topics, since, take, newest: isID(since) ? since : '' }; // newest: its last id
    this.#new.add(subscription);
    this.#arrange();
    this.#tellOne(subscription);
    return () => {
      subscription.take = () => {};
      this.#joined.delete(subscription);
      this.#new.delete(subscription);
      if (this.#joined.size + this.#new.size) setTimeout(() => this.#arrange(), LINGER);
      else this.#connect();
    };
  }

  /** The browser is online or a page is visible again: reconnects at once if waiting, or if the line may be dead. */
  wake() {
    const dead = this.#line && Date.now() - this.#line.heard > SUSPICIOUS;
    if (dead || this.#state.state === 'waiting') this.#connect();
  }

  end() {
    this.#ended.abort();
    this.#joined.clear();
    this.#new.clear();
    this.#stop();
  }

  #stop() {
    for (const line of [this.#line, this.#next]) line?.close();
    this.#line = this.#next = undefined;
    clearTimeout(this.#timer);
    this.#moved();
  }

  // New subscriptions that start at the same position join at once.
  #connect() {
    this.#stop();
    this.#tell('connecting');
    if (!this.#joined.size) this.#position = [...this.#new].find((one) => this.#room([one]))?.since ?? '';
    for (const one of this.#new) {
      if (one.since === this.#position && this.#room([...this.#joined, one])) this.#join(one);
    }
    if (this.#joined.size) this.#line = this.#open(union(this.#joined), this.#position);
  }

  #open(topics, since) {
    const line = new Line(topics, since, (...message) => this.#hear(line, ...message));
    return line;
  }

  #hear(line, name, data, id) {
    if (line === this.#next) this.#change();
    if (line !== this.#line) return;
    if (name === 'broken') return this.#broken();
    if (isID(id)) this.#position = id;
    if (name === 'ready') this.#live();
    if (name === 'gap') this.#gap(data, id);
    if (name === 'message' && isID(data?.id)) this.#message(data);
    this.#moved();
  }

  #live() {
    if (this.#state.state === 'live') return; // a replacement of the previous line
    this.#failed = 0;
    for (const one of this.#joined) {
      one.newest ||= this.#position;
      one.known = true;
    }
    this.#tell('live');
    this.#arrange();
  }

  // A gap's position counts even if it is below ours, when ours was beyond the log: the log may have been replaced.
  #gap(gap, id) {
    const { since, topics } = this.#line;
    const anew = isID(since) && isAfter(since, id);
    const covers = (name, topic) => name === topic || (!topics.includes(topic) && takes(name, topic));
    const concerns = (topic) => gap.topics.some((name) => covers(name, topic));
    for (const one of this.#joined) {
      const concerned = gap?.topics ? one.topics.filter(concerns) : one.topics;
      if (!concerned.length) continue;
      one.newest = anew ? id : later(one.newest, id);
      one.take('gap', { since, oldest: id, ...gap, topics: concerned }, one.newest);
    }
  }

  #message(event) {
    for (const one of this.#joined) if (wants(one, event)) give(one, event);
    for (const one of this.#new) if (wants(one, event)) one.held?.push(event);
  }

  #broken() {
    this.#stop();
    for (const one of this.#joined) if (!one.known) this.#probe(one);
    const wait = pause(this.#failed);
    this.#failed += 1;
    this.#wait(performance.now() + wait);
  }

  // By the clock, not by counting ticks: timers of background tabs are late.
  #wait(until) {
    const left = until - performance.now();
    if (left < 1) return this.#connect();
    const seconds = Math.max(1, Math.round(left / 1000));
    this.#tell('waiting', seconds);
    this.#timer = setTimeout(() => this.#wait(until), left - (seconds - 1) * 1000);
  }

  #tell(state, seconds = 0) {
    this.#state = { state, attempt: this.#failed, seconds };
    for (const one of [...this.#joined, ...this.#new]) this.#tellOne(one);
  }

  #tellOne(one) {
    const joined = this.#joined.has(one);
    if (one.full) one.take('state', { state: 'full', attempt: 0, seconds: 0, text: FULL });
    else if (joined || this.#state.state !== 'live') one.take('state', this.#state, joined ? one.newest : '');
    else one.take('state', { state: 'connecting', attempt: 0, seconds: 0 });
  }

  #join(one) {
    this.#new.delete(one);
    this.#joined.add(one);
    one.held?.forEach((event) => give(one, event));
    one.held = undefined;
    one.known = this.#state.state === 'live';
    if (one.known) this.#tellOne(one);
    this.#again ||= [...this.#new].some(({ full }) => full); // its pattern may make room
  }

  /** @returns {boolean} whether there is room for the last of these, beside the others */
  #room(subscriptions) {
    const one = subscriptions.at(-1);
    const was = one.full;
    one.full = union(subscriptions).length > MOST_TOPICS;
    if (one.full && !was) this.#tellOne(one);
    return !one.full;
  }

  // A subscription that the server refuses would make it refuse the whole stream.
  async #probe(one) {
    try {
      await read(one.topics, one.since, () => {}, () => {});
      one.known = true;
    } catch (error) {
      if (error instanceof Refused) this.#refuse(one, error);
    }
  }

  #refuse(one, { message }) {
    this.#new.delete(one);
    this.#joined.delete(one);
    one.take('state', { state: 'refused', attempt: 0, seconds: 0, text: message });
  }

  async #arrange() {
    this.#again = this.#arranging;
    if (this.#arranging || this.#ended.signal.aborted || this.#state.state === 'waiting') return;
    const anybody = [...this.#joined, ...this.#new].length > 0;
    if (!this.#line ? anybody : !anybody) return this.#connect();
    const together = (one) => one.since === this.#position && this.#line?.brings(one.topics);
    if (!this.#line?.ready) return [...this.#new].filter(together).forEach((one) => this.#join(one));
    if (!this.#joined.size && ![...this.#new].some((one) => this.#line.brings(one.topics))) return this.#connect();
    this.#arranging = true;
    await this.#admit(this.#line).catch(() => setTimeout(() => this.#arrange(), pause(0)));
    this.#arranging = false;
    for (const one of this.#new) one.held = undefined;
    if (this.#again) this.#arrange();
  }

  async #admit(line) {
    const coming = [];
    for (const one of this.#new) if (this.#room([...this.#joined, ...coming, one])) coming.push(one);
    await Promise.all(coming.map((one) => this.#catchUp(one, line)));
    const come = () => coming.filter((one) => this.#new.has(one));
    const furthest = come().map(({ newest }) => newest).reduce(later, this.#position);
    const same = () => String(union([...this.#joined, ...come()])) === String(line.topics);
    if (!same() || furthest !== this.#position) await this.#refresh(line);
    if (line !== this.#line) return;
    for (const one of come()) if (one.held) this.#join(one);
    if (same() || line !== this.#line) return;
    const since = come().map(({ newest }) => newest).reduce((a, b) => (isAfter(a, b) ? b : a), this.#position);
    this.#next = this.#open(union([...this.#joined, ...come()]), since);
    this.#next.coming = come();
    while (this.#next && line === this.#line) await this.#move();
  }

  // Reads up to the line's position. Events that the line delivers meanwhile are held.
  async #catchUp(one, line) {
    one.held = line.brings(one.topics) ? [] : undefined;
    if (one.held && (!one.since || one.since === this.#position)) return void (one.newest = this.#position);
    try {
      const position = await read(one.topics, one.since, (event) => give(one, event), (gap) => one.take('gap', gap));
      const beyond = isID(one.since) && isAfter(one.since, position); // of another log, as a gap has said
      one.newest = beyond ? position : later(one.newest, position);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#refuse(one, error);
    } finally {
      one.since = one.newest || one.since;
    }
  }

  // A quiet line does not know the log's head.
  async #refresh(line) {
    let last = '';
    const position = await read(line.topics, this.#position, ({ id }) => (last = id), () => {});
    while (last && line === this.#line && isAfter(last, this.#position)) await this.#move();
    if (line === this.#line) this.#position = later(this.#position, position);
  }

  // The replacement becomes the line even if it has broken: then the next attempt has all topics.
  #change() {
    const [line, old] = [this.#next, this.#line];
    this.#line = line;
    this.#next = undefined;
    this.#position = line.since;
    for (const one of line.coming) if (this.#new.has(one)) this.#join(one);
    old.close();
  }
}

const FULL = `The tabs of this site subscribe to more than ${MOST_TOPICS} topics. This resumes once others are closed.`;

// The topics of all subscriptions. If there are too many, those that a pattern covers are left out.
function union(subscriptions) {
  const topics = [...new Set([...subscriptions].flatMap(({ topics }) => topics))].sort();
  if (topics.length <= MOST_TOPICS) return topics;
  return topics.filter((topic) => !topics.some((pattern) => pattern !== topic && takes(pattern, topic)));
}

const wants = ({ topics }, event) => topics.some((topic) => takes(topic, event.topic));

function give(one, event) {
  if (one.newest && !isAfter(event.id, one.newest)) return;
  one.newest = event.id;
  one.take('event', event, event.id);
}

/** @param {string} a an id or '' @param {string} b an id or '' @returns {string} */
function later(a, b) {
  return a && b && isAfter(b, a) ? b : a || b;
}

/** @returns {number} ms to wait after that many consecutive failures */
export function pause(failed) {
  return Math.min(FIRST_WAIT * 2 ** failed, LONGEST_WAIT) * (0.5 + Math.random() / 2);
}
