// A short message at the bottom of the window.
import { all } from './dom.js';

const shownFor = 6000, offeredFor = 20_000; // milliseconds

// toast shows a message. With act, a function, it has a button with a label that calls it once.
export function toast(words, act, label = 'Undo') {
  for (const old of all('.toast')) old.remove();
  const message = document.createElement('p');
  message.className = 'toast';
  message.setAttribute('role', 'status');
  document.body.append(message);
  message.textContent = words; // after it is in the page, so that screen readers read it out
  if (act) {
    const button = document.createElement('button');
    button.className = 'plain';
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', () => {
      message.remove();
      act();
    });
    message.append(' ', button);
  }
  setTimeout(() => message.remove(), act ? offeredFor : shownFor);
}
