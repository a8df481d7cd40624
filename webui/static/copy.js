// Buttons that copy the text of a field, or a block of code.
import { all, byID } from './dom.js';
import { toast } from './toast.js';

// addCopyButtons adds a button to every field below root that has none yet.
export function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const field of all('[data-copy]', root)) {
    if (field.parentElement.matches('.copying')) continue;
    const box = document.createElement('span'), button = document.createElement('button');
    box.className = 'copying';
    button.type = 'button';
    button.textContent = 'Copy';
    const label = field.labels[0];
    if (label) button.setAttribute('aria-label', 'Copy: ' + label.textContent.trim());
    button.addEventListener('click', () => copy(field));
    field.replaceWith(box);
    box.append(field, button);
  }
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    toast('Copied.');
  } catch {
    field.focus();
    field.select();
    toast(selected);
  }
}

const selected = 'The text is selected. Copy it with Ctrl+C (⌘C on a Mac).';

// addCodeButtons adds a button below every block of code that has none yet.
function addCodeButtons() {
  for (const pre of all('.post .words pre, .entry .words pre')) {
    if (pre.nextElementSibling?.matches('.copy-code')) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'plain copy-code';
    button.textContent = 'Copy code';
    button.addEventListener('click', () => copyCode(pre));
    pre.after(button);
  }
}

async function copyCode(pre) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
    toast('Copied.');
  } catch {
    getSelection().selectAllChildren(pre);
    toast(selected);
  }
}

// startCode adds the buttons for code, also to posts that arrive later.
export function startCode() {
  if (!navigator.clipboard) return;
  addCodeButtons();
  new MutationObserver(addCodeButtons).observe(byID('main'), { childList: true, subtree: true });
}
