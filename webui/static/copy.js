// Buttons that copy the text of a field.
import { all } from './dom.js';
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
    toast('The text is selected. Copy it with Ctrl+C (⌘C on a Mac).');
  }
}
