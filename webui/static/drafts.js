// Drafts: the program saves them. Until it has confirmed one, the browser keeps a copy, so
// that nothing is lost when the program has stopped. Windows of this browser show each other
// what is typed. If a draft has words that this page has never shown, they are added to its box.
import { all, eventPath, one, unfold } from './dom.js';
import { send } from './server.js';
import { toast } from './toast.js';

const pause = 700; // milliseconds without a key before a draft is saved

const timers = new Map(), sending = new Map(); // by form
let leaving = false;

const saved = new WeakMap(); // the text of a form's draft that the program is known to have
const shown = new WeakMap(); // the latest texts that a form has had on this page
const maxShown = 50;

const textOf = form => one('[data-draft]', form);

// savedText returns the text of a form's draft that the program is known to have.
export const savedText = form => saved.get(form) ?? textOf(form)?.defaultValue;

function noteShown(form, text) {
  const texts = shown.get(form) || [textOf(form).defaultValue];
  if (texts.at(-1) !== text) texts.push(text);
  shown.set(form, texts.slice(-maxShown));
}

const hasShown = (form, text) => (shown.get(form) || [textOf(form).defaultValue]).includes(text);

// addWords adds words to the box of a form, unless it has them, and says so. The cursor stays.
function addWords(form, words, message) {
  const box = textOf(form), start = box.selectionStart, end = box.selectionEnd;
  if (box.value.includes(words)) return;
  box.value = words.includes(box.value.trim()) ? words : box.value + '\n\n' + words;
  if (document.activeElement === box) box.setSelectionRange(start, end);
  noteShown(form, box.value);
  keepCopy(form);
  toast(message);
}

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

// forgetPosted empties a form, whose text was posted, here and in the other windows.
export function forgetPosted(form) {
  for (const field of all('textarea, input:not([type=hidden])', form)) field.value = field.defaultValue = '';
  showSaved(form);
  if (!copyName(form)) return;
  keepCopy(form);
  forgetDraft(form);
  saved.set(form, '');
}

// restoreCopy fills the empty fields of a form from the browser's copy, if there is one. Words of the
// copy that the box does not have are added to it.
export function restoreCopy(form) {
  let copy;
  try { copy = localStorage[copyName(form)] } catch { /* no storage: no copy */ }
  if (!copy) return;
  for (const [name, value] of new URLSearchParams(copy)) {
    const field = fieldsOf(form).find(e => e.name === name);
    if (field && value && !field.value) field.value = value;
    else if (field && value && field === textOf(form)) addWords(form, value, 'Words that you had typed here and that were not saved are in the box again.');
  }
  const text = one('[data-draft]', form), details = text.closest('details');
  if (text.value && details) details.open = true;
}

// showSaved says below a box when its draft was saved.
function showSaved(form, words = '') {
  const note = one('[data-saved]', form);
  if (note) note.textContent = words;
}

function save(form, keepalive) {
  stopTimer(form);
  sending.set(form, store(form, keepalive));
}

// saveNow saves the draft of a form and ends when that is done.
export async function saveNow(form) {
  await stopSaving(form);
  await store(form, false);
}

// store saves the draft of a form. If the program has a text that this page does not know, its words
// are added to the box first.
async function store(form, keepalive, again = true) {
  const content = contentOf(form), copy = content.toString(), text = textOf(form).value;
  noteShown(form, text);
  content.set('base', savedText(form));
  try {
    showSaved(form, (await send(eventPath + '/draft', content, keepalive)).saved);
  } catch (e) {
    if (e.words === undefined || !again) { // the copy stays
      showSaved(form, hasCopy(content.get('key')) ? 'Kept in this browser; Flyleaf has not saved it yet' : e.message);
      return;
    }
    if (!hasShown(form, e.words)) addWords(form, e.words, 'You have written here in another window, too. Those words were added.');
    saved.set(form, e.words);
    await store(form, keepalive, false);
    return;
  }
  saved.set(form, text);
  try { if (localStorage[copyName(form)] === copy) delete localStorage[copyName(form)] } catch { /* no storage: no copy */ }
}

// showTyped shows what is typed into the same form in another window of this browser.
function showTyped(e) {
  if (!eventPath || !e.newValue || !e.key?.startsWith(nameOf(''))) return;
  const form = all('[data-draft]').find(field => nameOf(field.dataset.draft) === e.key)?.form;
  if (!form || form.dataset.busy) return;
  const typed = new URLSearchParams(e.newValue), box = textOf(form);
  // Words that only this page has are not replaced; saving brings the two texts together.
  if (!hasShown(form, box.value) && !(typed.get(box.name) || '').includes(box.value)) return;
  for (const field of fieldsOf(form)) if (typed.has(field.name)) field.value = typed.get(field.name);
  stopTimer(form); // the other window saves it
  noteShown(form, box.value);
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
    noteShown(form, textOf(form).value);
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => save(form, false), pause));
  });
  addEventListener('pagehide', () => {
    if (leaving) return;
    for (const form of timers.keys()) save(form, true);
  });
  addEventListener('storage', showTyped);
  restoreDrafts();
}

// restoreDrafts fills the empty fields of the page from the browser's copies.
export function restoreDrafts() {
  for (const box of all('.reply-box')) if (hasCopy(box.dataset.key)) unfold(box);
  for (const field of all('[data-draft]')) if (copyName(field.form)) restoreCopy(field.form);
}
