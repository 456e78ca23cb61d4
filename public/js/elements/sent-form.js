// A form that is sent without leaving the page. On failure the input is kept. Without this module the form is submitted
// as usual.

export class SentForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector('form');
    this.form.oninput = () => this.#say('', '');
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
  }

  /** Sends the input. @returns {Promise<string>} what to tell the visitor @abstract */
  async send() {
    throw new Error('send is missing');
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    this.#say('', '');
    try {
      this.#say('', await this.send());
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
