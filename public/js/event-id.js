// For broadcast.js: an event's id is `<unix ms>-<sequence>`, two numbers of up to 64 bits.

/** @param {unknown} text @returns {boolean} */
export function isID(text) {
  return /^\d+-\d+$/.test(text);
}

/** @param {string} a an id @param {string} b an id @returns {boolean} */
export function isAfter(a, b) {
  const [aTime, aSequence] = a.split('-').map(BigInt);
  const [bTime, bSequence] = b.split('-').map(BigInt);
  return aTime === bTime ? aSequence > bSequence : aTime > bTime;
}
