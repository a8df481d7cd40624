// Suggestions below the box for a question: similar questions, and the questions in a text that asks
// several things.
import { adopt, byID, eventPath, one } from './dom.js';
import { readPage, send } from './server.js';
import { toast } from './toast.js';

const pause = 500; // milliseconds without a key before suggestions are fetched

let timer, fetching = false;
let wanted = 0, shown = 0; // versions of the text

const box = () => byID('suggestions');

// fetchSuggestions shows what the program suggests for the text in the box. There is one request at a time.
async function fetchSuggestions() {
  wanted++;
  if (fetching) return;
  fetching = true;
  while (shown < wanted) {
    const version = wanted, fields = new URLSearchParams(new FormData(byID('ask')));
    let now = document.createElement('div');
    try {
      if (fields.get('body').trim()) now = (await readPage(eventPath + '/suggest', fields)).body;
    } catch { /* the question can be asked without suggestions */ }
    if (version === wanted) show(now);
    shown = version;
  }
  fetching = false;
}

// show replaces the suggestions, unless they are the same: somebody may be about to press a button.
function show(suggestions) {
  if (box().innerHTML.trim() !== suggestions.innerHTML.trim()) box().replaceChildren(...[...suggestions.childNodes].map(adopt));
}

// clearSuggestions removes the suggestions, because the question was asked.
export function clearSuggestions() {
  clearTimeout(timer);
  shown = ++wanted;
  box()?.replaceChildren();
}

// pressSuggested sends the vote for a suggested question.
export async function pressSuggested(button) {
  const fields = new URLSearchParams(new FormData(byID('act')));
  fields.set(button.name, button.value);
  try {
    await send(button.formAction, fields);
    toast(button.value === '1' ? 'You voted for this question.' : 'Your vote is taken back.');
    await fetchSuggestions();
    one(`button[formaction="${CSS.escape(button.getAttribute('formaction'))}"]`, box())?.focus({ preventScroll: true });
  } catch (e) {
    toast(e.message);
  }
}

export function startSuggestions() {
  const form = byID('ask');
  if (!form) return;
  form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(fetchSuggestions, pause);
  });
}
