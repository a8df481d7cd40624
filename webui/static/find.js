// Searching while one types: the results appear below the box.
import { adopt, all, byID, root } from './dom.js';
import { readPage } from './server.js';

const pause = 150; // ms without a key until the search

let timer = 0, latest = 0;

// find shows the results of the form. Only the answer to the last request is shown.
async function find(form) {
  const onPage = form.dataset.find === 'page', number = ++latest;
  const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
  const asks = [...fields.keys()].some(name => !['week', 'sort'].includes(name));
  if (!asks && !onPage) {
    byID('found').replaceChildren();
    return;
  }
  const url = root + 'search?' + fields;
  let doc;
  try {
    doc = await readPage(url);
  } catch {
    return; // what was found before stays; the button still works
  }
  if (number !== latest || !byID('found', doc)) return;
  byID('found').replaceChildren(...adopt(byID('found', doc)).childNodes);
  if (onPage) history.replaceState(history.state, '', url);
}

export function startFind() {
  for (const form of all('form[data-find]')) {
    form.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(find, pause, form);
    });
  }
}
