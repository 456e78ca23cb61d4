// The order of comments: by likes, then newest, then id.

/** @typedef {{id: string, likes: number, created: string}} Ranked created: by sortable() */

/** @param {Ranked} a @param {Ranked} b @returns {number} below 0 if a comes first */
export function compare(a, b) {
  return b.likes - a.likes || inOrder(b.created, a.created) || inOrder(a.id, b.id);
}

/**
 * @param {string} moment RFC 3339 in UTC, with up to nine fractional digits, more than Date keeps
 * @returns {string} text that sorts by time
 */
export function sortable(moment) {
  const [, second, fraction = ''] = /^(.*?:\d\d)(?:\.(\d+))?Z$/.exec(moment) ?? [moment, moment];
  return `${second}.${fraction.padEnd(9, '0')}`;
}

function inOrder(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
