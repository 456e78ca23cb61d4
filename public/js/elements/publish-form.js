// <publish-form url="/events/news">: publishes its form's field `data` as typed, without leaving the page. On failure
// the input is kept. Without this module the form is submitted as usual.

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

  // Screen readers announce each of the two when it changes.
  #say(problem, done) {
    const display = this.querySelector('.problem');
    display.textContent = problem;
    display.hidden = !problem;
    this.querySelector('.done').textContent = done;
  }
}

customElements.define('publish-form', PublishForm);
