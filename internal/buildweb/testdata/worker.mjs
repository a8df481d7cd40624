// Tests of cmd/web/static/sw.js with fakes in place of the browser and of the Go program.
import assert from 'node:assert/strict';
import {createHash, webcrypto} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import vm from 'node:vm';

// What a fake fetch returns for convert.wasm, its name, and the hash of that.
const converter = 'convert.wasm';
const converterHash = createHash('sha256').update(converter).digest('hex');

const dir = new URL('../../../cmd/web/static/', import.meta.url);
const script = name => new vm.Script(readFileSync(new URL(name, dir), 'utf8').replaceAll('{{size}}', '0').replaceAll('{{version}}', 'v1').replaceAll('{{convert}}', converterHash), {filename: name});
const [invitation, sw] = [script('invitation.js'), script('sw.js')];

// settled lets everything happen that waits for nothing from outside.
const settled = () => new Promise(resolve => setTimeout(resolve));

function promise() {
  const p = {};
  p.made = new Promise((resolve, reject) => Object.assign(p, {resolve, reject}));
  return p;
}

// browser is a Service Worker with sw.js. Its programs are in the order of their starts; each
// is loaded when load() is called, and offers its functions when open() is called.
function browser() {
  const programs = [], handlers = {}, kept = new Map(), fetched = [];
  const network = {down: false, newer: ''};
  let most = 0, running = 0;
  const context = vm.createContext({
    URL, Response, Blob, Uint8Array, console, setTimeout, crypto: webcrypto,
    location: new URL('https://site.example/sw.js'),
    registration: {scope: 'https://site.example/'},
    addEventListener: (type, handler) => { handlers[type] = handler; },
    importScripts: () => invitation.runInContext(context),
    caches: {open: async () => ({match: async name => kept.get(name)?.clone(), put: async (name, response) => { kept.set(name, response); }})},
    clients: {matchAll: async () => []},
    // A fetch with only-if-cached succeeds if the file was fetched before.
    fetch: async (name, {cache} = {}) => {
      if (cache === 'only-if-cached' && !fetched.includes(name)) throw new TypeError('not cached');
      if (network.down) throw new TypeError('Failed to fetch');
      if (cache !== 'only-if-cached') fetched.push(name);
      return new Response(name + (name === converter ? network.newer : ''), {headers: {'Content-Type': 'application/wasm'}});
    },
    WebAssembly: {
      compileStreaming: async response => (await response).text(),
      instantiateStreaming: async response => ({instance: {convert: await response.text(), ended: promise()}}),
      instantiate: source => {
        const program = newProgram(source);
        programs.push(program);
        return program.loaded.made;
      },
    },
    Go: class {
      run(program) {
        if (program.convert) {
          context.flyleafConverterReady(async name => `${name} by ${program.convert}`);
          return program.ended.made;
        }
        most = Math.max(most, ++running);
        program.ended.made.then(() => running--);
        program.open = error => context.flyleafReady(program.offers, error);
        return program.ended.made;
      }
    },
  });
  sw.runInContext(context);
  function newProgram(source) {
    const program = {source, loaded: promise(), ended: promise(), requests: []};
    const offer = name => value => {
      const request = Object.assign(promise(), {name, value});
      program.requests.push(request);
      return request.made;
    };
    program.offers = {handle: offer('handle'), join: offer('join'), wake: offer('wake'), stop: offer('stop')};
    program.load = async () => { program.loaded.resolve(program); await settled(); };
    return program;
  }
  return {
    programs,
    fetched,
    network,
    convert: name => context.flyleafConvert(name),
    most: () => most,
    install: () => {
      let done;
      handlers.install({waitUntil: p => { done = p; }});
      return done;
    },
    // request sends a request and returns the promise of its response.
    request: (path, more = {}) => {
      let response;
      handlers.fetch({
        request: {url: 'https://site.example' + path, method: 'GET', headers: [], mode: 'cors', destination: '', ...more},
        respondWith: r => { response = r; },
      });
      return response;
    },
    message: data => new Promise(resolve => {
      handlers.message({data, ports: [{postMessage: resolve}], waitUntil: () => {}});
    }),
  };
}

const ok = (more = {}) => ({status: 200, headers: [], body: new Uint8Array(), ...more});

// started returns a browser whose first program runs.
async function started() {
  const b = browser();
  const woken = b.message({ask: 'wake'});
  await settled();
  await b.programs[0].load();
  b.programs[0].open();
  await settled();
  b.programs[0].requests.pop().resolve(null);
  await woken;
  return b;
}

test('requests wait for the program, and one is started for all', async () => {
  const b = browser();
  const responses = [b.request('/a'), b.request('/b')];
  await settled();
  assert.equal(b.programs.length, 1);
  await b.programs[0].load();
  b.programs[0].open();
  await settled();
  for (const r of b.programs[0].requests) r.resolve(ok());
  assert.deepEqual((await Promise.all(responses)).map(r => r.status), [200, 200]);
});

test('a program that ends before its successor is loaded leaves nobody waiting', async () => {
  const b = await started();
  const [first] = b.programs;
  const change = b.request('/you/identity', {method: 'POST', arrayBuffer: async () => new ArrayBuffer(0)});
  await settled();
  first.requests.pop().resolve(ok({restart: true}));
  assert.equal((await change).status, 200);
  assert.equal(first.requests.pop().name, 'stop');

  const waiting = [b.request('/a')];
  await settled();
  assert.equal(first.requests.length, 0, 'a program that stops was asked for something');
  first.ended.resolve();
  await settled();
  waiting.push(b.request('/b'));
  await settled();
  assert.equal(b.programs.length, 2, 'programs that were started');
  const second = b.programs[1];
  await second.load();
  second.open();
  await settled();
  assert.equal(second.requests.length, 2, 'requests that the successor has to answer');
  for (const r of second.requests) r.resolve(ok());
  assert.deepEqual((await Promise.all(waiting)).map(r => r.status), [200, 200]);
  assert.equal(b.most(), 1, 'programs that ran at the same time');
});

test('a successor waits until the program before has ended', async () => {
  const b = await started();
  const [first] = b.programs;
  const changes = [1, 2].map(() => b.request('/you/identity', {method: 'POST', arrayBuffer: async () => new ArrayBuffer(0)}));
  await settled();
  for (const r of first.requests.splice(0)) r.resolve(ok({restart: true}));
  await Promise.all(changes);
  await settled();
  assert.deepEqual(first.requests.map(r => r.name), ['stop'], 'a program is stopped once');
  first.requests[0].reject(new Error('the store could not be closed'));
  const response = b.request('/a');
  await settled();
  await b.programs[1]?.load();
  assert.equal(b.most(), 1, 'programs that ran at the same time');
  first.ended.resolve();
  await settled();
  await b.programs[1].load();
  b.programs[1].open();
  await settled();
  b.programs[1].requests[0].resolve(ok());
  assert.equal((await response).status, 200);
  assert.equal(b.programs.length, 2);
  assert.equal(b.most(), 1, 'programs that ran at the same time');
});

test('a program that ends by itself answers with an error what it has not answered, and is started again', async () => {
  const b = await started();
  const [first] = b.programs;
  const read = b.request('/a');
  const written = b.request('/b', {method: 'POST', arrayBuffer: async () => new ArrayBuffer(0)});
  const joined = b.message({ask: 'join', value: 'flyleaf:x'});
  await settled();
  assert.equal(first.requests.length, 3);
  first.ended.resolve();
  assert.equal((await read).status, 500);
  assert.match(await (await read).text(), /Nothing was changed/);
  assert.equal((await written).status, 500);
  assert.doesNotMatch(await (await written).text(), /Nothing was changed/);
  assert.ok((await joined).error);

  const next = b.request('/c');
  await settled();
  await b.programs[1].load();
  b.programs[1].open();
  await settled();
  b.programs[1].requests[0].resolve(ok());
  assert.equal((await next).status, 200);
});

test('after a start that failed the next request starts a program, once that one has ended', async () => {
  const b = browser();
  const failed = b.request('/a');
  await settled();
  await b.programs[0].load();
  b.programs[0].open('the database cannot be opened');
  assert.match(await (await failed).text(), /the database cannot be opened/);

  const next = b.request('/b');
  await settled();
  await b.programs[1]?.load();
  assert.equal(b.most(), 1, 'programs that ran at the same time');
  b.programs[0].ended.resolve();
  await settled();
  await b.programs[1].load();
  b.programs[1].open();
  await settled();
  b.programs[1].requests[0].resolve(ok());
  assert.equal((await next).status, 200);
});

test('a program that ends without a word, or cannot be loaded, is an error to those who wait for it', async () => {
  const b = browser();
  const silent = b.request('/a');
  await settled();
  await b.programs[0].load();
  b.programs[0].ended.resolve();
  assert.equal((await silent).status, 500);

  const unloaded = b.request('/b');
  await settled();
  b.programs[1].loaded.reject(new Error('no network'));
  assert.match(await (await unloaded).text(), /no network/);

  const next = b.request('/c');
  await settled();
  await b.programs[2].load();
  b.programs[2].open();
  await settled();
  b.programs[2].requests[0].resolve(ok());
  assert.equal((await next).status, 200);
});

test('the body of a form is read before the program is asked for', async () => {
  const b = browser();
  let read = 0;
  const response = b.request('/ask', {method: 'POST', arrayBuffer: async () => { read++; return Uint8Array.of(1, 2).buffer; }});
  await settled();
  assert.equal(read, 1);
  await b.programs[0].load();
  b.programs[0].open();
  await settled();
  assert.deepEqual([...b.programs[0].requests[0].value.body], [1, 2]);
  b.programs[0].requests[0].resolve(ok());
  assert.equal((await response).status, 200);
  assert.equal(read, 1);
});

test('the program is loaded from the HTTP cache, whose compiled code is kept, or else from the cache of this version', async () => {
  for (const [cached, source] of [[true, 'app.wasm?v1'], [false, 'app.wasm?v1'], [undefined, 'app.wasm']]) {
    const b = browser();
    if (cached !== undefined) await b.install();
    const before = b.fetched.length;
    if (!cached) b.fetched.length = 0; // the browser has emptied its HTTP cache
    b.request('/a');
    await settled();
    assert.equal(b.programs[0].source, source);
    if (cached !== undefined) assert.equal(b.fetched.length, cached ? before : 0, 'files that were fetched again');
  }
});

test('the program is asked once for a file that never changes', async () => {
  const b = await started();
  const [program] = b.programs;
  const get = async (path, control) => {
    const response = b.request(path);
    await settled();
    const asked = program.requests.length;
    program.requests.pop()?.resolve(ok({headers: [['Cache-Control', control], ['Content-Type', 'text/css']], body: new TextEncoder().encode(control)}));
    assert.equal((await response).headers.get('Content-Type'), 'text/css');
    return [asked, await (await response).text()];
  };
  const forever = 'private, immutable';
  assert.deepEqual(await get('/static/v/pages.css', forever), [1, forever]);
  assert.deepEqual(await get('/static/v/pages.css?again', 'other'), [0, forever]);
  assert.deepEqual(await get('/static/earlier/pages.css', 'no-cache'), [1, 'no-cache']);
  assert.deepEqual(await get('/static/earlier/pages.css', 'no-cache'), [1, 'no-cache']);
});

test('the converter is fetched when it is first needed, and then kept; without a network, or of another version, it is an error', async () => {
  const b = await started();
  b.network.down = true;
  await assert.rejects(b.convert('archive'), /^Error: it must be downloaded once, and there is no connection to the server$/);
  b.network.down = false;
  b.network.newer = ' of tomorrow';
  await assert.rejects(b.convert('archive'), /there is a newer version of Flyleaf/);
  b.network.newer = '';
  b.fetched.length = 0;
  assert.deepEqual(await Promise.all([b.convert('archive'), b.convert('readWeeks')]), ['archive by convert.wasm', 'readWeeks by convert.wasm']);
  b.network.down = true;
  assert.equal(await b.convert('archive'), 'archive by convert.wasm');
  assert.deepEqual(b.fetched, ['convert.wasm']);
});

test('a page that may need the converter has it fetched ahead', async () => {
  const b = await started();
  const [program] = b.programs;
  const get = async (path, headers) => {
    const response = b.request(path);
    await settled();
    program.requests.pop().resolve(ok({headers}));
    assert.equal((await response).status, 200);
  };
  b.fetched.length = 0;
  await get('/e/x', []);
  assert.deepEqual(b.fetched, []);
  await get('/files', [['Flyleaf-Converter', 'files']]);
  await get('/e/x/setup', [['Flyleaf-Converter', 'pictures']]);
  assert.deepEqual(b.fetched, ['convert.wasm']);
  assert.equal(await b.convert('archive'), 'archive by convert.wasm');
  assert.deepEqual(b.fetched, ['convert.wasm']);
});
