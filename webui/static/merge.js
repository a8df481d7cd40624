// Adding to a list of threads what a newer version of the page has more.
import { adopt, byID, one } from './dom.js';

// addMissing puts the children of theirs that are not in the page into mine, each after the
// one it follows there, and does the same inside the children that both have. It returns
// the posts that were added, in the order of the page. Elements are the same when their IDs
// are; elements without an ID are left alone.
export function addMissing(mine, theirs, inside = true) {
  const added = [];
  let last = null; // the last child of mine that theirs has, too
  for (const now of [...theirs.children]) {
    if (!now.id) continue;
    const old = byID(now.id);
    if (old) {
      if (old.parentElement !== mine) continue;
      if (inside) added.push(...addMissing(old, now, false));
      last = old;
      continue;
    }
    const element = adopt(now);
    element.classList.add('arrive');
    if (last) last.after(element); else mine.prepend(element);
    last = element;
    const post = element.matches('.post') ? element : one('.post', element);
    if (post) added.push(post);
  }
  return added;
}
