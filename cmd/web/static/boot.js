// The first page of somebody who has only a link: it installs the Service Worker, says
// how far that is, and then opens the week of the link.
'use strict';

const status = document.getElementById('status');
const bar = document.getElementById('bar');

function fail(text) {
  status.textContent = text;
  bar.hidden = true;
  document.getElementById('other').hidden = false;
}

// ask asks the worker and waits for its answer.
function ask(worker, message) {
  return new Promise((resolve, reject) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = e => e.data.error ? reject(new Error(e.data.error)) : resolve(e.data.result);
    worker.postMessage(message, [port2]);
  });
}

// invitationOf returns the invitation of an address: behind its #, or, of /join/EVENT and of the
// pages below /e/EVENT, to the relay that served the page, with the secret behind the # of
// /join/EVENT if it has one; "" when there is none.
function invitationOf({hash, pathname, protocol, host}) {
  const [, base, kind, event] = pathname.match(/^(.*)\/(join|e)\/([0-9A-Za-z]+)(?:\/.*)?$/) ?? [];
  if (kind === 'e') hash = '';
  if (event) return `flyleaf:${event}@${protocol === 'https:' ? 'wss' : 'ws'}://${host}${base}${hash.length > 1 ? hash : ''}`;
  return hash.length > 1 ? decodeURIComponent(hash.slice(1)) : '';
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
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  await new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === 'activated') resolve();
      if (worker.state === 'redundant') reject(new Error('Flyleaf could not be downloaded. Check the network, then reload the page.'));
    };
    worker.addEventListener('statechange', look);
    look();
  });
  const invitation = invitationOf(location);
  if (!invitation) return location.reload();
  status.textContent = 'Opening the week …';
  const page = await ask(worker, {ask: 'join', value: invitation});
  if (location.pathname.startsWith(page)) location.reload(); // a page of the week
  else location.replace(page);
}

boot().catch(error => fail(error.message));
