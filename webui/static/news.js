// The bar that says what is new.
import { byID, one } from './dom.js';

// showNews shows words in the bar as a link to an address, or nothing without words. It returns the link.
export function showNews(words, address) {
  const bar = byID('news');
  let link = one('a', bar);
  if (!words) {
    bar.replaceChildren();
    return;
  }
  if (!link) {
    link = document.createElement('a');
    link.className = 'button';
    bar.append(link);
  }
  link.href = address;
  if (link.textContent !== words) link.textContent = words; // a screen reader says it again
  return link;
}

// newsWords counts the posts that are not shown yet. parts is a list of [count, "new" or the
// like]; action is the text of the link that shows them.
export function newsWords(parts, action) {
  const some = parts.filter(([count]) => count > 0);
  const count = some.reduce((sum, [n]) => sum + n, 0);
  return count ? some.map(part => part.join(' ')).join(', ') + '. ' + (action || 'Show ' + (count === 1 ? 'it' : 'them')) : '';
}

// belongsToView reports whether a list with this query in its address may show a new post.
export function belongsToView(query, isQuestion) {
  const show = new URLSearchParams(query).get('show');
  return !show || show === 'new' || show === 'unanswered' && isQuestion;
}
