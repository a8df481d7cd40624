// Searching the published weeks, and finding a post of a week of many pages. The pages are
// whole without it. It fetches nothing but the files of the index beside the page, and what
// is typed leaves this page only as the names of those files. It is not a module,
// because browsers load no modules for a page opened from disk.
(() => {
  "use strict";
  for (const e of document.querySelectorAll(".scripted")) e.hidden = false;

  // Files that are loaded once: each calls flyleaf(NAME, value).
  const files = new Map(), arrived = new Map();
  window.flyleaf = (name, value) => arrived.set(name, value);
  const load = (name, src = "search/" + name + ".js") => {
    if (!files.has(name)) files.set(name, new Promise((done, fail) => {
      const s = document.createElement("script");
      s.src = src;
      s.onload = () => arrived.has(name) ? done(arrived.get(name)) : fail(new Error(name));
      s.onerror = () => { files.delete(name); fail(new Error(name)); };
      document.head.append(s);
    }));
    return files.get(name);
  };

  // A link to a post on another page of its week leads on to that page.
  const week = document.querySelector("main[data-where]");
  const follow = async () => {
    const anchor = location.hash.slice(1);
    if (!anchor.startsWith("p-") || document.getElementById(anchor)) return;
    try {
      const page = (await load("where", week.dataset.where)).find(([, anchors]) => anchors.includes(anchor));
      if (page) location.replace(week.dataset.books + page[0] + "#" + anchor);
    } catch { /* the links between the pages lead there too */ }
  };
  if (week) { follow(); addEventListener("hashchange", follow); }

  const field = document.getElementById("find");
  if (!field) return;
  const list = document.getElementById("results"), status = document.getElementById("found");
  const hint = status.textContent;
  const most = 30; // results that are shown

  // The words of a text as the index has them; see search.go. In these scripts each character
  // is a word.
  const scripts = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"];
  const alone = new RegExp("[" + scripts.map((s) => `\\p{Script=${s}}`).join("") + "]", "u");
  const fold = (s) => s.normalize("NFKD").toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/ς/g, "σ");
  const words = (s) => {
    const out = [];
    for (const run of fold(s).match(/[\p{L}\p{N}]+/gu) || []) {
      let word = "";
      for (const c of run) {
        if (!alone.test(c)) { word += c; continue; }
        if (word) out.push(word);
        out.push(c);
        word = "";
      }
      if (word) out.push(word);
    }
    return [...new Set(out.map((w) => [...w].slice(0, 40).join("")))];
  };
  const shard = (term, n) => { const c = [...term]; return (c[0].codePointAt(0) * 31 + (c[1] ? c[1].codePointAt(0) : 0)) % n; };

  // match gives the documents of a word with what it counts there: whole words count
  // more than beginnings. null: the word is in so many that it tells none apart.
  const match = async (word, about) => {
    const found = new Map(), terms = await load("t" + shard(word, about.shards));
    const begins = [...word].length > 1;
    for (const term of begins ? Object.keys(terms) : [word]) {
      if (!Object.hasOwn(terms, term) || !(term === word || begins && term.startsWith(word))) continue;
      if (terms[term] === 0) return null;
      const weight = Math.log(1 + about.docs / terms[term].length) * (term === word ? 1 : 0.5);
      let doc = 0;
      for (const gap of terms[term]) { doc += gap; found.set(doc, Math.max(found.get(doc) || 0, weight)); }
    }
    return found;
  };

  const search = async (query) => {
    const about = await load("about");
    let hits = null;
    for (const m of await Promise.all(words(query).map((w) => match(w, about)))) {
      if (!m) continue;
      if (!hits) { hits = m; continue; }
      for (const [doc, weight] of hits) m.has(doc) ? hits.set(doc, weight + m.get(doc)) : hits.delete(doc);
    }
    if (!hits) return { about, count: -1, docs: [] };
    const best = [...hits].sort((a, b) => b[1] - a[1] || b[0] - a[0]).slice(0, most);
    const docs = await Promise.all(best.map(async ([d]) => (await load("d" + Math.floor(d / about.chunk)))[d % about.chunk]));
    return { about, count: hits.size, docs };
  };

  // mark shows the words of the query in a text.
  const mark = (el, text, query) => {
    const wanted = words(query);
    for (const part of text.split(/([\p{L}\p{N}\p{M}]+)/u)) {
      const f = fold(part);
      if (f && wanted.some((w) => f.startsWith(w))) el.append(Object.assign(document.createElement("mark"), { textContent: part }));
      else el.append(part);
    }
  };
  const says = ["", " asks", " answers", " adds"];
  const show = (found, query) => {
    list.replaceChildren(...found.docs.map(([week, anchor, kind, name, text]) => {
      const [title, path] = found.about.weeks[week];
      const li = document.createElement("li"), a = document.createElement("a");
      a.href = path + (anchor ? "#" + anchor : "");
      if (kind === 2) li.className = "author";
      const head = document.createElement("span"), b = document.createElement("b"), i = document.createElement("i");
      mark(b, kind ? name : title, query);
      b.dir = "auto";
      if (kind) i.textContent = says[kind];
      else if (name) i.append(" by ", Object.assign(document.createElement("bdi"), { textContent: name }));
      head.append(b, i);
      const p = document.createElement("p");
      p.dir = "auto";
      mark(p, text, query);
      a.append(head, p);
      if (kind) a.append(Object.assign(document.createElement("span"), { className: "note", dir: "auto", textContent: title }));
      li.append(a);
      return li;
    }));
    const n = found.count;
    status.textContent = n < 0 ? "These words are in nearly every post; add another word."
      : n === 0 ? "No results."
      : n === 1 ? "1 result." : n > most ? `${n} results; the best ${most} are shown.` : `${n} results.`;
  };

  let turn = 0;
  const run = async () => {
    const query = field.value.trim(), mine = ++turn;
    const url = new URL(location.href);
    query ? url.searchParams.set("q", query) : url.searchParams.delete("q");
    try { history.replaceState(null, "", url); } catch { /* a page opened from a disk may not */ }
    if (!words(query).length) { list.replaceChildren(); status.textContent = hint; return; }
    try {
      const found = await search(query);
      if (mine === turn) show(found, query);
    } catch {
      if (mine !== turn) return;
      list.replaceChildren();
      status.textContent = "The search index cannot be loaded. Reload this page to try again; the weeks can be read without it.";
    }
  };
  let wait = 0;
  field.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(run, 120); });
  const asked = new URL(location.href).searchParams.get("q");
  if (asked) { field.value = asked; run(); }
})();
