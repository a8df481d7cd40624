// The first page for somebody who has only a link. It installs the Service Worker, shows
// the progress, and then opens the week of the link.
'use strict';
import './invitation.js';

const status = document.getElementById('status');
const bar = document.getElementById('bar');

function fail(text) {
  status.textContent = text;
  bar.hidden = true;
  document.getElementById('other').hidden = false;
}

// ask sends a message to the worker and returns its answer.
function ask(worker, message) {
  return new Promise((resolve, reject) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = e => e.data.error ? reject(new Error(e.data.error)) : resolve(e.data.result);
    worker.postMessage(message, [port2]);
  });
}

// invitationOf returns the invitation in an address: that of a link or a page of an event, or
// the text behind the #; '' when there is none. An identity behind the # is for the app's pages.
function invitationOf(address) {
  const base = new URL('.', import.meta.url).pathname.replace(/\/$/, '');
  if (address.hash.startsWith('#identity=')) return '';
  return joinInvitation(address, base) || pageInvitation(address, base) || decodeURIComponent(address.hash.slice(1));
}

async function boot() {
  if (!('serviceWorker' in navigator) || !('indexedDB' in globalThis) || !('WebAssembly' in globalThis)) {
    return fail('Flyleaf cannot run in this browser. The window may be private, or the browser may be too old.');
  }
  navigator.serviceWorker.addEventListener('message', e => {
    if (!e.data.loaded) return;
    bar.max = e.data.of;
    bar.value = e.data.loaded;
    status.textContent = e.data.loaded < e.data.of ? 'Downloading Flyleaf (only the first time) …' : 'Starting …';
  });
  const registration = await navigator.serviceWorker.register(new URL('sw.js', import.meta.url), {updateViaCache: 'none'});
  // The state of a worker is not enough: WebKit sometimes leaves it at "installing" after the worker has become active.
  await new Promise((resolve, reject) => {
    navigator.serviceWorker.ready.then(resolve, reject);
    registration.installing?.addEventListener('statechange', e => {
      if (e.target.state === 'redundant') reject(new Error('Flyleaf could not be downloaded. Check the network, then reload the page.'));
    });
  });
  const invitation = invitationOf(location);
  if (!invitation) return location.reload();
  status.textContent = 'Opening the week …';
  const page = await ask(registration.active, {ask: 'join', value: invitation});
  if (location.pathname.startsWith(page)) location.reload(); // a page of the week
  else location.replace(page);
}

boot().catch(error => fail(error.message));
