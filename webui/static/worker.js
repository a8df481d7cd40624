// In a browser tab there is no program besides the browser: it runs in this site's Service
// Worker, which the browser ends when nothing needs it. While somebody looks at a page,
// the page keeps the worker alive and hears from it what has changed.
import { byID } from './dom.js';

// inWorker says that this page came from the worker.
export const inWorker = document.body.dataset.worker !== undefined;

const pingEvery = 10_000; // ms; a worker without anything to do is ended after some 30 s

const askAgain = 2000; // ms until a new version is asked for again to take over

const lookEvery = 3_600_000; // ms between two looks for a new version

// ask sends the worker a request and returns its response.
export function ask(question, value) {
  return new Promise((resolve, reject) => {
    const worker = navigator.serviceWorker.controller;
    if (!worker) return reject(new Error('Flyleaf does not run in this browser. Reload the page.'));
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = e => { if (e.data.error) reject(new Error(e.data.error)); else resolve(e.data.result) };
    worker.postMessage({ ask: question, value }, [port2]);
  });
}

// listen calls update with each message of the worker about changes: {event, posts, status}.
export function listen(update) {
  navigator.serviceWorker.addEventListener('message', e => { if (e.data.posts) update(e.data) });
  navigator.serviceWorker.startMessages();
}

// startWorker keeps the worker alive, asks it to reconnect to relays when the page becomes
// visible or the device online, and joins the week of an address such as /#EVENT@wss://RELAY.
export function startWorker() {
  if (!inWorker) return;
  setInterval(() => { if (!document.hidden) ask('ping').catch(() => {}) }, pingEvery);
  const wake = () => ask('wake').catch(() => {});
  addEventListener('online', wake);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake() });
  addEventListener('hashchange', join);
  join();
  offerUpdate();
}

async function join() {
  const invitation = decodeURIComponent(location.hash.slice(1));
  if (!/^(flyleaf:)?[0-9A-Za-z]{20,40}@/.test(invitation)) return;
  try {
    location.replace(await ask('join', invitation));
  } catch (error) {
    const box = byID('update');
    box.textContent = error.message;
    box.hidden = false;
  }
}

// offerUpdate offers a new version of the program. The page never switches to the new version
// by itself, because somebody may be writing.
async function offerUpdate() {
  const registration = await navigator.serviceWorker.ready;
  const offer = () => {
    const box = byID('update');
    if (!registration.waiting || !box) return;
    const button = document.createElement('button');
    button.textContent = 'Reload';
    button.addEventListener('click', () => {
      button.disabled = true;
      navigator.serviceWorker.addEventListener('controllerchange', () => location.reload());
      // Asked for again until it happens: while the browser is busy, it may lose the message to a worker that it has ended.
      const change = () => {
        if (registration.waiting) registration.waiting.postMessage({ ask: 'skipWaiting' });
        else location.reload(); // perhaps another tab has loaded the new version
      };
      change();
      setInterval(change, askAgain);
    });
    box.replaceChildren('A new version of Flyleaf is ready. ', button);
    box.hidden = false;
  };
  offer();
  // The browser looks for a new version when a page is opened. Some pages stay open for days.
  let looked = Date.now();
  document.addEventListener('visibilitychange', () => {
    if (document.hidden || Date.now() - looked < lookEvery) return;
    looked = Date.now();
    registration.update().catch(() => {}); // without a network there is none
  });
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', offer);
  });
}
