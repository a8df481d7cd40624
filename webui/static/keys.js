// The single-key shortcuts of a page, the list of them, and the box that turns them off in this browser.
import { byID, root } from './dom.js';

const setting = 'flyleaf keys'; // in the browser's storage: "off" or "on"

// startKeys calls pressed for each key of the page's own shortcuts: pressed outside of text fields, without Ctrl, Alt or
// Meta, unless the shortcuts are turned off.
export function startKeys(pressed) {
  document.addEventListener('keydown', e => {
    const field = e.target.closest('input:not([type=checkbox]), textarea, select, dialog, [contenteditable]') &&
      !e.target.closest('dialog:not([open])'); // it was just closed, and has the focus until the next picture
    if (!field && !e.ctrlKey && !e.metaKey && !e.altKey && !byID('keys-off')?.checked) pressed(e, e.key.toLowerCase());
  });
}

// startSiteKeys starts the shortcuts that every page has.
export function startSiteKeys() {
  const off = byID('keys-off');
  if (!off) return;
  try { off.checked = off.defaultChecked = localStorage[setting] === 'off' } catch { /* no storage: on */ }
  off.addEventListener('change', () => {
    try { localStorage[setting] = off.checked ? 'off' : 'on' } catch { /* no storage: until the page is left */ }
  });
  const show = e => {
    e.preventDefault();
    byID('keys').showModal();
  };
  byID('show-keys').addEventListener('click', show);
  startKeys((e, key) => {
    if (key === '?') show(e);
    if (key !== '/') return;
    e.preventDefault();
    if (byID('find')) byID('find').focus();
    else location.assign(root + 'search');
  });
}
