// <json-form url="/api/v1/comments" clear="content" done="Published.">: sends its form as JSON without leaving the
// page. On success the fields in `clear` are emptied; on failure the input is kept. Without this module the form is
// submitted as usual. Empty fields are left out; one with data-json may hold any JSON value. Dispatches `json-sent`
// with the response.

import { parseExact } from './json.js';
import { request } from './request.js';

class JSONForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector('form');
    this.form.oninput = () => this.#say('', '');
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    this.#say('', '');
    try {
      const detail = await request(this.getAttribute('url'), { method: 'POST', body: this.#body() });
      this.#clear();
      this.#say('', this.getAttribute('done'));
      this.dispatchEvent(new CustomEvent('json-sent', { detail, bubbles: true }));
    } catch (error) {
      this.#say(error.message, '');
    }
    this.sending = false;
  }

  #body() {
    const body = {};
    for (const { name, value, dataset } of this.form.elements) {
      const text = name && value.trim();
      const json = 'json' in dataset ? parseExact(text) : undefined;
      if (text) body[name] = json === undefined ? text : json;
    }
    return body;
  }

  #clear() {
    const fields = this.getAttribute('clear').split(' ').map((name) => this.form.elements[name]);
    for (const field of fields) field.value = '';
    fields[0].focus({ preventScroll: true });
  }

  // Screen readers announce each of the two when it changes.
  #say(problem, done) {
    const display = this.querySelector('.problem');
    display.textContent = problem;
    display.hidden = !problem;
    this.querySelector('.done').textContent = done;
  }
}

customElements.define('json-form', JSONForm);
