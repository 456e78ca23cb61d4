// Parses data that may be anything: any publisher can have written it.

/** @param {string} text @returns {any} null if text is not JSON */
export function parseJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * For values that are shown or sent on: a number that JavaScript cannot represent keeps its source text through
 * JSON.stringify, in browsers that support it.
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
