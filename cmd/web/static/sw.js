// The Service Worker: it caches the program's files, runs the program, and passes it the
// requests of all tabs. The browser ends it after some 30 idle seconds, and starts it again
// for the next request.
'use strict';
importScripts('wasm_exec.js', 'invitation.js');

const version = '{{version}}';
const files = ['boot.js', 'invitation.js', 'boot.css', 'flyleaf.css', 'app.wasm', 'wasm_exec.js', 'manifest.webmanifest', 'icon.svg',
  'icon-180.png', 'icon-192.png', 'icon-512.png'];
const scope = new URL(registration.scope).pathname;
const cacheName = `flyleaf ${scope} ${version}`;

globalThis.flyleafBase = scope.replace(/\/$/, '');

// relayHere is the address of the relay at this site. The site has a relay if the responses
// with the program's files have the header Flyleaf-Relay.
const relayHere = relayAt(location, flyleafBase);

addEventListener('install', event => event.waitUntil(keepFiles()));

// keepFiles downloads the program's files into the cache of this version, and tells the
// pages the progress.
async function keepFiles() {
  const cache = await caches.open(cacheName);
  for (const name of files) {
    const response = await fetch(name, {cache: 'no-cache'});
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    await cache.put(name, name === 'app.wasm' ? await progress(response) : response);
  }
}

// progress returns a copy of a response, and tells the pages how many of its bytes have
// arrived. The build writes the total size into this file, because Content-Length is the size
// of the compressed file.
async function progress(response) {
  const parts = [];
  let got = 0;
  const reader = response.body.getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    got += value.length;
    await tell({loaded: got, of: {{size}}});
  }
  return new Response(new Blob(parts, {type: 'application/wasm'}), {headers: {'Content-Type': 'application/wasm'}});
}

addEventListener('activate', event => event.waitUntil((async () => {
  for (const name of await caches.keys()) {
    if (name.startsWith(`flyleaf ${scope} `) && name !== cacheName) await caches.delete(name);
  }
  await clients.claim();
})()));

async function tell(message) {
  for (const client of await clients.matchAll({includeUncontrolled: true, type: 'window'})) client.postMessage(message);
}
globalThis.flyleafTell = message => { tell(message); };

// program starts the program, once unless a start fails, and returns it.
let starting, running;
function program() {
  starting ??= start().catch(error => { starting = undefined; throw error; });
  return starting;
}

async function start() {
  const cached = await (await caches.open(cacheName)).match('app.wasm');
  const headers = (await (await caches.open(cacheName)).match('boot.js'))?.headers;
  globalThis.flyleafRelay = headers?.has('Flyleaf-Relay') ? relayHere : '';
  const go = new Go();
  const {instance} = await WebAssembly.instantiateStreaming(cached ?? fetch('app.wasm'), go.importObject);
  return new Promise((resolve, reject) => {
    globalThis.flyleafReady = (program, error) => { error ? reject(new Error(error)) : resolve(program); };
    running = instance;
    go.run(instance).then(() => {
      if (running === instance) starting = undefined;
      reject(new Error('the program ended'));
    }, reject);
  });
}

// flyleafConvert has a second program read or write files of other formats. It is loaded when it
// is needed for the first time, and then kept like the others.
let converter;
globalThis.flyleafConvert = async (name, head, body) => {
  converter ??= startConverter().catch(error => { converter = undefined; throw error; });
  return (await converter)(name, head, body);
};

async function startConverter() {
  const cache = await caches.open(cacheName);
  const name = 'convert.wasm';
  if (!await cache.match(name)) {
    const response = await fetch(name, {cache: 'no-cache'});
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    const bytes = await response.arrayBuffer();
    // The server may have a newer version than this one, whose programs do not fit together.
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const hex = [...digest].map(b => b.toString(16).padStart(2, '0')).join('');
    if (hex !== '{{convert}}') throw new Error('there is a newer version of Flyleaf; load it, and try again');
    await cache.put(name, new Response(bytes, {headers: {'Content-Type': 'application/wasm'}}));
  }
  const go = new Go();
  const {instance} = await WebAssembly.instantiateStreaming(await cache.match(name), go.importObject);
  return new Promise((resolve, reject) => {
    globalThis.flyleafConverterReady = resolve;
    go.run(instance).then(() => { converter = undefined; reject(new Error('the program ended')); }, reject);
  });
}

addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin || !url.pathname.startsWith(scope)) return;
  const name = url.pathname.slice(scope.length);
  if (name === 'sw.js') return;
  if (files.includes(name)) {
    event.respondWith(caches.open(cacheName).then(cache => cache.match(name)).then(found => found ?? fetch(event.request)));
    return;
  }
  event.respondWith(answer(event.request));
});

async function answer(request) {
  try {
    const app = await program();
    // A link joins only when it is opened in a window: in a frame, the page of another site could join unseen.
    const inWindow = request.mode === 'navigate' && request.destination === 'document';
    const invitation = inWindow && joinInvitation(new URL(request.url), flyleafBase);
    // The # at the end keeps the browser from adding the secret of the invitation to the new address.
    if (invitation) return Response.redirect(await app.join(invitation) + '#', 303);
    const body = request.method === 'GET' || request.method === 'HEAD' ? null : new Uint8Array(await request.arrayBuffer());
    const got = await app.handle({method: request.method, url: request.url, headers: [...request.headers], body});
    if (got.restart) starting = app.stop().then(start).catch(error => { starting = undefined; throw error; });
    const empty = got.status === 204 || got.status === 304 || got.status >= 300 && got.status < 400;
    return new Response(empty ? null : got.body, {status: got.status, headers: got.headers});
  } catch (error) {
    return failed(error);
  }
}

// failed returns a page that shows an error.
function failed(error) {
  const text = String(error.message ?? error).replace(/[&<>]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;'})[c]);
  return new Response(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Flyleaf</title><link rel="stylesheet" href="${scope}boot.css"><main><h1>Flyleaf could not open this page</h1>
<p>${text}</p><p>Nothing was changed. Reload the page to try again.</p></main>`,
  {status: 500, headers: {'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': "default-src 'none'; style-src 'self'"}});
}

// A page sends a request, with a port for the answer, or a ping that keeps the worker alive
// while somebody looks at the page.
addEventListener('message', event => {
  const {ask, value} = event.data ?? {};
  const port = event.ports[0];
  if (ask === 'skipWaiting') { skipWaiting(); return; }
  event.waitUntil((async () => {
    try {
      const app = await program();
      const result = ask === 'join' ? await app.join(value) : ask === 'wake' ? await app.wake() : null;
      port?.postMessage({result});
    } catch (error) {
      port?.postMessage({error: String(error.message ?? error)});
    }
  })());
});
