// Posts that change or arrive while the page of a week or of a thread is open.
import { adopt, all, byID, comparable, eventPath, here, one, replaceFilters, unfold } from './dom.js';
import { addMissing } from './merge.js';
import { belongsToView, newsWords, showNews } from './news.js';
import { paced } from './pace.js';
import { focusPost, inUse, isVisible, keepPlace } from './place.js';
import { readPage } from './server.js';

const missing = new Set();   // IDs of posts that are not in the page yet
const heldBack = new Map();  // element ID → its new version, shown when the reader asks for it
const changed = new Set();   // IDs of posts to ask for

// The maximum numbers of posts in one request: of those in the page, and of others. Of the others only what
// they are is asked for, so that posts of which nothing is shown cost little.
const maxShown = 40, maxOthers = 200;

// replacePost puts the new version of a post in place of the old one. What was open stays
// open, and the focus stays on what it was on.
export function replacePost(old, now) {
  const opened = all('details', old).map(d => d.open), details = all('details', now);
  if (opened.length === details.length) details.forEach((d, i) => { d.open = opened[i] });
  const active = document.activeElement, hadFocus = old.contains(active);
  now = adopt(now);
  for (const details of all('details[open]', now)) unfold(details);
  keepPlace(() => old.replaceWith(now));
  if (!hadFocus) return;
  const isSame = e => e.tagName === active.tagName && (e.tagName === 'BUTTON'
    ? e.formAction === active.formAction && (e.name === 'want' && active.name === 'want' || e.value === active.value)
    : e.textContent === active.textContent);
  (all('button, a, summary', now).find(isSame) || one('.link', now) || now).focus({ preventScroll: true });
}

// update shows the new version of a post that is in the page. It holds the new version back
// while the reader writes in the post, or, unless asked, while the post is visible.
function update(now, asked) {
  const old = byID(now.id);
  if (!old) return;
  heldBack.delete(now.id);
  if (comparable(old) === comparable(now)) return;
  const words = comparable(one('.said', old)) !== comparable(one('.said', now));
  if (inUse(old) || !asked && words && isVisible(old)) heldBack.set(now.id, now);
  else replacePost(old, now);
}

// updateOrNote updates a post that is in the page. It notes a missing post if the page should
// have it.
function updateOrNote(now) {
  if (byID(now.id)) update(now, false);
  else if (belongsHere(now)) missing.add(now.dataset.post);
}

function belongsHere(now) {
  if (byID(now.dataset.thread)) return true;
  if (!byID('ask') && !byID('filters')) return false; // the page of one thread
  return belongsToView(location.search, now.classList.contains('question'));
}

// countNews says in the bar how many posts are not shown yet.
function countNews() {
  if (!byID('news')) return;
  const [first] = missing, words = newsWords([[missing.size, 'new'], [heldBack.size, 'changed']]);
  const link = showNews(words, first ? postAddress(first) : here());
  if (link) link.onclick = e => { e.preventDefault(); showMissing(true) };
}

const postAddress = id => eventPath + '/go/' + encodeURIComponent(id);

// showMissing inserts the missing posts, each in its place. With go it then scrolls to the
// first of them.
async function showMissing(go) {
  const doc = await readPage(here()), mine = byID('threads'), theirs = byID('threads', doc);
  if (!mine || !theirs) {
    location.reload();
    return;
  }
  let added = [];
  keepPlace(() => {
    const empty = one('.empty', mine);
    if (empty && one('.post', theirs)) empty.remove();
    added = addMissing(mine, theirs);
  });
  for (const now of all('.post', theirs)) update(now, true);
  replaceFilters(doc);
  const first = added.find(post => missing.has(post.dataset.post)) || added[0];
  const elsewhere = [...missing].find(id => !byID('p-' + id));
  missing.clear();
  countNews();
  if (!go) return;
  if (first) focusPost(first);
  else if (elsewhere) location.assign(postAddress(elsewhere));
}

// showPosted inserts the reader's new post: in its place, or, if that is on another page, below the form. to is the
// address of its place. It returns what it has read.
export async function showPosted(id, to) {
  const doc = await readPage(eventPath + '/fragment?' + new URLSearchParams({ thread: id }));
  const theirs = one('.thread', doc), mine = byID(theirs.id);
  if (!mine && to.pathname + to.search === here()) {
    await showMissing(false);
    return doc;
  }
  keepPlace(() => {
    if (mine) for (const post of addMissing(mine, theirs, false)) missing.delete(post.dataset.post);
    else ownThreads().append(adopt(theirs));
  });
  if (!mine) one('a', byID('own')).href = to;
  missing.delete(id);
  countNews();
  return doc;
}

// ownThreads returns the list of the reader's new questions whose place is on another page.
function ownThreads() {
  if (!byID('own')) {
    const list = document.createElement('section'), note = document.createElement('p'), link = document.createElement('a');
    list.id = 'own';
    list.className = 'span threads';
    note.className = 'note from-text';
    link.textContent = 'Show it in its place.';
    note.append('Your question is saved. ', link);
    list.append(note);
    byID('threads').before(list);
  }
  return byID('own');
}

// readPosts fetches the current version of posts and returns them as elements. Of others it returns elements
// without contents.
export async function readPosts(ids, others = []) {
  const doc = await readPage(eventPath + '/fragment?' + new URLSearchParams([...ids.map(id => ['post', id]), ...others.map(id => ['other', id])]));
  return all('.post', doc);
}

let compare = false; // the whole page has to be read

// postsChanged brings the page up to date soon. ids are the posts that changed, if any.
export function postsChanged(ids = []) {
  for (const id of ids) changed.add(id);
  readSoon();
}

// reconnected catches up with changes that happened while no updates came.
export function reconnected() {
  compare = true;
  readSoon();
}

const readSoon = paced(async () => {
  if (byID('waiting') || compare) {
    compare = false;
    changed.clear();
    await (byID('waiting') ? readWaiting() : compareAll());
    return;
  }
  const shown = take(maxShown, id => byID('p-' + id)), others = take(maxOthers, id => !byID('p-' + id));
  if (shown.length + others.length) {
    for (const now of await readPosts(shown, others)) {
      if ('other' in now.dataset && byID(now.id)) changed.add(now.dataset.post); // it was inserted meanwhile
      else updateOrNote(now);
    }
    countNews();
  }
  if (changed.size) readSoon();
});

// take removes up to count of the changed posts that fit.
function take(count, fits) {
  const ids = [...changed].filter(fits).slice(0, count);
  for (const id of ids) changed.delete(id);
  return ids;
}

// readWaiting reads the page of an event that is being downloaded again. It opens the event
// once it is here.
async function readWaiting() {
  const doc = await readPage(here());
  if (!byID('waiting', doc)) location.reload();
  else if (comparable(byID('main')) !== comparable(byID('main', doc))) byID('main').replaceChildren(...adopt(byID('main', doc)).childNodes);
}

// compareAll reads the whole page again, after a break.
async function compareAll() {
  if (!byID('threads')) return;
  for (const now of all('#threads .post', await readPage(here()))) updateOrNote(now);
  countNews();
}

// When the reader leaves a field, versions that were held back are shown, unless the post is
// visible.
document.addEventListener('focusout', () => setTimeout(() => {
  for (const [id, now] of heldBack) {
    const old = byID(id);
    if (old && !inUse(old) && !isVisible(old)) {
      heldBack.delete(id);
      replacePost(old, now);
    }
  }
  countNews();
}));
