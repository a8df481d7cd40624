// The stream of updates. It is open only while the page is looked at: browsers allow few
// connections to one address, and many weeks may be open.
import { byID, eventPath } from './dom.js';
import { refreshInbox } from './inbox.js';
import { postsChanged, reconnected } from './posts.js';
import { refreshQueue } from './queue.js';
import { isWhole, refreshStatus } from './status.js';
import { countNew } from './unread.js';
import { inWorker, listen } from './worker.js';

// somePosts is called with the IDs of posts that have changed; without them when any may have.
function somePosts(posts) {
  countNew();
  if (isWhole()) refreshStatus();
  else if (byID('inbox')) refreshInbox();
  else if (byID('waits')) refreshQueue();
  else if (!posts) reconnected();
  else if (eventPath) postsChanged(posts);
}

// newStatus is called when delivery, the relay or the event itself has changed.
function newStatus() {
  refreshStatus();
  if (byID('waiting')) postsChanged();
}

// heard handles an update from the worker, which may be about any event.
function heard({ event, posts, status }) {
  const ours = !eventPath || eventPath.endsWith('/' + event);
  if (posts.length && ours) somePosts(posts);
  if (status) newStatus();
}

// catchUp reads changes that happened while this page received no updates.
function catchUp() {
  somePosts();
  refreshStatus();
}

let stream = null, connectedBefore = false;

function open() {
  if (stream || document.hidden) return;
  stream = new EventSource(document.body.dataset.stream);
  stream.addEventListener('hello', () => {
    if (connectedBefore || byID('waiting')) catchUp(); // changes may have happened before the stream was open
    connectedBefore = true;
    document.body.dataset.live = 'yes';
  });
  stream.addEventListener('posts', e => somePosts(JSON.parse(e.data).posts));
  stream.addEventListener('status', newStatus);
  stream.addEventListener('error', () => {
    document.body.dataset.live = 'no';
    refreshStatus();
  });
}

function close() {
  if (stream) stream.close();
  stream = null;
}

export function startStream() {
  if (inWorker) {
    listen(heard);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) catchUp() });
    document.body.dataset.live = 'yes';
    catchUp(); // the worker may have told of changes before this page listened
    return;
  }
  document.addEventListener('visibilitychange', () => { if (document.hidden) close(); else open() });
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
