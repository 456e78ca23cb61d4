// <live-comments topic="comments" total="12">: the ranking of the comments. Updates from the stream and from
// responses to this visitor are merged here, and each comment is shown once.

import { Arrivals } from './arrivals.js';
import { make, read, show } from './comment-card.js';
import { arrange } from './gliding.js';
import { parseJSON } from './json.js';
import { toggle } from './like.js';
import { LiveElement } from './live-element.js';
import { compare } from './ranking.js';

const MOST = 1_000; // comments shown
const TOGETHER = 100; // ms in which changes are collected, so that many likes are one motion
const LOOK = 5_000; // ms until a liked comment that is not shown is fetched

class LiveComments extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    this.list = this.querySelector('ol');
    this.problem = this.querySelector('.problem');
    this.arrivals = new Arrivals(this.querySelector('#arrivals'));
    this.total = Number(this.getAttribute('total'));
    this.comments = new Map([...this.list.children].map(read).map((comment) => [comment.id, comment]));
    this.moved = new Set(); // cards that may be out of place
    this.list.onsubmit = (event) => {
      event.preventDefault();
      this.#toggle(this.comments.get(event.target.closest('.comment').dataset.id));
    };
  }

  event({ type, data }) {
    const change = parseJSON(data);
    if (type === 'comment' && this.#add(change)) this.arrivals.add(change.id, change.nickname);
    if (type === 'like') this.#like(change);
  }

  // The stored comments take precedence.
  gap() {
    this.stream.refresh(`/api/v1/comments?limit=${MOST}`, ({ comments, total }) => {
      const ids = new Set(comments.map(({ id }) => id));
      for (const { id } of this.comments.values()) if (!ids.has(id)) this.#remove(id);
      for (const comment of comments) if (!this.#add(comment)) this.#change(this.comments.get(comment.id), comment);
      this.total = total;
      this.#arrange();
    });
  }

  /** This visitor has published a comment. */
  sent(comment) {
    this.#add(comment);
    this.arrivals.known(comment.id);
    this.#arrange();
    this.comments.get(comment.id)?.card.scrollIntoView({ block: 'nearest' });
  }

  #add(data) {
    if (!data?.id || this.comments.has(data.id)) return false;
    const card = this.querySelector('template.row').content.firstElementChild.cloneNode(true);
    card.classList.add('fresh');
    this.comments.set(data.id, make(card, data));
    this.total += 1;
    this.#later(card);
    return true;
  }

  // A comment that is not shown may now outrank the last one shown.
  #like({ id, likes }) {
    const comment = this.comments.get(id);
    if (comment) return void this.#change(comment, { likes });
    const last = this.comments.get(this.list.lastElementChild?.dataset.id);
    if (this.total <= MOST || !(likes >= last?.likes)) return;
    this.looking ??= setTimeout(() => {
      this.looking = undefined;
      this.gap();
    }, LOOK);
  }

  #change(comment, { likes, liked = comment.liked }) {
    comment.likes = likes;
    comment.heard += 1;
    if (!comment.sending) comment.liked = liked;
    show(comment);
    this.#later(comment.card);
  }

  async #toggle(comment) {
    this.problem.hidden = true;
    try {
      await toggle(comment, (likes) => this.#change(comment, { likes }));
    } catch (error) {
      comment.card.append(this.problem);
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
  }

  #later(card) {
    this.moved.add(card);
    this.timer ??= setTimeout(() => this.#arrange(), TOGETHER);
  }

  #arrange() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const ranking = [...this.comments.values()].sort(compare);
    for (const { id } of ranking.splice(MOST)) this.#remove(id);
    arrange(this.list, ranking.map(({ card }) => card), this.moved);
    this.moved.clear();
    this.querySelector('.empty').hidden = ranking.length > 0;
    this.querySelector('#total').textContent = this.total === 1 ? '1 comment' : `${this.total} comments`;
  }

  #remove(id) {
    this.comments.get(id).card.remove();
    this.comments.delete(id);
  }
}

customElements.define('live-comments', LiveComments);
