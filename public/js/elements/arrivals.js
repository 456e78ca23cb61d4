// Announces new comments, on screen and to screen readers: several in one sentence, and not too often.

const PAUSE = 4_000; // ms before each sentence, which collects further comments
const STAYS = 20_000; // ms

export class Arrivals {
  #display;
  #nicknames = new Map(); // by the comment's id
  #speaking;
  #clearing;

  /** @param {HTMLElement} display with role=status */
  constructor(display) {
    this.#display = display;
  }

  add(id, nickname) {
    this.#nicknames.set(id, nickname);
    this.#speaking ??= setTimeout(() => this.#speak(), PAUSE);
  }

  /** @param {string} id of a comment that the visitor wrote, which needs no announcement */
  known(id) {
    this.#nicknames.delete(id);
  }

  #speak() {
    const [nickname, ...others] = this.#nicknames.values();
    this.#nicknames.clear();
    this.#speaking = undefined;
    if (nickname === undefined) return;
    this.#display.textContent = others.length ? `${others.length + 1} new comments` : `A new comment by ${nickname}`;
    clearTimeout(this.#clearing);
    this.#clearing = setTimeout(() => (this.#display.textContent = ''), STAYS);
  }
}
