// Keeping the place where somebody reads or writes.
import { all } from './dom.js';

// isVisible reports whether any of an element is in the window.
export function isVisible(element) {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
}

// keepPlace runs change, and then scrolls so that the line being read, or the field being
// written in, stays in the same place of the window.
export function keepPlace(change) {
  const active = document.activeElement;
  const anchor = active && active.matches('textarea, input') && isVisible(active) ? active
    : all('.post, .ask, .title-page, .page-head').find(e => e.getBoundingClientRect().bottom > 0);
  const before = anchor && anchor.getBoundingClientRect().top;
  change();
  if (!anchor || !anchor.isConnected) return;
  const moved = anchor.getBoundingClientRect().top - before;
  if (moved) scrollBy({ top: moved, behavior: 'instant' });
}

// inUse reports whether somebody types into an element or has selected something of it.
export function inUse(element) {
  const active = document.activeElement, selected = getSelection();
  return element.contains(active) && active.matches('textarea, input, select')
    || !selected.isCollapsed && selected.rangeCount > 0 && selected.getRangeAt(0).intersectsNode(element);
}

// focusPost scrolls to a post and moves the focus there, for screen readers.
export function focusPost(post) {
  post.tabIndex = -1;
  post.focus({ preventScroll: true });
  post.scrollIntoView({ block: 'center' });
}
