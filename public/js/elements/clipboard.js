// For whoever copies text that is not in the page.

/** @param {string} text @param {HTMLElement} place where a field may be for a moment @returns {Promise<boolean>} whether it is copied */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyField(text, place); // plain http on another host has no clipboard API
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
