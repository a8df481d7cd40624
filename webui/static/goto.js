// Ctrl+K opens a list of pages, weeks, posts and commands. Typing chooses from it.
import { adopt, all, byID, eventPath, here, one, root } from './dom.js';
import { readPage } from './server.js';

const pause = 60; // ms without a key until the list is fetched

let timer = 0, latest = 0;

const dialog = () => byID('goto');
const entries = () => all('.goto-list a, .goto-list button', dialog());

// list shows what fits what was typed. Only the answer to the last request is shown.
async function list() {
  const number = ++latest;
  const query = new URLSearchParams({ q: one('input', dialog()).value });
  if (eventPath) query.set('week', eventPath.split('/').pop());
  let found;
  try {
    found = byID('goto-list', await readPage(root + 'goto?' + query));
  } catch {
    return; // what was found before stays
  }
  if (number !== latest || !found) return;
  one('.goto-list', dialog()).replaceChildren(...adopt(found).childNodes);
  for (const group of all('section', dialog())) group.setAttribute('role', 'group');
  for (const heading of all('h2', dialog())) heading.setAttribute('role', 'presentation');
  mark(0);
}

// mark chooses an entry. The focus stays in the field.
function mark(n) {
  const field = one('input', dialog()), chosen = entries();
  chosen.forEach((entry, i) => {
    entry.id = 'goto-' + i;
    entry.tabIndex = -1;
    entry.setAttribute('role', 'option');
    entry.setAttribute('aria-selected', i === n);
  });
  if (chosen[n]) field.setAttribute('aria-activedescendant', chosen[n].id);
  else field.removeAttribute('aria-activedescendant');
  chosen[n]?.scrollIntoView({ block: 'nearest' });
}

function pressed(e) {
  const shown = entries(), at = shown.findIndex(entry => entry.ariaSelected === 'true');
  if (e.isComposing) return;
  if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
    e.preventDefault();
    if (shown.length) mark((at + (e.key === 'ArrowDown' ? 1 : shown.length - 1)) % shown.length);
  } else if (e.key === 'Enter') {
    e.preventDefault();
    shown[at]?.click();
  }
}

function open() {
  const field = one('input', dialog());
  field.value = '';
  dialog().showModal();
  list();
}

export function startGoto() {
  if (!dialog()) return;
  document.addEventListener('keydown', e => {
    if (e.key.toLowerCase() !== 'k' || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return;
    e.preventDefault();
    if (dialog().open) dialog().close();
    else open();
  });
  byID('open-goto').addEventListener('click', e => {
    e.preventDefault();
    open();
  });
  dialog().addEventListener('keydown', pressed);
  dialog().addEventListener('click', e => {
    const link = e.target.closest('a');
    // Beside the list, or a link within this page. When the page is left, the focus must not go back to its field.
    if (e.target === dialog() || link && link.pathname + link.search === here()) dialog().close();
  });
  one('input', dialog()).addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(list, pause);
  });
}
