// Short names for finding elements, and values that the server wrote into the page.

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const byID = (id, doc = document) => doc.getElementById(id);

// root is the path that the addresses of all pages begin with. It ends with a slash.
export const root = document.body.dataset.root;

// eventPath is the path of the event the page belongs to; undefined on other pages.
export const eventPath = document.body.dataset.event;

// here is the address of this page as the server knows it.
export const here = () => location.pathname + location.search;

// adopt copies a node of another document into this one.
export const adopt = node => document.importNode(node, true);

// comparable returns an element as HTML, without the differences that scripts and the reader
// make in this browser: the animation class, the mark of a new post, the tab index, open details,
// buttons that copy code, and whether the reactions to choose from are unfolded.
export function comparable(element) {
  const copy = element.cloneNode(true);
  copy.classList.remove('arrive');
  copy.removeAttribute('tabindex');
  copy.removeAttribute('data-unread');
  for (const button of all('.copy-code', copy)) button.remove();
  for (const mark of all('.badge.new', copy)) {
    if (mark.previousSibling) mark.previousSibling.textContent = '';
    mark.remove();
  }
  for (const details of all('details', copy)) details.removeAttribute('open');
  for (const add of all('.add', copy)) add.replaceChildren(one('summary', add));
  return copy.outerHTML;
}

// unfold makes what an opened <details> shows, if the server has put it in a <noscript>. A browser
// takes several times as long to lay out a page with a hundred hidden forms.
export function unfold(details) {
  const folded = one(':scope > noscript', details);
  if (!folded) return;
  // In a page that a script has read, the contents are elements already.
  const contents = folded.firstElementChild ? folded : new DOMParser().parseFromString(folded.textContent, 'text/html').body;
  folded.replaceWith(...[...contents.childNodes].map(adopt));
}

// replaceFilters puts the filters of another version of this page, with their counts, in
// place of those shown.
export function replaceFilters(doc) {
  const now = byID('filters', doc), old = byID('filters');
  if (now && old) old.replaceChildren(...adopt(now).childNodes);
}
