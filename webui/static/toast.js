// A short message at the bottom of the window.
import { all } from './dom.js';

const shownFor = 6000, offeredFor = 20_000; // milliseconds

// toast shows a message. With undo, a function, it has a button that calls it once.
export function toast(words, undo) {
  for (const old of all('.toast')) old.remove();
  const message = document.createElement('p');
  message.className = 'toast';
  message.setAttribute('role', 'status');
  document.body.append(message);
  message.textContent = words; // after it is in the page, so that screen readers read it out
  if (undo) {
    const button = document.createElement('button');
    button.className = 'plain';
    button.textContent = 'Undo';
    button.addEventListener('click', () => {
      message.remove();
      undo();
    });
    message.append(' ', button);
  }
  setTimeout(() => message.remove(), undo ? offeredFor : shownFor);
}
