// A bounded list of the newest items, which drops the oldest.

export class Newest {
  #kept = [];
  #from = 0; // index in #kept where the list starts
  #size = 0;

  /** @param {number} most items @param {number} [room] the maximum sum of the items' `size` */
  constructor(most, room = Infinity) {
    this.most = most;
    this.room = room;
  }

  get length() {
    return this.#kept.length - this.#from;
  }

  at(i) {
    return this.#kept[this.#from + i];
  }

  last() {
    return this.length ? this.#kept.at(-1) : undefined;
  }

  slice(from, to) {
    return this.#kept.slice(this.#from + from, this.#from + to);
  }

  /** @param {{size: number}} item @returns {{size: number}[]} the items it displaces, oldest first */
  add(item) {
    this.#kept.push(item);
    this.#size += item.size;
    const forgotten = [];
    while (this.length > this.most || (this.#size > this.room && this.length > 1)) forgotten.push(this.shift());
    return forgotten;
  }

  shift() {
    const item = this.#kept[this.#from];
    this.#kept[this.#from++] = undefined;
    this.#size -= item.size;
    if (this.#from > this.most) {
      this.#kept = this.#kept.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }
}
