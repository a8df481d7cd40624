// Drafts: the program saves them. Until it has confirmed one, the browser keeps a copy, so
// that nothing is lost when the program has stopped.
import { all, eventPath, one, unfold } from './dom.js';
import { send } from './server.js';

const pause = 700; // milliseconds without a key before a draft is saved

const timers = new Map(), sending = new Map(); // by form
let leaving = false;

const fieldsOf = form => all('[data-draft], [data-draft-part]', form);

// copyName is the name of a form's copy in the browser's storage; undefined for a form
// that has no draft.
export function copyName(form) {
  const field = one('[data-draft]', form);
  return field && eventPath ? nameOf(field.dataset.draft) : undefined;
}

const nameOf = key => 'flyleaf ' + eventPath + ' ' + key;

function hasCopy(key) {
  try { return nameOf(key) in localStorage } catch { return false } // no storage: no copy
}

function contentOf(form) {
  const content = new URLSearchParams();
  content.set('key', one('[data-draft]', form).dataset.draft);
  for (const field of fieldsOf(form)) content.set(field.name, field.value);
  return content;
}

// keepCopy saves the contents of a form in the browser's storage.
export function keepCopy(form) {
  try { localStorage[copyName(form)] = contentOf(form).toString() } catch { /* no storage: only the program saves the draft */ }
}

// forgetDraft removes the browser's copy.
export function forgetDraft(form) {
  try { delete localStorage[copyName(form)] } catch { /* no storage: no copy */ }
}

// restoreCopy fills the empty fields of a form from the browser's copy, if there is one.
export function restoreCopy(form) {
  let copy;
  try { copy = localStorage[copyName(form)] } catch { /* no storage: no copy */ }
  if (!copy) return;
  for (const [name, value] of new URLSearchParams(copy)) {
    const field = fieldsOf(form).find(e => e.name === name);
    if (field && value && !field.value) field.value = value;
  }
  const text = one('[data-draft]', form), details = text.closest('details');
  if (text.value && details) details.open = true;
}

function save(form, keepalive) {
  stopTimer(form);
  const content = contentOf(form), text = content.toString();
  const done = send(eventPath + '/draft', content, keepalive).then(() => {
    try { if (localStorage[copyName(form)] === text) delete localStorage[copyName(form)] } catch { /* no storage: no copy */ }
  }, () => {});
  sending.set(form, done);
}

function stopTimer(form) {
  clearTimeout(timers.get(form));
  timers.delete(form);
}

// stopSaving ends when the draft of a form is not being saved any more.
export async function stopSaving(form) {
  stopTimer(form);
  await sending.get(form);
}

// leavingByForm is called when a form with the draft is being sent. Leaving the page then
// does not save the draft again.
export function leavingByForm() { leaving = true }

export function startDrafts() {
  document.addEventListener('input', e => {
    const form = e.target.form;
    if (!form || !e.target.matches('[data-draft], [data-draft-part]') || !copyName(form)) return;
    keepCopy(form);
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => save(form, false), pause));
  });
  addEventListener('pagehide', () => {
    if (leaving) return;
    for (const form of timers.keys()) save(form, true);
  });
  restoreDrafts();
}

// restoreDrafts fills the empty fields of the page from the browser's copies.
export function restoreDrafts() {
  for (const box of all('.reply-box')) if (hasCopy(box.dataset.key)) unfold(box);
  for (const field of all('[data-draft]')) if (copyName(field.form)) restoreCopy(field.form);
}
