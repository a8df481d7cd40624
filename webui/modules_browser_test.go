//go:build !js

package webui

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// module evaluates an expression in which m is one of the page's modules.
func module[T any](b *inBrowser, name, expression string) T {
	b.t.Helper()
	js := `import("` + staticAddress(name) + `").then(m => (` + expression + `))`
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v in %s", err, js)
	}
	return v
}

// The logic of each module by itself, in a browser.
func TestBrowserModules(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()

	t.Run("news.js says what waits", func(t *testing.T) {
		for parts, want := range map[string]string{
			`[[0, "new"], [0, "changed"]]`: "",
			`[[1, "new"], [0, "changed"]]`: "1 new. Show it",
			`[[0, "new"], [1, "changed"]]`: "1 changed. Show it",
			`[[1, "new"], [2, "changed"]]`: "1 new, 2 changed. Show them",
			`[[12, "new"]]`:                "12 new. Show them",
		} {
			if got := module[string](b, "news.js", `m.newsWords(`+parts+`)`); got != want {
				t.Errorf("%s: %q, want %q", parts, got, want)
			}
		}
	})

	t.Run("news.js knows which list shows what", func(t *testing.T) {
		for _, c := range []struct {
			query    string
			question bool
			want     bool
		}{
			{"", true, true},
			{"", false, true},
			{"?sort=wanted", true, true},
			{"?show=unanswered", true, true},
			{"?show=unanswered&page=2", false, false},
			{"?show=mine", true, false},
		} {
			question := "false"
			if c.question {
				question = "true"
			}
			if got := module[bool](b, "news.js", `m.belongsToView("`+c.query+`", `+question+`)`); got != c.want {
				t.Errorf("%q, question %v: %v", c.query, c.question, got)
			}
		}
	})

	t.Run("merge.js puts what is missing in its place", func(t *testing.T) {
		// The letters are the children's IDs; a thread's own children follow it in brackets.
		const lay = `((mine, theirs) => {
			const build = list => list.map(([id, ...posts]) => '<section id="' + id + '">' + posts.map(p => '<p class="post" id="' + p + '"></p>').join('') + '<form></form></section>').join('');
			const box = document.createElement('div');
			box.innerHTML = build(mine);
			document.body.append(box);
			const doc = new DOMParser().parseFromString('<div>' + build(theirs) + '</div>', 'text/html');
			const added = m.addMissing(box, doc.body.firstChild).map(e => e.id).join(' ');
			const shown = [...box.children].map(s => s.id + '[' + [...s.querySelectorAll('.post')].map(p => p.id).join(' ') + ']').join(' ');
			const arrived = [...box.querySelectorAll('.arrive')].length;
			box.remove();
			return shown + ' added ' + added + ', ' + arrived + ' marked';
		})`
		for _, c := range []struct{ mine, theirs, want string }{
			{`[]`, `[["a", "a1"]]`, "a[a1] added a1, 1 marked"},
			{`[["a", "a1"]]`, `[["a", "a1"]]`, "a[a1] added , 0 marked"},
			{`[["b", "b1"]]`, `[["a", "a1"], ["b", "b1"], ["c", "c1"]]`, "a[a1] b[b1] c[c1] added a1 c1, 2 marked"},
			{`[["a", "a1"]]`, `[["a", "a1", "a2", "a3"]]`, "a[a1 a2 a3] added a2 a3, 2 marked"},
			{`[["a", "a1", "a3"]]`, `[["a", "a1", "a2", "a3"]]`, "a[a1 a2 a3] added a2, 1 marked"},
			// What is only here stays, and nothing that is here moves.
			{`[["x", "x1"], ["a", "a1"]]`, `[["a", "a1"], ["b", "b1"]]`, "x[x1] a[a1] b[b1] added b1, 1 marked"},
			{`[["b", "b1"], ["a", "a1"]]`, `[["a", "a1"], ["b", "b1"], ["c", "c1"]]`, "b[b1] c[c1] a[a1] added c1, 1 marked"},
		} {
			if got := module[string](b, "merge.js", lay+`(`+c.mine+`, `+c.theirs+`)`); got != c.want {
				t.Errorf("%s and %s:\n got %s\nwant %s", c.mine, c.theirs, got, c.want)
			}
		}
	})

	t.Run("dom.js unfolds what the server put in a noscript, here and in a page that was read", func(t *testing.T) {
		const unfolded = `(read => {
			const html = '<div><details class="add"><summary>a</summary><noscript><p id="n">1 &amp;amp; 2</p></noscript></details></div>';
			const box = document.createElement('div');
			if (read) box.append(document.importNode(new DOMParser().parseFromString(html, 'text/html').body.firstChild, true));
			else box.innerHTML = html;
			document.body.append(box); // only in a page with scripts is it a text
			const before = m.comparable(box);
			m.unfold(box.querySelector('details'));
			m.unfold(box.querySelector('details'));
			const p = box.querySelector('p');
			const same = m.comparable(box) === before;
			box.remove();
			return (p ? p.outerHTML : 'nothing') + (same ? ' same' : ' other');
		})`
		for _, read := range []string{"true", "false"} {
			if got := module[string](b, "dom.js", unfolded+`(`+read+`)`); got != `<p id="n">1 &amp;amp; 2</p> same` {
				t.Errorf("read %s: %s", read, got)
			}
		}
	})

	t.Run("dom.js compares without what the browser did", func(t *testing.T) {
		const same = `(() => {
			const one = document.createElement('div'), two = document.createElement('div');
			one.innerHTML = '<details><summary>a</summary></details>';
			two.innerHTML = '<details open=""><summary>a</summary></details>';
			one.className = 'post';
			two.className = 'post arrive';
			two.tabIndex = -1;
			const equal = m.comparable(one) === m.comparable(two);
			two.querySelector('summary').textContent = 'b';
			return equal && m.comparable(one) !== m.comparable(two);
		})()`
		if !module[bool](b, "dom.js", same) {
			t.Error("an open part or the focus is a difference, or other words are none")
		}
	})

	t.Run("drafts.js keeps a copy and fills empty fields alone", func(t *testing.T) {
		const restored = `(() => {
			const form = document.getElementById('ask');
			const [text, name, tags] = [form.elements.body, form.elements.onBehalfOf, form.elements.tags];
			[text.value, name.value, tags.value] = ['Why?\nHow?', 'Obi & Co', ''];
			m.keepCopy(form);
			[text.value, name.value, tags.value] = ['', 'Maren', 'kept'];
			m.restoreCopy(form);
			const back = [text.value, name.value, tags.value].join('|');
			m.forgetDraft(form);
			text.value = '';
			m.restoreCopy(form);
			const forgotten = text.value;
			[name.value, tags.value] = ['', ''];
			return back + '|' + forgotten + '|' + m.copyName(document.getElementById('act'));
		})()`
		if got, want := module[string](b, "drafts.js", restored), "Why?\nHow?|Maren|kept||undefined"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})

	t.Run("forms.js says since when a form may have been saved", func(t *testing.T) {
		const tried = `(async () => {
			const program = fetch, form = document.getElementById('ask'), sent = [], before = Date.now();
			globalThis.fetch = async (url, options) => { sent.push(options.body.get('tried')); throw new TypeError('gone') };
			form.elements.body.value = 'Is it saved?';
			for (let n = 0; n < 3; n++) {
				form.querySelector('button.primary').click();
				while (form.dataset.busy) await new Promise(done => setTimeout(done));
			}
			globalThis.fetch = program;
			form.elements.body.value = '';
			return sent[0] === null && sent[1] >= before && sent[2] === sent[1] ? '' : JSON.stringify(sent);
		})()`
		if wrong := module[string](b, "forms.js", tried); wrong != "" {
			t.Errorf("the form was sent with the times %s", wrong)
		}
	})

	t.Run("server.js says what was not saved", func(t *testing.T) {
		refused := module[string](b, "server.js", `m.send(`+"`"+b.week()+"/ask`"+`, new URLSearchParams({body: " "})).then(() => "taken", e => e.message)`)
		if refused != "Not saved. There is no text yet." {
			t.Errorf("a refusal: %q", refused)
		}
		b.mu.Lock()
		b.dead = true
		b.mu.Unlock()
		gone := module[string](b, "server.js", `m.send(`+"`"+b.week()+"/ask`"+`, new URLSearchParams({body: "x"})).then(() => "taken", e => e.message)`)
		if !strings.HasPrefix(gone, "Not saved. Flyleaf is no longer responding ") {
			t.Errorf("a program that has stopped: %q", gone)
		}
	})
}
