// <json-form url="/api/v1/comments" clear="content" done="Published.">: a form that is sent as JSON. On success the
// fields in `clear` are emptied. Empty fields are left out; one with data-json may hold any JSON value. Dispatches
// `json-sent` with the response.

import { parseExact } from './json.js';
import { request } from './request.js';
import { SentForm } from './sent-form.js';

class JSONForm extends SentForm {
  async send() {
    const fields = this.getAttribute('clear').split(' ').map((name) => this.form.elements[name]);
    const sent = fields.map(({ value }) => value);
    const detail = await request(this.getAttribute('url'), { method: 'POST', body: this.#body() });
    fields.forEach((field, i) => {
      if (field.value === sent[i]) field.value = ''; // not what was typed meanwhile
    });
    fields[0].focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent('json-sent', { detail, bubbles: true }));
    return this.getAttribute('done');
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
}

customElements.define('json-form', JSONForm);
