// The base of the elements within a <live-stream>: they handle its events while they are in the page.

const EVENTS = ['live-event', 'live-gap', 'live-state', 'json-sent'];

/**
 * Subclasses have any of `event(StreamEvent)` and `gap(Gap)`, called for their own `topic` only, `state(StreamState)`,
 * and `sent(response, JSONForm)` for a form within the same <live-stream>.
 */
export class LiveElement extends HTMLElement {
  connectedCallback() {
    this.stream = this.closest('live-stream');
    for (const name of EVENTS) this.stream.addEventListener(name, this);
  }

  disconnectedCallback() {
    for (const name of EVENTS) this.stream.removeEventListener(name, this);
  }

  // The DOM calls this for a listener that is an object.
  handleEvent({ type, target, detail }) {
    const topic = this.getAttribute('topic');
    if (type === 'live-state') this.state?.(detail);
    if (type === 'live-event' && detail.topic === topic) this.event?.(detail);
    if (type === 'live-gap' && detail.topics?.includes(topic)) this.gap?.(detail);
    if (type === 'json-sent') this.sent?.(detail, target);
  }
}
