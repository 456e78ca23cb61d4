// The events that the server has rendered into the page, as the stream would deliver them.

/** @param {HTMLTableSectionElement} body @returns {import('../broadcast/broadcast.js').StreamEvent[]} oldest first */
export function stored(body) {
  return [...body.rows].map((row) => {
    const { id, topic, type, exact } = row.dataset; // exact: as JSON, data that HTML cannot hold
    const data = exact ? JSON.parse(exact) : row.querySelector('.data').textContent;
    return { id, topic, type, time: row.querySelector('time').dateTime, data };
  });
}
