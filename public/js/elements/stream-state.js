// <stream-state>: shows in words and colour whether the page is live.

import { LiveElement } from './live-element.js';

class StreamState extends LiveElement {
  state({ state, attempt, seconds, text }) {
    const display = this.querySelector('.state');
    display.dataset.state = state;
    const connecting = attempt ? 'Reconnecting' : 'Connecting';
    const words = { live: 'Live', waiting: 'Reconnecting', connecting, full: text, refused: text };
    const rest = { waiting: ` in ${seconds} s`, connecting: '…' };
    // Screen readers announce the words when they change, but not the countdown.
    const announced = display.querySelector('[role=status]');
    if (announced.textContent !== words[state]) announced.textContent = words[state];
    display.querySelector('[aria-hidden]').textContent = rest[state] ?? '';
  }
}

customElements.define('stream-state', StreamState);
