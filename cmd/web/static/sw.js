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

// versioned is the address under which the browser's HTTP cache has the program of this version.
const versioned = 'app.wasm?' + version;

globalThis.flyleafBase = scope.replace(/\/$/, '');

// relayHere is the address of the relay at this site. The site has a relay if the responses
// with the program's files have the header Flyleaf-Relay.
const relayHere = relayAt(location, flyleafBase);

addEventListener('install', event => event.waitUntil(keepFiles()));

// keepFiles downloads the program's files into the cache of this version, and tells the
// pages the progress.
async function keepFiles() {
  const cache = await caches.open(cacheName);
  await Promise.all(files.map(async name => {
    const response = await fetch(name === 'app.wasm' ? versioned : name, {cache: 'no-cache'});
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    await cache.put(name, name === 'app.wasm' ? await progress(response) : response);
  }));
}

// progress returns a copy of a response, and tells the pages how many of its bytes have
// arrived. The build writes the total size into this file, because Content-Length is the size
// of the compressed file.
async function progress(response) {
  const parts = [], of = {{size}};
  let got = 0, told = 0;
  const reader = response.body.getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    parts.push(value);
    got += value.length;
    if (got < of && got - told < of / 50) continue;
    told = got;
    tell({loaded: got, of});
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

// current is the program that new requests go to; undefined if the next request has to start one.
// ended is a promise that the program started last has ended. A program starts only after the one
// before has ended, because each works as the only one on the store.
let current, ended = Promise.resolve();

// call has the program do something: use gets its functions and the program, and returns a promise. It fails if the
// program ends before that promise is settled.
async function call(use) {
  for (;;) {
    const program = current ?? launch();
    const app = await program.opened;
    if (program !== current) continue; // it is ending, so its successor is asked
    return new Promise((resolve, reject) => {
      program.waiting.add(reject);
      use(app, program).then(resolve, reject).finally(() => program.waiting.delete(reject));
    });
  }
}

// restart has a program end once it has answered its requests. New requests wait for its successor.
function restart(program) {
  if (program !== current) return;
  launch();
  program.opened.then(app => app.stop()).catch(error => console.error('flyleaf:', error));
}

// launch makes a program the current one, and starts it after the one before has ended.
function launch() {
  const program = {waiting: new Set()};
  current = program;
  program.opened = ended.then(() => start(program));
  program.opened.catch(() => forget(program));
  return program;
}

function forget(program) { if (program === current) current = undefined; }

// start starts a program. It returns the program's functions once the program has opened its store.
async function start(program) {
  const cache = await caches.open(cacheName);
  const headers = (await cache.match('boot.js'))?.headers;
  globalThis.flyleafRelay = headers?.has('Flyleaf-Relay') ? relayHere : '';
  const go = new Go();
  const instance = await WebAssembly.instantiate(await compiled(cache), go.importObject);
  return new Promise((resolve, reject) => {
    program.waiting.add(reject);
    globalThis.flyleafReady = (app, error) => { error ? reject(new Error(error)) : resolve(app); };
    ended = go.run(instance).catch(error => console.error('flyleaf:', error)).then(() => {
      forget(program);
      for (const reject of program.waiting) reject(new Error('Flyleaf ended before it could answer.'));
    });
  });
}

// compiled returns the compiled program. Browsers keep the machine code of a program that fetch got
// from their HTTP cache, but not of one from a Cache, and without it a start takes twice as long.
// But they may drop a file from their HTTP cache at any time.
async function compiled(cache) {
  try {
    return await WebAssembly.compileStreaming(fetch(versioned, {cache: 'only-if-cached', mode: 'same-origin'}));
  } catch {
    return WebAssembly.compileStreaming(await cache.match('app.wasm') ?? fetch('app.wasm'));
  }
}

// flyleafConvert has a second program do what few people need (see node.Converter). Its file is fetched when it is
// needed for the first time, or a page is opened that may need it, and then kept like the others.
let converter;
globalThis.flyleafConvert = async (name, head, body) => {
  converter ??= startConverter().catch(error => { converter = undefined; throw error; });
  return (await converter)(name, head, body);
};

async function startConverter() {
  const go = new Go();
  const {instance} = await WebAssembly.instantiateStreaming(await keepConverter(), go.importObject);
  return new Promise((resolve, reject) => {
    globalThis.flyleafConverterReady = resolve;
    go.run(instance).then(() => { converter = undefined; reject(new Error('the program ended')); }, reject);
  });
}

// keepConverter returns the second program's file. It fetches the file unless it is kept.
let keeping;
async function keepConverter() {
  const cache = await caches.open(cacheName);
  const name = 'convert.wasm';
  const kept = await cache.match(name);
  if (kept) return kept;
  keeping ??= (async () => {
    const response = await fetch(name, {cache: 'no-cache'}).catch(() => {
      throw new Error('it must be downloaded once, and there is no connection to the server');
    });
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    const bytes = await response.arrayBuffer();
    // The server may have a newer version than this one, whose programs do not fit together.
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const hex = [...digest].map(b => b.toString(16).padStart(2, '0')).join('');
    if (hex !== '{{convert}}') throw new Error('there is a newer version of Flyleaf; load it, and try again');
    await cache.put(name, new Response(bytes, {headers: {'Content-Type': 'application/wasm'}}));
  })().finally(() => { keeping = undefined; });
  await keeping;
  return cache.match(name);
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
  event.respondWith(name.startsWith('static/') && event.request.method === 'GET' ? staticFile(event.request, url.pathname) : answer(event.request));
});

// staticFiles are files that the program has served and that never change, by their paths.
const staticFiles = new Map();

// staticFile answers a request for a file that pages use. The program is asked once for each.
async function staticFile(request, path) {
  let file = staticFiles.get(path);
  if (!file) {
    const cache = await caches.open(cacheName);
    let response = await cache.match(path);
    if (!response) {
      response = await answer(request);
      if (response.status !== 200 || !response.headers.get('Cache-Control')?.includes('immutable')) return response;
      await cache.put(path, response.clone());
    }
    file = {body: await response.arrayBuffer(), headers: response.headers};
    staticFiles.set(path, file);
  }
  return new Response(file.body, {headers: file.headers});
}

async function answer(request) {
  let asked = false; // the program was asked to do what the request says
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  try {
    // A link joins only when it is opened in a window: in a frame, the page of another site could join unseen.
    const inWindow = request.mode === 'navigate' && request.destination === 'document';
    const invitation = inWindow && joinInvitation(new URL(request.url), flyleafBase);
    // The # at the end keeps the browser from adding the secret of the invitation to the new address.
    if (invitation) return Response.redirect(await call(app => app.join(invitation)) + '#', 303);
    const body = changes ? new Uint8Array(await request.arrayBuffer()) : null;
    const got = await call((app, program) => {
      asked = true;
      return app.handle({method: request.method, url: request.url, headers: [...request.headers], body}).then(got => {
        if (got.restart) restart(program);
        return got;
      });
    });
    // Fetched ahead: if that fails, it is tried again when the program is needed.
    if (got.headers.some(([name]) => name === 'Flyleaf-Converter')) keepConverter().catch(() => {});
    const empty = got.status === 204 || got.status === 304 || got.status >= 300 && got.status < 400;
    return new Response(empty ? null : got.body, {status: got.status, headers: got.headers});
  } catch (error) {
    return failed(error, asked && changes ? 'Look whether it was saved before you send it again.' : 'Nothing was changed. Reload the page to try again.');
  }
}

// failed returns a page that shows an error and what can be done.
function failed(error, advice) {
  const text = String(error.message ?? error).replace(/[&<>]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;'})[c]);
  return new Response(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Flyleaf</title><link rel="stylesheet" href="${scope}boot.css"><main><h1>Flyleaf could not open this page</h1>
<p>${text}</p><p>${advice}</p></main>`,
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
      const result = await call(async app => ask === 'join' ? app.join(value) : ask === 'wake' ? app.wake() : null);
      port?.postMessage({result});
    } catch (error) {
      port?.postMessage({error: String(error.message ?? error)});
    }
  })());
});
