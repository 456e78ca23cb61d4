// One comment on the page: its card, and what determines its rank.

import { sortable } from './ranking.js';
import { showTime } from './times.js';

const TONES = 8; // avatar colours in comments.css

/** @typedef {{id: string, likes: number, liked: boolean, created: string, card: HTMLElement, heard: number}} Comment
 *  created sorts by time; liked: by this visitor; heard: how many updates of its likes have arrived. */

/** @param {HTMLElement} card rendered by the server @returns {Comment} */
export function read(card) {
  const comment = {
    id: card.dataset.id,
    likes: Number(card.querySelector('.likes').textContent),
    liked: card.querySelector('.like button')?.ariaPressed === 'true',
    created: card.dataset.created,
    card,
  };
  const time = card.querySelector('time');
  return dress(comment, card.querySelector('.nickname').textContent, time.dateTime);
}

/** @param {HTMLElement} card empty @param {object} data a comment of the JSON API @returns {Comment} */
export function make(card, { id, nickname, content, likes, liked = false, created_at: createdAt }) {
  card.dataset.id = id;
  card.querySelector('.nickname').textContent = nickname;
  card.querySelector('.content').textContent = content;
  card.querySelector('.avatar').textContent = [...nickname][0] ?? '';
  const words = card.querySelector('button .words');
  if (words) words.textContent = `Like ${nickname}’s comment, `;
  const form = card.querySelector('form.like');
  if (form) form.action = `/comments/${encodeURIComponent(id)}/like`;
  const comment = dress({ id, likes, liked, created: sortable(createdAt), card }, nickname, createdAt);
  show(comment);
  return { ...comment, heard: 0 };
}

/** @param {Comment} comment its likes and liked are shown */
export function show({ card, likes, liked }) {
  card.querySelector('.likes').textContent = likes;
  const button = card.querySelector('.like button');
  if (!button) return;
  button.ariaPressed = liked;
  button.value = liked ? '0' : '1';
}

function dress(comment, nickname, createdAt) {
  const tone = [...nickname].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 65_521, 7) % TONES;
  comment.card.querySelector('.avatar').dataset.tone = tone;
  showTime(comment.card.querySelector('time'), createdAt);
  return { ...comment, heard: 0 };
}
