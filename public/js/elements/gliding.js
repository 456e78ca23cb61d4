// Reorders a list: each item glides from where it is to where it belongs (FLIP), unless the visitor prefers less
// motion.

const GLIDE = { duration: 450, easing: 'cubic-bezier(0.3, 0.9, 0.3, 1)' };
const welcome = matchMedia('(prefers-reduced-motion: no-preference)');

/**
 * The visible part of the list stays in place, except for the moved items, and the focus is kept.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement[]} items all of them, in the desired order
 * @param {Set<HTMLElement>} moved items that are new or may have moved; the others are in order already
 */
export function arrange(list, items, moved) {
  const before = new Map([...list.children].map((item) => [item, item.getBoundingClientRect().top]));
  const scrolled = list.getBoundingClientRect().top < 0;
  const anchor = scrolled && [...before.keys()].find((item) => before.get(item) >= 0 && !moved.has(item));
  const anchorTop = anchor && anchor.offsetTop; // unaffected by animations
  const animations = [...before.keys()].flatMap((item) => item.getAnimations());
  for (const animation of animations) if (animation.id === 'glide') animation.cancel();

  place(list, items, moved);
  if (anchor) scrollBy({ top: anchor.offsetTop - anchorTop, behavior: 'instant' });
  if (!welcome.matches || document.hidden) return;
  const after = items.map((item) => item.getBoundingClientRect().top);
  items.forEach((item, i) => before.has(item) && glide(item, before.get(item), after[i], moved.has(item)));
}

// Backwards, so that each item's successor is already in place.
function place(list, items, moved) {
  const focused = document.activeElement;
  for (let i = items.length - 1; i >= 0; i--) {
    const [item, next] = [items[i], items[i + 1] ?? null];
    if (!moved.has(item) || (item.parentNode === list && item.nextElementSibling === next)) continue;
    if (list.moveBefore && item.isConnected) list.moveBefore(item, next);
    else list.insertBefore(item, next);
  }
  if (document.activeElement !== focused) focused.focus({ preventScroll: true });
}

function glide(item, from, to, onTop) {
  const inSight = (top) => top > -200 && top < innerHeight;
  if (Math.abs(from - to) < 1 || !(inSight(from) || inSight(to))) return;
  const way = Math.max(-innerHeight, Math.min(from - to, innerHeight));
  const zIndex = onTop ? [1, 1] : [0, 0];
  item.animate({ translate: [`0 ${way}px`, '0 0'], zIndex }, { ...GLIDE, id: 'glide' });
}
