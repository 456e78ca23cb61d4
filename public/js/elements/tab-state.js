// What a tab tells while nobody looks at it: by its icon whether the page is live, by its title how many events came meanwhile.
// <live-stream counts="hello news"> counts events of these topics, else of all.

const MOST = 99; // that are counted

const stream = document.querySelector('live-stream');
const icon = document.querySelector('link[rel=icon]');
const live = icon.getAttribute('href');
const title = document.title;
const counted = stream.getAttribute('counts')?.split(' ');
let missed = 0;

// A page that has just been opened is not yet in trouble. The other icon is a data URL: it is wanted when nothing can be fetched.
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
