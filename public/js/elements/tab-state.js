// A tab in the background shows by its icon whether the page is live, and in its title how many events have arrived
// since. <live-stream counts="hello news"> counts events of these topics, by default of all.

const MOST = 99; // events counted

const stream = document.querySelector('live-stream');
const icon = document.querySelector('link[rel=icon]');
const live = icon.getAttribute('href');
const title = document.title;
const counted = stream.getAttribute('counts')?.split(' ');
let missed = 0;

// The first connection attempt is not an outage. The other icon is a data URL, as nothing can be fetched in an
// outage.
stream.addEventListener('live-state', ({ detail: { state, attempt } }) => {
  const well = state === 'live' || (state === 'connecting' && attempt === 0);
  const href = well ? live : icon.dataset.waiting;
  if (icon.getAttribute('href') !== href) icon.href = href;
});

stream.addEventListener('live-event', ({ detail: { topic } }) => {
  if (!document.hidden || missed > MOST || (counted && !counted.includes(topic))) return;
  missed += 1;
  document.title = `(${missed > MOST ? `${MOST}+` : missed}) ${title}`;
});

document.addEventListener('visibilitychange', () => {
  missed = 0;
  document.title = title;
});
