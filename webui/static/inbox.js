// An author's inbox. Nothing moves while the page is open: new questions wait behind a link,
// and only the line that says who took a question changes in place.
import { adopt, all, byID, here, one, replaceFilters } from './dom.js';
import { newsWords } from './news.js';
import { readPage } from './server.js';

// refreshInbox updates who took which question, and says how many questions are new or gone.
export async function refreshInbox() {
  const doc = await readPage(here()), entries = all('.entry', doc);
  const gone = all('.entry').filter(e => !byID(e.id, doc)).length;
  const fresh = entries.filter(e => !byID(e.id)).length;
  for (const now of entries) {
    const old = byID(now.id), foot = old && one('.foot', old);
    if (foot && !foot.contains(document.activeElement) && foot.outerHTML !== one('.foot', now).outerHTML) {
      foot.replaceChildren(...adopt(one('.foot', now)).childNodes);
    }
  }
  replaceFilters(doc);
  const words = newsWords([[fresh, 'new'], [gone, 'answered or taken']], 'Refresh the list'), bar = byID('news');
  if (!words) {
    bar.replaceChildren();
    return;
  }
  const link = document.createElement('a');
  link.className = 'button';
  link.href = here();
  link.textContent = words;
  bar.replaceChildren(link);
}

const setting = 'flyleaf keys'; // in the browser's storage: "off" or "on"

// startInboxKeys starts the single-key shortcuts, unless they were turned off. They work
// outside of fields, without Ctrl, Alt or Meta.
export function startInboxKeys() {
  const off = byID('keys-off');
  if (!off) return;
  try { off.checked = off.defaultChecked = localStorage[setting] === 'off' } catch { /* no storage: on */ }
  off.addEventListener('change', () => {
    try { localStorage[setting] = off.checked ? 'off' : 'on' } catch { /* no storage: until the page is left */ }
  });
  document.addEventListener('keydown', e => {
    const field = e.target.closest('input, textarea, select, [contenteditable]');
    if (field && field.matches('.writing textarea') && e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      field.form.requestSubmit(one('.primary', field.form));
    } else if (!field && !e.ctrlKey && !e.metaKey && !e.altKey && !off.checked) {
      pressed(e, e.key.toLowerCase());
    }
  });
}

function pressed(e, key) {
  const open = one('.entry.here');
  switch (key) {
    case 'j':
    case 'k': {
      const entries = all('.entry'), next = entries[entries.indexOf(open) + (key === 'j' ? 1 : -1)];
      const link = next && one('.excerpt a', next);
      if (!link) return;
      e.preventDefault();
      location.assign(link.href);
      break;
    }
    case 'r': {
      const field = open && one('.writing textarea', open);
      if (!field) return;
      e.preventDefault();
      setTimeout(() => field.focus());
      break;
    }
    case 't':
    case 'g':
    case 'l': {
      const control = open && one('[data-key=' + key + ']', open);
      if (!control) return;
      e.preventDefault();
      if (control.matches('select')) control.focus();
      else control.click();
      break;
    }
    case '?':
      e.preventDefault();
      byID('keys').open = true;
      byID('keys').scrollIntoView();
      break;
  }
}
