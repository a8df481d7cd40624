// An author's inbox. Nothing moves while the page is open: new questions wait behind a link,
// and of an entry only who took it, who answered it, and the votes change in place.
import { adopt, all, byID, eventPath, here, one, replaceFilters } from './dom.js';
import { addCopyButtons } from './copy.js';
import { restoreDrafts } from './drafts.js';
import { startKeys } from './keys.js';
import { newsWords, showNews } from './news.js';
import { paced } from './pace.js';
import { keepPlace } from './place.js';
import { readPage } from './server.js';

// refreshInbox asks for the entries that have changed, and says how many questions are new or gone.
export const refreshInbox = paced(async () => {
  const list = byID('inbox'), query = new URLSearchParams(location.search), open = one('.entry.here', list);
  query.delete('page');
  query.delete('open');
  if (open) query.set('open', open.dataset.post);
  query.set('back', list.dataset.here);
  for (const entry of all('.entry', list)) query.append('entry', entry.dataset.post + ' ' + entry.dataset.version);
  const doc = await readPage(eventPath + '/inbox/changes?' + query), now = byID('inbox', doc);
  if (list !== byID('inbox')) return; // another page was opened meanwhile
  all('.entry', now).forEach(updateEntry);
  replaceFilters(doc);
  comeBackAt(now.dataset.comesBack);
  const gone = now.dataset.gone.split(' ').filter(Boolean).length, more = name => now.dataset[name] - list.dataset[name];
  const fresh = Math.max(more('count') + gone, list.dataset.all ? more('all') : 0);
  showNews(newsWords([[fresh, 'new'], [gone, 'answered or taken']], 'Refresh the list'), here());
});

function updateEntry(now) {
  const old = byID(now.id);
  for (const part of ['.foot', '.want', '.answers']) {
    const mine = one(part, old), theirs = one(part, now);
    if (!mine || !theirs) continue; // only the open question says who has answered it
    if (mine.contains(document.activeElement)) return; // its version stays old, so it is asked for again
    if (mine.outerHTML !== theirs.outerHTML) keepPlace(() => mine.replaceChildren(...adopt(theirs).childNodes));
  }
  old.dataset.version = now.dataset.version;
}

let timer = 0;

// comeBackAt refreshes the inbox at the time, in ms, when the next snoozed question comes back; "" for none.
function comeBackAt(time) {
  clearTimeout(timer);
  if (time) timer = setTimeout(refreshInbox, Math.min(Math.max(time - Date.now(), 0), 3_600_000));
}

// openInbox shows another page of the inbox, or another open question, without leaving the page.
export async function openInbox(url) {
  let doc;
  try {
    doc = await readPage(url);
  } catch { /* the browser says why */ }
  if (!doc || !byID('inbox', doc)) {
    location.assign(url);
    return;
  }
  const main = byID('main');
  main.replaceChildren(...adopt(byID('main', doc)).childNodes);
  history.replaceState(null, '', url);
  document.title = doc.title;
  addCopyButtons(main);
  restoreDrafts();
  startInbox();
  const open = one('.entry.here', main) || one('.page-head', main);
  open.tabIndex = -1;
  open.focus({ preventScroll: true });
  open.scrollIntoView({ block: 'nearest' });
}

// startInboxKeys starts the single-key shortcuts of the inbox, and Ctrl+Enter, which sends an answer.
export function startInboxKeys() {
  if (!byID('inbox')) return;
  startInbox();
  startKeys(pressed);
  document.addEventListener('keydown', e => {
    const field = e.target.closest('.writing textarea');
    if (!field || e.key !== 'Enter' || !e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    field.form.requestSubmit(one('.primary', field.form));
  });
}

function startInbox() {
  comeBackAt(byID('inbox').dataset.comesBack);
}

function pressed(e, key) {
  const open = one('.entry.here');
  switch (key) {
    case 'j':
    case 'k': {
      const entries = all('.entry'), next = entries[entries.indexOf(open) + (key === 'j' ? 1 : -1)];
      const link = next ? one('.excerpt a', next) : one(key === 'j' ? '.pages [rel=next]' : '.pages [rel=prev]');
      if (!link) return;
      e.preventDefault();
      openInbox(link.href);
      break;
    }
    case 'r': {
      const field = open && one('.writing textarea', open);
      if (!field) return;
      e.preventDefault();
      setTimeout(() => field.focus());
      break;
    }
    case 't':
    case 'g':
    case 'l':
    case 'z': {
      const control = open && one('[data-key=' + key + ']', open);
      if (!control) return;
      e.preventDefault();
      if (control.matches('select')) control.focus();
      else control.click();
      break;
    }
  }
}
