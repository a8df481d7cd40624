// Adds to a list of threads the threads and posts that only a newer version of the page has.
import { adopt, byID, one } from './dom.js';

// addMissing adds the children of theirs that are not in the page to mine, each after the
// child that it follows in theirs, and does the same inside the children that both have. It
// returns the added posts, in the order of the page. Elements are the same if they have the
// same ID; elements without an ID are left alone.
export function addMissing(mine, theirs, inside = true) {
  const added = [];
  let last = null; // the last child of mine that is also in theirs
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
