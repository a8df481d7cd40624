// System notifications about answers, if the reader has chosen them in this browser, and only while a page is open. They say that
// there is an answer and nothing else, because others may see the screen.
import { byID, root } from './dom.js';
import { paced } from './pace.js';
import { ask, inWorker, listen } from './worker.js';

const setting = 'flyleaf notifications'; // in the browser's storage: "on" or "off"
const pingEvery = 10_000;                // ms; otherwise the worker of a hidden page is ended

function chosen() {
  try {
    return localStorage[setting] === 'on' && window.Notification?.permission === 'granted';
  } catch {
    return false; // no storage
  }
}

function choose(on) {
  try {
    localStorage[setting] = on ? 'on' : 'off';
  } catch { /* no storage: until the page is left */ }
}

async function countAnswers() {
  const response = await fetch(root + 'news', { credentials: 'same-origin' });
  if (!response.ok) throw new Error(response.status);
  return (await response.json()).answers;
}

// notificationWords says how many answers are new.
export const notificationWords = count => count === 1
  ? 'There is a new answer to a question of yours.' : 'There are ' + count + ' new answers to your questions.';

async function show(count) {
  const options = { body: notificationWords(count), tag: 'flyleaf answers' };
  try {
    new Notification('Flyleaf', options).onclick = () => focus();
  } catch { // some browsers on phones show only those of a worker
    await (await navigator.serviceWorker?.ready)?.showNotification('Flyleaf', options);
  }
}

// watch reports new answers while this page is open. It is called in one page at a time.
async function watch() {
  let known = await countAnswers();
  const look = paced(async () => {
    const now = await countAnswers();
    if (now > known && chosen() && !document.hasFocus()) await show(now - known);
    known = now;
  });
  if (inWorker) {
    listen(look);
    setInterval(() => ask('ping').catch(() => {}), pingEvery);
  } else {
    const stream = new EventSource(root + 'stream'); // of all weeks, also while the page is hidden
    stream.addEventListener('hello', look);
    stream.addEventListener('posts', look);
  }
  return new Promise(() => {}); // until the page is closed
}

let started = false;

function start() {
  if (started || !chosen() || !navigator.locks) return;
  started = true;
  navigator.locks.request('flyleaf notifications', watch).catch(() => { started = false });
}

// setUp shows the setting on the page "You".
function setUp(box) {
  box.closest('section').hidden = false;
  box.checked = chosen();
  box.addEventListener('change', async () => {
    const on = box.checked && await Notification.requestPermission() === 'granted';
    byID('notify-denied').hidden = on || !box.checked;
    box.checked = on;
    choose(on);
    start();
  });
}

export function startNotifications() {
  const box = byID('notify');
  if (box && 'Notification' in window) setUp(box);
  start();
}
