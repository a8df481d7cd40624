// A short message at the bottom of the window.
import { all } from './dom.js';

const shownFor = 6000; // milliseconds

export function toast(words) {
  for (const old of all('.toast')) old.remove();
  const message = document.createElement('p');
  message.className = 'toast';
  message.setAttribute('role', 'status');
  document.body.append(message);
  message.textContent = words; // after it is in the page, so that screen readers read it out
  setTimeout(() => message.remove(), shownFor);
}
