// <publish-form url="/events/news">: its form's field `data` is published as it was typed, and the page stays. What was typed
// stays until it has arrived. Without this module the form works by itself.

import { request } from './request.js';

class PublishForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector('form');
    this.form.oninput = () => this.#say('', '');
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
    this.form.onkeydown = (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    };
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    this.#say('', '');
    const { data, type } = this.form.elements;
    const text = data.value;
    const query = type.value.trim() && `?${new URLSearchParams({ type: type.value.trim() })}`;
    try {
      await request(`${this.getAttribute('url')}${query}`, { method: 'POST', text });
      if (data.value === text) data.value = '';
      data.focus({ preventScroll: true });
      this.#say('', 'Published.');
    } catch (error) {
      this.#say(error.message, '');
    }
    this.sending = false;
  }

  // Screen readers hear each of the two when it changes.
  #say(problem, done) {
    const display = this.querySelector('.problem');
    display.textContent = problem;
    display.hidden = !problem;
    this.querySelector('.done').textContent = done;
  }
}

customElements.define('publish-form', PublishForm);
