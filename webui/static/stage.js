// The presenter view: keys, and those of remote controls for slides.
import { one } from './dom.js';

// The keys, each with the link that it follows.
const links = {
  ArrowRight: 'next', PageDown: 'next', ' ': 'next', Enter: 'next',
  ArrowLeft: 'prev', PageUp: 'prev', Backspace: 'prev', Escape: 'up',
};

export function startStage() {
  if (!document.body.classList.contains('stage')) return;
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target.matches('a') && e.key === 'Enter') return;
    const link = links[e.key];
    if (link) {
      e.preventDefault();
      one(`a[rel=${link}]`)?.click();
    } else if (e.key === 'b' || e.key === 'B' || e.key === '.') {
      document.body.classList.toggle('blank');
    } else {
      return;
    }
    if (link) document.body.classList.remove('blank');
  });
}
