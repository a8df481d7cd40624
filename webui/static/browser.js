// What only a browser tab has: an identity that comes in a link, the offer of the recovery
// words, and the wish that the browser keeps what is stored.
import { adopt, byID, here, one, root } from './dom.js';
import { readPage } from './server.js';
import { toast } from './toast.js';
import { inWorker } from './worker.js';

const identityMark = '#identity='; // keys/identity.Link writes it

// takeIdentity brings a link with an identity to the page that asks about it, and takes the
// secret out of the address.
function takeIdentity() {
  if (!location.hash.startsWith(identityMark)) return;
  const box = byID('i-text');
  if (!box) {
    location.replace(root + 'you/identity' + location.hash);
    return;
  }
  box.value = location.href;
  history.replaceState(null, '', location.pathname);
}

// offerPhrase shows the offer of the recovery phrase if the page has one now.
export async function offerPhrase() {
  const strip = one('.strip');
  if (!inWorker || byID('keep') || !strip) return;
  const offer = byID('keep', await readPage(here()));
  if (offer && !byID('keep')) strip.before(adopt(offer));
}

async function persist() {
  if (await navigator.storage.persist()) location.reload();
  else toast('The browser did not agree. It may still delete what is stored here.');
}

export function startBrowser() {
  if (!inWorker) return;
  takeIdentity();
  addEventListener('hashchange', takeIdentity);
  document.addEventListener('click', e => { if (e.target.closest('[data-persist]')) persist().catch(() => {}) });
}
