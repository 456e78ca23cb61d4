// Copies text that is not in the page.

/** @param {string} text @param {HTMLElement} place for a temporary field @returns {Promise<boolean>} its success */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyField(text, place); // plain HTTP, except on localhost, has no clipboard API
  }
}

function copyField(text, place) {
  const focused = document.activeElement;
  const field = Object.assign(document.createElement('textarea'), { value: text, readOnly: true });
  place.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}
