// The single-key shortcuts of a page, and the box that turns them off in this browser.
import { byID } from './dom.js';

const setting = 'flyleaf keys'; // in the browser's storage: "off" or "on"

// showKeysSetting shows in the box of the page whether the shortcuts are turned off.
export function showKeysSetting() {
  const off = byID('keys-off');
  if (!off) return;
  try { off.checked = off.defaultChecked = localStorage[setting] === 'off' } catch { /* no storage: on */ }
}

// startKeys calls pressed for each key that is pressed outside of text fields, without Ctrl, Alt or Meta, unless
// the shortcuts are turned off.
export function startKeys(pressed) {
  showKeysSetting();
  document.addEventListener('change', e => {
    if (e.target.id !== 'keys-off') return;
    try { localStorage[setting] = e.target.checked ? 'off' : 'on' } catch { /* no storage: until the page is left */ }
  });
  document.addEventListener('keydown', e => {
    const field = e.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');
    if (!field && !e.ctrlKey && !e.metaKey && !e.altKey && !byID('keys-off')?.checked) pressed(e, e.key.toLowerCase());
  });
}

// showKeys opens the list of the shortcuts.
export function showKeys(e) {
  e.preventDefault();
  byID('keys').open = true;
  byID('keys').scrollIntoView();
}
