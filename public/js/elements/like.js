// A visitor's like of a comment: shown at once, and sent.

import { show } from './comment-card.js';
import { request } from './request.js';

/**
 * Makes it a like if it is none, and the other way round. One request is under way at a time, and the last one says what
 * the visitor wants in the end.
 *
 * @param {import('./comment-card.js').Comment} comment
 * @param {(likes: number) => void} answered unless the stream has told since
 * @throws {Error} for the visitor; the comment is as before
 */
export async function toggle(comment, answered) {
  let kept = comment.liked; // by the server
  comment.liked = !kept;
  show(comment);
  if (comment.sending) return;
  comment.sending = true;
  try {
    while (comment.liked !== kept) {
      const { liked: wanted, heard } = comment;
      const { likes } = await request(`/api/v1/comments/${encodeURIComponent(comment.id)}/like`, { method: wanted ? 'PUT' : 'DELETE' });
      kept = wanted;
      if (comment.heard === heard) answered(likes);
    }
  } catch (error) {
    comment.liked = kept;
    show(comment);
    throw error;
  } finally {
    comment.sending = false;
  }
}
