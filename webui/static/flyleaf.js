// Every page reads and works without this. It adds: posts that change or arrive
// while the page is open, forms that keep their words when they cannot be saved,
// and drafts. Three rules: what somebody types, selects or reads does not move;
// nothing new is inserted before it is asked for; nothing is said to be saved
// before the program has said so.
'use strict';
(() => {
  const body = document.body, base = body.dataset.event, csrf = body.dataset.csrf;
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byID = id => document.getElementById(id);
  const parse = html => new DOMParser().parseFromString(html, 'text/html');

  async function page(url) {
    const r = await fetch(url, { credentials: 'same-origin' });
    if (!r.ok) throw new Error(r.status);
    return parse(await r.text());
  }

  // send posts a form's fields and returns the answer, or an error to be read.
  async function send(url, fields, keepalive = false) {
    fields.set('csrf', csrf);
    let r;
    try {
      r = await fetch(url, {
        method: 'POST', body: fields, keepalive, redirect: 'error', credentials: 'same-origin', headers: { Accept: 'application/json' },
      });
    } catch {
      throw new Error('Not saved. Flyleaf does not answer on this device any more. Your words are still in the box; start Flyleaf again and press the button once more.');
    }
    const data = r.status === 204 ? {} : await r.json().catch(() => ({}));
    if (!r.ok) throw Object.assign(new Error(data.error || 'Not saved. Your words are still in the box. Reload the page in another window and try again.'), { words: data.body });
    return data;
  }

  // still runs change and scrolls by what it moved, so that the line being
  // read, or the field being written in, stays where it is.
  function still(change) {
    const active = document.activeElement;
    const visible = e => { const b = e.getBoundingClientRect(); return b.bottom > 0 && b.top < innerHeight };
    const anchor = active && active.matches('textarea, input') && visible(active) ? active
      : all('.post, .ask, .title-page, .page-head').find(e => e.getBoundingClientRect().bottom > 0);
    const before = anchor && anchor.getBoundingClientRect().top;
    change();
    if (anchor && anchor.isConnected) {
      const moved = anchor.getBoundingClientRect().top - before;
      if (moved) scrollBy({ top: moved, behavior: 'instant' });
    }
  }

  // Changes ------------------------------------------------------------------

  const fresh = new Set();   // IDs of posts that are not in the page yet
  const held = new Map();    // element ID → its new form, held back from the reader's eyes

  function busy(e) {
    const active = document.activeElement, selected = getSelection();
    return e.contains(active) && active.matches('textarea, input, select')
      || !selected.isCollapsed && selected.rangeCount > 0 && selected.getRangeAt(0).intersectsNode(e);
  }

  const bare = e => {
    const copy = e.cloneNode(true);
    copy.classList.remove('arrive');
    copy.removeAttribute('tabindex');
    for (const d of all('details', copy)) d.removeAttribute('open');
    return copy.outerHTML;
  };

  function swap(old, now) {
    const opened = all('details', old).map(d => d.open), details = all('details', now);
    if (opened.length === details.length) details.forEach((d, i) => { d.open = opened[i] });
    const active = document.activeElement, inside = old.contains(active);
    now = document.importNode(now, true);
    still(() => old.replaceWith(now));
    if (!inside) return;
    const same = all('button, a, summary', now).find(e => e.tagName === active.tagName && (
      e.tagName === 'BUTTON' ? e.formAction === active.formAction && (e.name === 'want' && active.name === 'want' || e.value === active.value)
        : e.textContent === active.textContent));
    (same || one('.link', now) || now).focus({ preventScroll: true });
  }

  function arrived(now, asked) {
    const old = byID(now.id);
    if (!old) return;
    held.delete(now.id);
    if (bare(old) === bare(now)) return;
    const box = old.getBoundingClientRect(), seen = box.bottom > 0 && box.top < innerHeight;
    const words = one('.said', old).outerHTML !== one('.said', now).outerHTML;
    if (busy(old) || !asked && words && seen) held.set(now.id, now);
    else swap(old, now);
  }

  // wanted reports whether a post that is not here belongs to this page.
  function wanted(now) {
    if (byID(now.dataset.thread)) return true;
    if (!byID('ask') && !byID('filters')) return false;              // the page of one thread
    const show = new URLSearchParams(location.search).get('show');
    return !show || show === 'unanswered' && now.classList.contains('question');
  }

  function news() {
    const bar = byID('news');
    if (!bar) return;
    let link = one('a', bar);
    const parts = [];
    if (fresh.size) parts.push(fresh.size + ' new');
    if (held.size) parts.push(held.size + ' changed');
    if (!parts.length) { if (link) link.remove(); return }
    if (!link) {
      link = document.createElement('a');
      link.className = 'button';
      link.addEventListener('click', e => { e.preventDefault(); show(true) });
      bar.append(link);
    }
    const [first] = fresh;
    link.href = first ? base + '/go/' + encodeURIComponent(first) : location.pathname + location.search;
    const words = parts.join(', ') + '. Show ' + (fresh.size + held.size === 1 ? 'it' : 'them');
    if (link.textContent !== words) link.textContent = words;
  }

  const changed = new Set();
  let timer = 0, running = Promise.resolve();
  function later() {
    if (!timer) timer = setTimeout(() => { timer = 0; running = running.then(fetchChanged).catch(() => {}) }, 120);
  }
  async function fetchChanged() {
    if (byID('waiting')) { location.reload(); return }
    if (!changed.size) return;
    const ids = [...changed];
    changed.clear();
    if (ids.length > 40) { await compare(); return }
    const doc = await page(base + '/fragment?' + new URLSearchParams(ids.map(id => ['post', id])));
    for (const now of all('.post', doc)) take(now);
    news();
  }
  function take(now, asked) {
    if (byID(now.id)) arrived(now, asked);
    else if (wanted(now)) fresh.add(now.dataset.post);
  }

  // compare reads the whole page again: after a break, or when much has changed.
  async function compare() {
    if (!byID('threads')) return;
    const doc = await page(location.pathname + location.search);
    for (const now of all('#threads .post', doc)) take(now);
    news();
  }

  // show puts in what waits, each in its place.
  async function show(go) {
    const doc = await page(location.pathname + location.search), mine = byID('threads'), theirs = doc.getElementById('threads');
    if (!mine || !theirs) { location.reload(); return }
    let first = null;
    still(() => {
      const merge = (into, from, inner) => {
        let place = null;
        for (const now of [...from.children]) {
          const here = now.id && byID(now.id);
          if (here) {
            if (inner && here.parentElement === into) merge(here, now, false);
            if (here.parentElement === into) place = here;
            continue;
          }
          if (!now.id) continue;
          const e = document.importNode(now, true);
          e.classList.add('arrive');
          if (place) place.after(e); else into.prepend(e);
          place = e;
          const post = e.matches('.post') ? e : one('.post', e);
          if (post && (!first || fresh.has(post.dataset.post) && !fresh.has(first.dataset.post))) first = post;
        }
      };
      const none = one('.empty', mine);
      if (none && one('.post', theirs)) none.remove();
      merge(mine, theirs, true);
    });
    for (const now of all('.post', theirs)) arrived(now, true);
    filters(doc);
    const elsewhere = [...fresh].find(id => !byID('p-' + id));
    fresh.clear();
    news();
    if (!go) return;
    if (first) look(first);
    else if (elsewhere) location.assign(base + '/go/' + encodeURIComponent(elsewhere));
  }

  function filters(doc) {
    const now = doc.getElementById('filters'), old = byID('filters');
    if (now && old) old.replaceChildren(...document.importNode(now, true).childNodes);
  }

  function look(post) {
    post.tabIndex = -1;
    post.focus({ preventScroll: true });
    post.scrollIntoView({ block: 'center' });
  }

  // The line at the top, and the page about it.
  let checking = false, again = false;
  async function truth() {
    if (checking) { again = true; return }
    checking = true;
    try {
      const now = one('#truth', await page('/truth')), old = byID('truth');
      if (old && old.outerHTML !== now.outerHTML) {
        old.dataset.state = now.dataset.state;
        old.replaceChildren(...document.importNode(now, true).childNodes);
      }
      await whole();
    } catch {
      const old = byID('truth');
      if (old) { old.dataset.state = 'draft'; old.lastChild.textContent = 'Flyleaf does not answer' }
    } finally {
      checking = false;
      if (again) { again = false; truth() }
    }
  }

  // whole reads pages again that are lists of what is, and the notice about an
  // invitation, unless somebody is busy there.
  async function whole() {
    const main = byID('main'), claim = byID('claim');
    if (main.dataset.whole !== undefined) {
      const typed = all('input:not([type=hidden]), textarea', main).some(e => e.value !== e.defaultValue || e.checked !== e.defaultChecked);
      if (typed || main.contains(document.activeElement) || !getSelection().isCollapsed) return;
      const now = document.importNode((await page(location.pathname + location.search)).getElementById('main'), true);
      if (bare(now) === bare(main)) return;
      const names = d => one('summary', d).textContent + (d.parentElement.id || '');
      const opened = new Set(all('details[open]', main).map(names));
      for (const d of all('details', now)) if (opened.has(names(d))) d.open = true;
      still(() => main.replaceChildren(...now.childNodes));
      copies(main);
    } else if (claim) {
      const now = (await page(location.pathname + location.search)).getElementById('claim');
      if (!now) still(() => claim.remove());
      else if (now.outerHTML !== claim.outerHTML) claim.replaceChildren(...document.importNode(now, true).childNodes);
    }
  }

  // Beside what is there to be copied: a button that does it.
  function copies(root) {
    if (!navigator.clipboard) return;
    for (const field of all('[data-copy]', root)) {
      if (field.parentElement.matches('.copying')) continue;
      const box = document.createElement('span'), button = document.createElement('button');
      box.className = 'copying';
      button.type = 'button';
      button.textContent = 'Copy';
      const label = field.labels[0];
      if (label) button.setAttribute('aria-label', 'Copy: ' + label.textContent);
      button.addEventListener('click', async () => {
        try { await navigator.clipboard.writeText(field.value); toast('Copied.') } catch { field.focus(); field.select(); toast('Selected: copy it with Ctrl C.') }
      });
      field.replaceWith(box);
      box.append(field, button);
    }
  }
  copies(document);

  // The inbox: nothing moves in it. What is new waits behind a link; who takes what
  // changes in place.
  async function inbox() {
    const doc = await page(location.pathname + location.search), entries = all('.entry', doc);
    const gone = all('.entry').filter(e => !doc.getElementById(e.id)).length;
    const fresh = entries.filter(e => !byID(e.id)).length;
    for (const now of entries) {
      const old = byID(now.id), foot = old && one('.foot', old);
      if (foot && !foot.contains(document.activeElement) && foot.outerHTML !== one('.foot', now).outerHTML) {
        foot.replaceChildren(...document.importNode(one('.foot', now), true).childNodes);
      }
    }
    filters(doc);
    const words = [fresh && fresh + ' new', gone && gone + ' answered or taken'].filter(Boolean).join(', ');
    const bar = byID('news');
    if (!words) { bar.replaceChildren(); return }
    const link = document.createElement('a');
    link.className = 'button';
    link.href = location.pathname + location.search;
    link.textContent = words + '. Show ' + (fresh + gone === 1 ? 'it' : 'them');
    bar.replaceChildren(link);
  }

  // Its keys work outside of fields, and only without Ctrl, Alt or Meta.
  function keys() {
    const off = byID('keys-off');
    if (!off) return;
    try { off.checked = off.defaultChecked = localStorage['flyleaf keys'] === 'off' } catch {}
    off.addEventListener('change', () => { try { localStorage['flyleaf keys'] = off.checked ? 'off' : 'on' } catch {} });
    document.addEventListener('keydown', e => {
      const field = e.target.closest('input, textarea, select, [contenteditable]');
      if (field && field.matches('.writing textarea') && e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        field.form.requestSubmit(one('.primary', field.form));
        return;
      }
      if (field || e.ctrlKey || e.metaKey || e.altKey || off.checked) return;
      const here = one('.entry.here'), list = all('.entry'), at = list.indexOf(here);
      const press = k => { const b = here && one('[data-key=' + k + ']', here); if (b) { e.preventDefault(); b.matches('select') ? b.focus() : b.click() } };
      switch (e.key.toLowerCase()) {
        case 'j': case 'k': {
          const next = list[at + (e.key.toLowerCase() === 'j' ? 1 : -1)], link = next && one('.excerpt a', next);
          if (link) { e.preventDefault(); location.assign(link.href) }
          break;
        }
        case 'r': { const t = here && one('.writing textarea', here); if (t) { e.preventDefault(); setTimeout(() => t.focus()) } break }
        case 't': case 'g': case 'l': press(e.key.toLowerCase()); break;
        case '?': e.preventDefault(); byID('keys').open = true; byID('keys').scrollIntoView(); break;
      }
    });
  }
  keys();

  // A stream only while the page is looked at: browsers allow few connections
  // to one address, and many weeks may be open.
  let stream = null, before = false;
  function open() {
    if (stream || document.hidden) return;
    stream = new EventSource(body.dataset.stream);
    stream.addEventListener('hello', () => {
      if (before) { running = running.then(compare).catch(() => {}); truth() }
      before = true;
      body.dataset.live = 'yes';
    });
    stream.addEventListener('posts', e => {
      if (byID('main').dataset.whole !== undefined) { truth(); return }
      if (byID('inbox')) { inbox().catch(() => {}); return }
      for (const id of JSON.parse(e.data).posts) changed.add(id);
      if (base) later();
    });
    stream.addEventListener('status', () => { truth(); if (byID('waiting')) later() });
    stream.addEventListener('error', () => { body.dataset.live = 'no'; truth() });
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) open();
    else if (stream) { stream.close(); stream = null }
  });
  addEventListener('pagehide', () => { if (stream) { stream.close(); stream = null } });
  addEventListener('pageshow', open);
  open();
  // What was held back while somebody typed comes when they are done.
  document.addEventListener('focusout', () => setTimeout(() => {
    for (const [id, now] of held) {
      const old = byID(id), box = old && old.getBoundingClientRect();
      if (old && !busy(old) && (box.bottom <= 0 || box.top >= innerHeight)) { held.delete(id); swap(old, now) }
    }
    news();
  }));

  // Forms --------------------------------------------------------------------

  function complain(form, words) {
    let box = one('.notice.grave', form);
    if (!box) {
      box = document.createElement('div');
      box.className = 'notice grave';
      box.setAttribute('role', 'alert');
      one('textarea', form).before(box);
    }
    const p = document.createElement('p');
    p.textContent = words;
    box.replaceChildren(p);
  }

  function toast(words) {
    all('.toast').forEach(t => t.remove());
    const p = document.createElement('p');
    p.className = 'toast';
    p.setAttribute('role', 'status');
    body.append(p);
    p.textContent = words;
    setTimeout(() => p.remove(), 6000);
  }

  async function submit(form, button) {
    if (form.dataset.busy) return;
    form.dataset.busy = 'yes';
    if (button) { button.setAttribute('aria-busy', 'true'); button.setAttribute('aria-disabled', 'true') }
    try {
      await stopDraft(form);
      const data = await send(form.action, new URLSearchParams(new FormData(form, button)));
      one('.notice.grave', form)?.remove();
      forget(form);
      if (button && button.name === 'draft') { toast('The draft is kept on this device.'); return }
      for (const f of all('textarea, input:not([type=hidden])', form)) f.value = f.defaultValue = '';
      if (data.elem && byID('threads')) {
        const box = form.closest('.reply-box');
        if (box) box.open = false;
        await show(false).catch(() => {});
        const post = byID(data.elem);
        if (post) { look(post); return }
      }
      const to = new URL(data.location, location.href), samePage = to.pathname + to.search === location.pathname + location.search;
      location.assign(to);
      if (samePage) location.reload();
    } catch (e) {
      const box = one('textarea[name=body]', form);
      if (box && e.words !== undefined && e.words !== box.value) box.value = e.words; // without what cannot stand in a post
      complain(form, e.message);
    } finally {
      delete form.dataset.busy;
      if (button) { button.removeAttribute('aria-busy'); button.removeAttribute('aria-disabled') }
    }
  }

  async function press(button) {
    const post = button.closest('.post'), form = byID('act');
    const fields = new URLSearchParams(new FormData(form));
    fields.set(button.name, button.value);
    try {
      await send(button.formAction, fields);
      const add = button.closest('details.add');
      if (add) { add.open = false; one('summary', add).focus({ preventScroll: true }) }
      const doc = await page(base + '/fragment?' + new URLSearchParams([['post', post.dataset.post]]));
      const now = doc.getElementById(post.id), old = byID(post.id);
      if (now && old && bare(old) !== bare(now)) swap(old, now);
      if (button.name === 'approved' || button.name === 'answered') filters(await page(location.pathname + location.search));
    } catch (e) {
      const p = one('.error', post) || document.createElement('p');
      p.className = 'error';
      p.setAttribute('role', 'alert');
      p.textContent = e.message.replace(/ Your words are still in the box[^.]*\./, '');
      one('.foot', byID(post.id)).append(p);
    }
  }

  document.addEventListener('submit', e => {
    const form = e.target, button = e.submitter;
    if (form.id === 'act' && button && /^(want|on|off|approved|answered)$/.test(button.name)) {
      e.preventDefault();
      press(button);
    } else if (form.matches('[data-post-form]') && !(button && /^(preview|discard)$/.test(button.name))) {
      e.preventDefault();
      submit(form, button);
    } else if (form.matches('[data-post-form]')) {
      leaving = true;
    }
  });

  const theme = byID('theme');
  if (theme) theme.addEventListener('change', async () => {
    document.documentElement.dataset.theme = theme.value;
    send('/you/theme', new URLSearchParams({ theme: theme.value })).catch(() => {});
  });

  // Drafts: in the program, and beside it in the browser as long as the program
  // has not confirmed.
  let leaving = false;
  const timers = new Map(), sending = new Map();
  const key = form => { const t = one('[data-draft]', form); return t && base && 'flyleaf ' + base + ' ' + t.dataset.draft };
  const fieldsOf = form => {
    const f = new URLSearchParams();
    f.set('key', one('[data-draft]', form).dataset.draft);
    for (const e of all('[data-draft], [data-draft-part]', form)) f.set(e.name, e.value);
    return f;
  };
  function keep(form, keepalive) {
    clearTimeout(timers.get(form));
    timers.delete(form);
    const fields = fieldsOf(form), text = fields.toString();
    const p = send(base + '/draft', fields, keepalive).then(() => {
      try { if (localStorage[key(form)] === text) delete localStorage[key(form)] } catch {}
    }, () => {});
    sending.set(form, p);
    return p;
  }
  async function stopDraft(form) {
    clearTimeout(timers.get(form));
    timers.delete(form);
    await sending.get(form);
  }
  function forget(form) { try { delete localStorage[key(form)] } catch {} }
  document.addEventListener('input', e => {
    const form = e.target.form;
    if (!form || !e.target.matches('[data-draft], [data-draft-part]') || !key(form)) return;
    try { localStorage[key(form)] = fieldsOf(form).toString() } catch {}
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(() => keep(form), 700));
  });
  addEventListener('pagehide', () => { if (!leaving) for (const form of timers.keys()) keep(form, true) });
  for (const t of all('[data-draft]')) {
    try {
      const left = localStorage[key(t.form)];
      if (!left) continue;
      for (const [name, value] of new URLSearchParams(left)) {
        const e = all('[data-draft], [data-draft-part]', t.form).find(e => e.name === name);
        if (e && value && !e.value) e.value = value;
      }
      if (t.value && t.closest('details')) t.closest('details').open = true;
    } catch {}
  }
})();
