// For whoever reads data that may be anything: anybody who may publish writes it.

/** @param {string} text @returns {any} null if text is not JSON */
export function parseJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
