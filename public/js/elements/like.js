// A visitor's like of a comment: shown at once, then sent.

import { show } from './comment-card.js';
import { request } from './request.js';

/**
 * Toggles the like. At most one request is in flight, and the last one sends the visitor's final choice.
 *
 * @param {import('./comment-card.js').Comment} comment
 * @param {(likes: number) => void} answered called unless the stream has delivered newer likes
 * @throws {Error} whose message is for the visitor; the comment is restored
 */
export async function toggle(comment, answered) {
  let kept = comment.liked; // at the server
  comment.liked = !kept;
  show(comment);
  if (comment.sending) return;
  comment.sending = true;
  try {
    while (comment.liked !== kept) {
      const { liked: wanted, heard } = comment;
      const url = `/api/v1/comments/${encodeURIComponent(comment.id)}/like`;
      const { likes } = await request(url, { method: wanted ? 'PUT' : 'DELETE' });
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
