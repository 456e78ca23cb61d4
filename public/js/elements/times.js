// Times, in the visitor's locale and time zone.

const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const second = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/**
 * @param {HTMLTimeElement} time shows it
 * @param {string} moment RFC 3339
 * @param {{seconds?: boolean}} [options] to the second, else to the minute
 */
export function showTime(time, moment, { seconds = false } = {}) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return;
  time.dateTime = date.toISOString();
  time.textContent = (seconds ? second : minute).format(date);
  time.title = moment;
}
