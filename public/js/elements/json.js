// For whoever reads data that may be anything: anybody who may publish writes it.

/** @param {string} text @returns {any} null if text is not JSON */
export function parseJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * For what is shown or sent on as it came: where the browser can, a number that JavaScript does not have stays as it was
 * written when JSON.stringify writes it.
 *
 * @param {string} text
 * @returns {any} undefined if text is not JSON
 */
export function parseExact(text) {
  try {
    return JSON.parse(text, exact);
  } catch {
    return undefined;
  }
}

function exact(key, value, context) {
  const altered = typeof value === 'number' && context && context.source !== String(value);
  return altered && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}
