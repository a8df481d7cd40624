// New posts: which of them the reader has seen, how many there are in the tab's title, and the keys that go to the
// next and the previous one.
import { all, byID, eventPath, here, one, root } from './dom.js';
import { startKeys } from './keys.js';
import { paced } from './pace.js';
import { focusPost } from './place.js';
import { send } from './server.js';

const dwell = 1000;      // ms that the end of a post is in the window until it counts as read
const maxAtOnce = 100;   // posts in one request

const waiting = new Map(); // element → timer
const seen = new Set();    // IDs of posts to mark as read
const told = new Set();    // IDs of posts that were marked as read while this page is open

// The last paragraph of a post is observed: a long post is read when somebody has come to its end.
const observer = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    clearTimeout(waiting.get(target));
    waiting.delete(target);
    if (isIntersecting) waiting.set(target, setTimeout(saw, dwell, target));
  }
});

function saw(end) {
  const id = end.closest('.post')?.dataset.post;
  if (document.hidden || !id || told.has(id)) return;
  observer.unobserve(end);
  seen.add(id);
  told.add(id);
  tellSoon();
}

// tell marks what was seen as read.
async function tell(keepalive = false) {
  const ids = [...seen].slice(0, maxAtOnce);
  if (!ids.length) return;
  for (const id of ids) seen.delete(id);
  try {
    showCount(await send(eventPath + '/read', new URLSearchParams(ids.map(id => ['post', id])), keepalive));
  } catch {
    for (const id of ids) told.delete(id); // they stay new
  }
  if (seen.size) tellSoon();
}

const tellSoon = paced(() => tell());

const shown = new WeakSet(); // elements that are observed, or were

function watch() {
  for (const post of all('.post[data-unread]')) {
    const end = one('.said > .words > :nth-last-child(1 of :not(.copy-code))', post) || one('.said', post);
    if (shown.has(end)) continue;
    shown.add(end);
    observer.observe(end);
  }
}

// showCount shows in the tab's title how many posts are new.
export function showCount({ new: count }) {
  document.body.dataset.new = count;
  document.title = (count ? '(' + count + ') ' : '') + document.title.replace(/^\(\d+\) /, '');
}

// countNew asks how many posts are new.
export const countNew = paced(async () => {
  if (document.body.dataset.new === undefined) return;
  const response = await fetch(root + 'news', { credentials: 'same-origin' });
  if (response.ok) showCount(await response.json());
});

// current is the post that the reader is at: the one with the focus, else the one of the address, else none.
const current = () => document.activeElement.closest('.post') || location.hash.startsWith('#p-') && byID(location.hash.slice(1));

// go goes to the next new post, or to the previous one: on this page, otherwise on another one.
function go(back) {
  const posts = all('#threads .post'), at = posts.indexOf(current());
  const rest = back ? posts.slice(0, Math.max(at, 0)).reverse() : posts.slice(at + 1);
  const next = rest.find(post => 'unread' in post.dataset);
  if (next) {
    history.replaceState(history.state, '', here()); // the address names another post
    focusPost(next);
    return;
  }
  const edge = back ? posts[0] : posts[posts.length - 1];
  const params = new URLSearchParams(location.search);
  if (params.has('show') || params.has('sort')) one('.pages [rel=' + (back ? 'prev' : 'next') + ']')?.click();
  else if (edge && document.body.dataset.new !== '0') {
    location.assign(eventPath + '/unread?' + new URLSearchParams({ [back ? 'before' : 'after']: edge.dataset.post }));
  }
}

export function startUnread() {
  if (!eventPath || !byID('main')) return;
  watch();
  new MutationObserver(watch).observe(byID('main'), { childList: true, subtree: true });
  addEventListener('pagehide', () => tell(true));
  if (!byID('threads')) return;
  startKeys((e, key) => {
    if (key !== 'n' && key !== 'p') return;
    e.preventDefault();
    go(key === 'p');
  });
}
