// What only a browser tab has: an identity that comes in a link, the offer of the recovery
// words, and the wish that the browser keeps what is stored.
import { adopt, byID, one, root } from './dom.js';
import { keepPlace } from './place.js';
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

// offerPhrase shows the offer of the recovery phrase below the post that was just made, if doc, a
// newer version of this page, has the offer. Whoever posted is looking there.
export function offerPhrase(post, doc) {
  const offer = inWorker && doc && !byID('keep') && byID('keep', doc);
  if (!offer) return;
  const box = adopt(offer);
  post.after(box);
  box.scrollIntoView({ block: 'nearest', behavior: 'instant' });
}

// moveOffer moves the offer below the own post that the address names: this page was opened
// because the post was just made.
function moveOffer() {
  const offer = byID('keep'), post = location.hash.startsWith('#p-') && byID(location.hash.slice(1));
  if (offer && post && one('.own', post)) keepPlace(() => post.after(offer));
}

async function persist() {
  if (await navigator.storage.persist()) location.reload();
  else toast('The browser did not agree. It may still delete what is stored here.');
}

export function startBrowser() {
  if (!inWorker) return;
  takeIdentity();
  moveOffer();
  addEventListener('hashchange', takeIdentity);
  document.addEventListener('click', e => { if (e.target.closest('[data-persist]')) persist().catch(() => {}) });
}
