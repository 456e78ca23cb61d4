// <copy-button for="curl">: copies the text of the element with that id.

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.querySelector('button').onclick = () => this.#copy(document.getElementById(this.getAttribute('for')));
  }

  async #copy(element) {
    getSelection().selectAllChildren(element);
    try {
      await navigator.clipboard.writeText(element.textContent);
      this.#say('Copied');
    } catch {
      // Plain HTTP, except on localhost, has no clipboard API; the selection can still be copied.
      this.#say(document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C');
    }
  }

  #say(words) {
    const label = this.querySelector('[aria-live]');
    label.textContent = words;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (label.textContent = 'Copy'), 2_500); // ms
  }
}

customElements.define('copy-button', CopyButton);
