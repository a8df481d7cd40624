// The stream of updates. It is open only while the page is looked at: browsers allow few
// connections to one address, and many weeks may be open.
import { byID, eventPath } from './dom.js';
import { refreshInbox } from './inbox.js';
import { postsChanged, reconnected } from './posts.js';
import { isWhole, refreshStatus } from './status.js';

let stream = null, connectedBefore = false;

function open() {
  if (stream || document.hidden) return;
  stream = new EventSource(document.body.dataset.stream);
  stream.addEventListener('hello', () => {
    if (connectedBefore) {
      reconnected();
      refreshStatus();
    }
    connectedBefore = true;
    document.body.dataset.live = 'yes';
  });
  stream.addEventListener('posts', e => {
    if (isWhole()) refreshStatus();
    else if (byID('inbox')) refreshInbox().catch(() => {});
    else if (eventPath) postsChanged(JSON.parse(e.data).posts);
  });
  stream.addEventListener('status', () => {
    refreshStatus();
    if (byID('waiting')) postsChanged();
  });
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
  document.addEventListener('visibilitychange', () => { if (document.hidden) close(); else open() });
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}
