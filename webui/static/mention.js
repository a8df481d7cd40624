// Mentions: in a box for words, @ and the beginning of a name offers people of the week.
import { byID, eventPath } from './dom.js';

let field, start = 0;      // the box, and where the @ is in it
let people = [], here = 0; // who is offered, and which of them is chosen
let byHand = false;        // an arrow key has chosen
let wanted = 0;            // version of what is typed

const list = () => byID('mentions');

// typed returns what follows the @ before the caret, undefined if there is none.
function typed(box) {
  const before = box.value.slice(0, box.selectionStart), found = /(?:^|[\s(])@([^\s@]{0,40}(?: [^\s@]{1,40})?)$/u.exec(before);
  if (!found || box.selectionStart !== box.selectionEnd) return;
  start = before.length - found[1].length - 1;
  return found[1];
}

async function offer(box) {
  const words = typed(box), version = ++wanted;
  if (words === undefined) return close();
  let found = [];
  try {
    const response = await fetch(eventPath + '/mentions?' + new URLSearchParams({ q: words }), { credentials: 'same-origin' });
    if (response.ok) found = (await response.json()).people;
  } catch { /* the words can be written without */ }
  if (version !== wanted || document.activeElement !== box) return;
  // Who was chosen with an arrow key, perhaps while the answer was on its way, stays chosen.
  const kept = field && byHand ? found.findIndex(person => person.text === people[here].text) : -1;
  close();
  if (found.length) open(box, found, kept);
}

function open(box, found, chosen) {
  field = box;
  people = found;
  byHand = chosen >= 0;
  here = byHand ? chosen : 0;
  const ul = document.createElement('ul');
  ul.id = 'mentions';
  ul.setAttribute('role', 'listbox');
  ul.setAttribute('aria-label', 'People to mention');
  people.forEach((person, i) => {
    const li = document.createElement('li'), name = document.createElement('bdi');
    li.id = 'mention-' + i;
    li.setAttribute('role', 'option');
    name.textContent = person.name;
    li.append(name);
    if (person.note) li.append(', ' + person.note);
    li.addEventListener('pointerdown', e => { // before the box loses the focus
      e.preventDefault();
      choose(i);
    });
    ul.append(li);
  });
  box.after(ul);
  box.setAttribute('aria-controls', ul.id);
  mark();
}

function mark() {
  [...list().children].forEach((li, i) => li.setAttribute('aria-selected', i === here));
  field.setAttribute('aria-activedescendant', 'mention-' + here);
  list().children[here].scrollIntoView({ block: 'nearest' });
}

function close() {
  list()?.remove();
  field?.removeAttribute('aria-activedescendant');
  field?.removeAttribute('aria-controls');
  field = undefined;
}

function choose(i) {
  const box = field, text = people[i].text + ' ';
  wanted++;
  close();
  box.setRangeText(text, start, box.selectionEnd, 'end');
  box.dispatchEvent(new Event('input', { bubbles: true })); // so that the draft is saved
}

function pressed(e) {
  if (e.target !== field || e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return;
  switch (e.key) {
    case 'ArrowDown':
    case 'ArrowUp':
      byHand = true;
      here = (here + (e.key === 'ArrowDown' ? 1 : people.length - 1)) % people.length;
      mark();
      break;
    case 'Enter':
    case 'Tab':
      choose(here);
      break;
    case 'Escape':
      wanted++;
      close();
      break;
    default:
      return;
  }
  e.preventDefault();
  e.stopPropagation();
}

export function startMentions() {
  if (!eventPath) return;
  const isBox = e => e.matches('textarea[name="body"]');
  document.addEventListener('input', e => { if (isBox(e.target)) offer(e.target) });
  document.addEventListener('keydown', pressed, true);
  document.addEventListener('focusout', e => { if (e.target === field) close() });
}
