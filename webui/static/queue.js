// The posts that wait for a moderator, decided about many at once: by mouse with the boxes, and by key.
import { all, byID, here, one } from './dom.js';
import { startKeys } from './keys.js';
import { newsWords, showNews } from './news.js';
import { paced } from './pace.js';
import { readPage } from './server.js';

// refreshQueue says how many posts are new or were decided about. Nothing moves while somebody chooses.
export const refreshQueue = paced(async () => {
  const doc = await readPage(here());
  const missing = (from, other) => all('#queue .entry', from).filter(e => !byID(e.id, other)).length;
  showNews(newsWords([[missing(doc, document), 'new'], [missing(document, doc), 'decided']], 'Refresh the list'), here());
});

const boxes = () => all('#queue .choose input');
const current = () => document.activeElement.closest('#queue .entry');

// startQueue starts the shortcuts, and adds the box that chooses all posts of the page. Without scripts a button
// approves all.
export function startQueue() {
  if (!byID('waits')) return;
  startKeys(pressed);
  const form = byID('queue'), choose = byID('choose-all');
  if (!form || !choose) return;
  choose.closest('p').hidden = false;
  choose.addEventListener('change', () => {
    for (const box of boxes()) box.checked = choose.checked;
  });
  form.addEventListener('change', () => {
    const chosen = boxes().filter(b => b.checked).length;
    choose.checked = chosen === boxes().length;
    choose.indeterminate = chosen > 0 && !choose.checked;
  });
}

function pressed(e, key) {
  const entry = current();
  switch (key) {
    case 'j':
    case 'k': {
      const entries = all('#queue .entry');
      const at = entry ? entries.indexOf(entry) + (key === 'j' ? 1 : -1) : 0;
      const box = entries[at] && one('.choose input', entries[at]);
      if (!box) return;
      e.preventDefault();
      box.focus();
      entries[at].scrollIntoView({ block: 'nearest' });
      break;
    }
    case 'x':
      if (entry) one('.choose input', entry).click();
      break;
    case 'a':
    case 'h':
      if (!byID('queue')) return;
      // Without a choice it is about the post that has the focus.
      if (entry && !boxes().some(b => b.checked)) one('.choose input', entry).click();
      e.preventDefault();
      if (key === 'h') byID('reason').focus();
      else byID('approve').click();
      break;
  }
}
