// One comment as the page has it: its card, and what decides its place in the ranking.

import { sortable } from './ranking.js';
import { showTime } from './times.js';

const TONES = 8; // colours of avatars in comments.css

/** @typedef {{id: string, likes: number, liked: boolean, created: string, card: HTMLElement, heard: number}} Comment
 *  created sorts by time; liked is by this visitor; heard counts what has told of its likes. */

/** @param {HTMLElement} card as the server wrote it @returns {Comment} */
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

/** @param {HTMLElement} card an empty one @param {object} data as the server sends a comment @returns {Comment} */
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

/** @param {Comment} comment whose likes and liked are shown */
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
