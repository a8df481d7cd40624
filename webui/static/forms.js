// Forms that are sent without leaving the page. The words stay in the box until the program
// has saved them.
import { all, byID, comparable, here, one, replaceFilters, root, unfold } from './dom.js';
import { offerPhrase } from './browser.js';
import { copyName, forgetDraft, forgetPosted, leavingByForm, saveNow, savedText, stopSaving } from './drafts.js';
import { openInbox } from './inbox.js';
import { focusPost } from './place.js';
import { readPosts, replacePost, showPosted } from './posts.js';
import { readPage, send } from './server.js';
import { clearSuggestions, pressSuggested } from './suggest.js';
import { toast } from './toast.js';

// showError shows above the box of a form why the form was not saved.
function showError(form, words) {
  let box = one('.notice.grave', form);
  if (!box) {
    box = document.createElement('div');
    box.className = 'notice grave';
    box.setAttribute('role', 'alert');
    one('textarea', form).before(box);
  }
  const message = document.createElement('p');
  message.textContent = words;
  box.replaceChildren(message);
}

// tried has the forms that may have been saved already, each with the time in ms when it was first sent
// without an answer. The program needs that time, so that it does not post the same text twice.
const tried = new WeakMap();

// submit sends a form that has a text box.
async function submit(form, button) {
  if (form.dataset.busy) return;
  form.dataset.busy = 'yes';
  setBusy(button, true);
  const now = Date.now();
  try {
    if (button && ['draft', 'later'].includes(button.name) && copyName(form)) await saveNow(form);
    else await stopSaving(form);
    const typed = new FormData(form, button), fields = form.enctype.startsWith('m') ? typed : new URLSearchParams(typed); // multipart: with a file
    if (tried.has(form)) fields.set('tried', tried.get(form));
    if (copyName(form)) fields.set('base', savedText(form));
    const data = await send(form.action, fields);
    one('.notice.grave', form)?.remove();
    forgetDraft(form);
    if (button && button.name === 'draft') {
      toast('Draft saved on this device.');
      return;
    }
    tried.delete(form);
    if (fields.get('name')) for (const box of all('.name-box')) box.remove(); // the name is saved
    if (button?.name !== 'later') forgetPosted(form); // otherwise the draft stays
    if (form.id === 'ask') clearSuggestions();
    const to = new URL(data.location, location.href);
    if (data.elem && byID('threads') && await showOwn(form, data, to)) return;
    if (byID('inbox')) {
      await openInbox(data.location);
      toast('Saved on this device.');
      return;
    }
    location.assign(to);
    if (to.pathname + to.search === here()) location.reload();
  } catch (e) {
    if (e.unanswered && !tried.has(form)) tried.set(form, now);
    const box = one('textarea[name=body]', form);
    if (box && e.words !== undefined && e.words !== box.value) box.value = e.words; // without characters that are not allowed
    showError(form, e.message);
  } finally {
    delete form.dataset.busy;
    setBusy(button, false);
  }
}

// showOwn shows the post that was just made, whose place in the week has the address to. It returns false if that fails.
async function showOwn(form, data, to) {
  const box = form.closest('.reply-box');
  if (box) box.open = false;
  const doc = await showPosted(data.post, to).catch(() => {});
  const post = byID(data.elem);
  if (!post) return false;
  focusPost(post);
  offerPhrase(post, doc);
  return true;
}

function setBusy(button, busy) {
  for (const name of button ? ['aria-busy', 'aria-disabled'] : []) {
    if (busy) button.setAttribute(name, 'true');
    else button.removeAttribute(name);
  }
}

// press sends one of the small buttons under a post, and then updates the post.
async function press(button) {
  const post = button.closest('.post');
  const fields = new URLSearchParams(new FormData(byID('act')));
  fields.set(button.name, button.value);
  try {
    const data = await send(button.hasAttribute('formaction') ? button.formAction : button.form.action, fields);
    const add = button.closest('details.add');
    if (add) {
      add.open = false;
      one('summary', add).focus({ preventScroll: true });
    }
    const update = async () => {
      const [now] = await readPosts([post.dataset.post]), old = byID(post.id);
      if (now && old && comparable(old) !== comparable(now)) replacePost(old, now);
      if (button.name === 'approved' || button.name === 'answered') replaceFilters(await readPage(here()));
    };
    await update();
    if (data.undo) toast(data.done, () => undo(data.undo, update));
  } catch (e) {
    const message = one('.error', post) || document.createElement('p');
    message.className = 'error';
    message.setAttribute('role', 'alert');
    message.textContent = e.message.replace(/ Your text is still in the box[^.]*\./, '');
    one('.foot', byID(post.id)).append(message);
  }
}

// undo undoes what was just done, and then updates the page.
async function undo(id, update) {
  try {
    const { undone } = await send(root + 'undo', new URLSearchParams({ id }));
    await update();
    toast(undone === 'done' ? 'Undone.' : 'Somebody has changed this since, so nothing was undone.');
  } catch (e) {
    toast(e.message);
  }
}

async function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  await send(root + 'you/theme', new URLSearchParams({ theme })).catch(() => {});
}

export function startForms() {
  document.addEventListener('toggle', e => { if (e.target.open) unfold(e.target) }, true);
  document.addEventListener('submit', e => {
    const form = e.target, button = e.submitter, name = button ? button.name : '';
    if (form.matches('#act, .palette') && ['want', 'on', 'off', 'approved', 'answered'].includes(name)) {
      e.preventDefault();
      if (button.closest('.suggestions')) pressSuggested(button);
      else press(button);
    } else if (form.matches('[data-post-form]') && ['preview', 'discard'].includes(name)) {
      leavingByForm();
    } else if (form.matches('[data-post-form]')) {
      e.preventDefault();
      submit(form, button);
    }
  });
  const theme = byID('theme');
  if (theme) theme.addEventListener('change', () => setTheme(theme.value));
}
