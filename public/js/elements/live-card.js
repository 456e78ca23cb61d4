// <live-card topic="time">: the newest event of a topic in one line. With `stored` it starts with the newest stored
// one.

import { parseJSON } from './json.js';
import { LiveElement } from './live-element.js';
import { request } from './request.js';

const LONGEST = 120; // characters

// The words for an event, by topic. Other topics show the data itself.
const words = {
  comments: ({ likes, nickname, content }, { type }) =>
    type === 'like' ? `A comment now has ${likes} ♥` : `${nickname}: ${content}`,
  audits: ({ id, actor, action, target }) => [actor, action, target].filter(Boolean).join(' ') || `Record ${id}`,
};

class LiveCard extends LiveElement {
  connectedCallback() {
    super.connectedCallback();
    if (this.hasAttribute('stored')) this.#begin();
  }

  async #begin() {
    const { events } = await request(`/events/${this.getAttribute('topic')}?last=1`).catch(() => ({ events: [] }));
    if (events.length && !this.known) this.event(events[0]);
  }

  /** @param {import('../broadcast/broadcast.js').StreamEvent} event */
  event(event) {
    this.known = true;
    const value = parseJSON(event.data);
    const text = (value && words[event.topic]?.(value, event)) ?? event.data;
    const line = document.createElement('span'); // a new one, so that its CSS animation plays
    line.dir = 'auto';
    line.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    this.querySelector('.now').replaceChildren(line);
  }
}

customElements.define('live-card', LiveCard);
