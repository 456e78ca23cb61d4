// <publish-form url="/events/news">: a form whose field `data` is published as typed.

import { request } from './request.js';
import { SentForm } from './sent-form.js';

class PublishForm extends SentForm {
  connectedCallback() {
    super.connectedCallback();
    this.form.onkeydown = (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    };
  }

  async send() {
    const { data, type } = this.form.elements;
    const text = data.value;
    const query = type.value.trim() && `?${new URLSearchParams({ type: type.value.trim() })}`;
    await request(`${this.getAttribute('url')}${query}`, { method: 'POST', text });
    if (data.value === text) data.value = '';
    data.focus({ preventScroll: true });
    return 'Published.';
  }
}

customElements.define('publish-form', PublishForm);
