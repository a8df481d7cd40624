// Requests to the program that served the page.
import { inWorker } from './worker.js';

let pressed = false; // a mouse button or a finger is down
let waiting = [];    // what waits until it is up

addEventListener('pointerdown', () => { pressed = true }, true);
for (const up of ['pointerup', 'pointercancel']) addEventListener(up, release, true);
addEventListener('blur', release);
addEventListener('pointermove', e => { if (!e.buttons) release() }, true); // it went up outside the window

function release() {
  pressed = false;
  for (const go of waiting.splice(0)) setTimeout(go); // after the click that follows
}

// readPage fetches a page and returns it as a document. With fields it sends a form. While a mouse button
// or a finger is down it waits, because a click on what is replaced before the button is up is lost.
export async function readPage(url, fields) {
  fields?.set('csrf', document.body.dataset.csrf);
  const response = await fetch(url, { credentials: 'same-origin', ...fields && { method: 'POST', body: fields, redirect: 'error' } });
  if (!response.ok) throw new Error(response.status);
  const text = await response.text();
  while (pressed) await new Promise(go => waiting.push(go));
  return new DOMParser().parseFromString(text, 'text/html');
}

const unreachable = inWorker ?
  'Flyleaf was ended in this browser before it answered, so this may not be saved. Your text is still in the box; press the button once more.' :
  'Not saved. Flyleaf is no longer responding on this device. ' +
  'Your text is still in the box; start Flyleaf again and press the button once more.';
const unexplained = 'Not saved. Your text is still in the box. Open this page in another window and try again there.';

// send posts the fields of a form and returns the response. The error that it throws has a
// message for the reader. If the program changed the text, the error also has the new text
// for the box. If there was no response, the error has unanswered: the program may have saved the form.
export async function send(url, fields, keepalive = false) {
  fields.set('csrf', document.body.dataset.csrf);
  let response;
  try {
    response = await fetch(url, {
      method: 'POST', body: fields, keepalive, redirect: 'error', credentials: 'same-origin',
      headers: { Accept: 'application/json' },
    });
  } catch {
    throw Object.assign(new Error(unreachable), { unanswered: true });
  }
  const data = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(data.error || unexplained), { words: data.body });
  return data;
}
