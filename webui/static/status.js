// Updates the line at the top, which says whether everything was sent. Reloads the content of
// pages such as lists when something changes.
import { adopt, all, byID, comparable, eventPath, here, one, root } from './dom.js';
import { addCopyButtons } from './copy.js';
import { paced } from './pace.js';
import { keepPlace } from './place.js';
import { readPage } from './server.js';

const about = eventPath ? '?' + new URLSearchParams({ event: eventPath.split('/').pop(), nav: document.body.dataset.nav }) : '';

// refreshStatus reads the line at the top again soon, and then the parts of the page that depend
// on the status.
export const refreshStatus = paced(async () => {
  try {
    const top = await readPage(root + 'sync/summary' + about), now = byID('sync-summary', top), old = byID('sync-summary');
    if (old && old.outerHTML !== now.outerHTML) {
      old.dataset.state = now.dataset.state;
      old.replaceChildren(...adopt(now).childNodes);
    }
    refreshRole(top);
    await refreshPage();
  } catch {
    const old = byID('sync-summary');
    if (old) {
      old.dataset.state = 'draft';
      old.lastChild.textContent = 'Flyleaf is not responding';
    }
  }
});

// isWhole reports whether this page reloads its whole content (see layout.RefreshWhole).
export const isWhole = () => byID('main').dataset.whole !== undefined;

// refreshPage reloads the whole content if isWhole and the reader is not busy in it. On other
// pages it reloads only the notice about an invitation.
async function refreshPage() {
  if (isWhole()) await refreshMain(byID('main'));
  else if (byID('claim')) await refreshClaim(byID('claim'));
}

async function refreshMain(main) {
  const busy = () => main.contains(document.activeElement) || !getSelection().isCollapsed ||
    all('input:not([type=hidden]), textarea', main).some(e => e.value !== e.defaultValue || e.checked !== e.defaultChecked);
  if (busy()) return;
  const now = adopt(byID('main', await readPage(main.dataset.whole)));
  if (busy() || comparable(now) === comparable(main)) return;
  const nameOf = details => one('summary', details).textContent + (details.parentElement.id || '');
  const opened = new Set(all('details[open]', main).map(nameOf));
  for (const details of all('details', now)) if (opened.has(nameOf(details))) details.open = true;
  main.dataset.whole = now.dataset.whole;
  keepPlace(() => main.replaceChildren(...now.childNodes));
  addCopyButtons(main);
}

async function refreshClaim(claim) {
  const now = byID('claim', await readPage(here()));
  if (!now) keepPlace(() => claim.remove());
  else if (now.outerHTML !== claim.outerHTML) claim.replaceChildren(...adopt(now).childNodes);
}

// refreshRole shows the links that the reader's roles give now, and what it says to a new author.
function refreshRole(top) {
  const links = one('nav', top), old = one('.top nav'), welcome = byID('welcome', top), said = byID('welcome');
  if (links && old && links.outerHTML !== old.outerHTML) {
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute('href');
    old.replaceChildren(...adopt(links).childNodes);
    if (focused) (all('a', old).find(a => a.getAttribute('href') === focused) || one('a', old)).focus({ preventScroll: true });
  }
  if (welcome && said && welcome.innerHTML !== said.innerHTML) keepPlace(() => said.replaceChildren(...adopt(welcome).childNodes));
}
