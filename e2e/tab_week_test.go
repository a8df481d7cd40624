package e2e

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// writeNoise writes a picture of more than a megabyte, as cameras make them.
func writeNoise(t *testing.T, path string) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 600, 900))
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	f, err := os.Create(path)
	if err == nil {
		err = png.Encode(f, img)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWeekInTheTab: an organiser, an author and a reader run a whole week, from setting it up
// to the winners' addresses, each with nothing but a browser.
func TestWeekInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	line := newWire(t, relay.addr)
	site := "http://" + line.Addr().String()
	organiser := newTab(t, site)

	organiser.open("/")
	organiser.sees("Get started")
	if got, want := organiser.value("#n-relay"), "ws://"+line.Addr().String(); got != want {
		t.Errorf("the relay of a new week is %q, want %q", got, want)
	}
	organiser.fill("#n-title", "The Patient Ledger")
	organiser.fill("#n-by", "Ilse Marrow")
	organiser.fill("#n-copies", "1")
	organiser.press("#new button.primary")
	organiser.sees("The week is set up.")
	picture := filepath.Join(t.TempDir(), "cover.png")
	writeNoise(t, picture)
	do(t, organiser.ctx, chromedp.SetUploadFiles("#s-cover", []string{picture}))
	organiser.press("form.section button.primary")
	organiser.holds("the cover is drawn", `document.querySelector("img.cover")?.naturalWidth > 0`)
	organiser.finds("#q")
	week := ask[string](t, organiser.ctx, `location.pathname`)
	link := organiser.value("#invitation")
	if !strings.HasPrefix(link, site+"/join/") {
		t.Errorf("the invitation is %q", link)
	}
	organiser.holds("the QR code is drawn", `(() => { const i = document.querySelector(".invite img"); i.loading = "eager"; return i.complete && i.naturalWidth > 0 })()`)
	organiser.open("/you")
	organiser.fill("#name", "Orla")
	organiser.press("form.section button.primary")

	organiser.open(week + "/people")
	organiser.fill("#i-label", "Ilse")
	organiser.press(`form[action$="/invite"] button.primary`)
	organiser.sees("Invitation for Ilse created")
	role := organiser.value("#fresh")
	_, secret, ok := strings.Cut(role, "#")
	if !ok || !strings.HasPrefix(role, site+"/join/") {
		t.Fatalf("the invitation to a role is %q", role)
	}

	author, reader := organiser.otherProfile(), organiser.otherProfile()
	reader.open(link)
	reader.finds("#q")
	reader.sees("The Patient Ledger")
	reader.open("/you")
	reader.fill("#name", "Rosa")
	reader.press("form.section button.primary")
	author.open(role)
	author.finds("#q")
	if at := ask[string](t, author.ctx, `location.href`); strings.Contains(at, secret) {
		t.Errorf("the secret stays in the address %q", at)
	}
	author.finds(`nav a[href$="/inbox"]`) // the organiser's tab has granted it by itself
	if line.sees(secret) {
		t.Error("the secret of the invitation was sent to the server")
	}
	author.open("/you")
	author.fill("#name", "Ilse Marrow")
	author.press("form.section button.primary")

	t.Run("the address of a page, in a browser without the app", func(t *testing.T) {
		guest := organiser.with(t).otherProfile()
		guest.open(week + "/people")
		guest.sees("Orla")
		guest.finds("#roles")
	})

	t.Run("answer from the inbox", func(t *testing.T) {
		author, reader := author.with(t), reader.with(t)
		reader.open(week)
		reader.fill("#q", "May nothing ever be changed?")
		reader.click("#ask button.primary")
		reader.finds("article.question")
		author.open(week + "/inbox")
		author.sees("May nothing ever be changed?")
		author.fill("#inbox textarea[name=body]", "Everything may, if it shows.")
		author.click(`#inbox form[action$="/answer"] button.primary`)
		author.holds("the inbox is empty", `!document.body.innerText.includes("May nothing ever be changed?")`)
		reader.isTold("Everything may, if it shows.")
		reader.finds(".badge.author")
	})

	t.Run("moderate", func(t *testing.T) {
		organiser, reader := organiser.with(t), reader.with(t)
		reader.fill("#q", "Buy my lamps!")
		reader.click("#ask button.primary")
		reader.sees("Buy my lamps!")
		organiser.open(week)
		const find = `[...document.querySelectorAll("article.question")].find(e => e.innerText.includes("Buy my lamps!"))`
		organiser.isTold("Buy my lamps!")
		post := ask[string](t, organiser.ctx, find+`.dataset.post`)
		organiser.open(week + "/p/" + post + "/moderate")
		organiser.fill("#reason", "an advertisement")
		organiser.press(`button[name=hidden]`)
		reader.isTold("an advertisement")
		organiser.open(week + "/log")
		organiser.sees("an advertisement")
	})

	t.Run("choose, draw and claim", func(t *testing.T) {
		organiser, author, reader := organiser.with(t), author.with(t), reader.with(t)
		author.open(week + "/winners")
		author.finds(`input[name=candidate]`)
		ask[bool](t, author.ctx, `(document.querySelector("input[name=candidate]").checked = true)`)
		author.press(`form[action$="/choose"] button.primary`)
		author.press(`button[value=commit]`)
		organiser.open(week + "/winners")
		organiser.press(`button[value=commit]`)
		both := `document.querySelectorAll(".draw dd.hash").length >= 3`
		author.holds("both secrets are known to the author", `(fetch(location.href).then(r => r.text()).then(t => { globalThis.there = (t.match(/commitment/g) ?? []).length >= 2 }), globalThis.there || `+both+`)`)
		organiser.holds("and to the organiser", `(fetch(location.href).then(r => r.text()).then(t => { globalThis.there = (t.match(/commitment/g) ?? []).length >= 2 }), globalThis.there || `+both+`)`)
		organiser.press(`form[action$="/switch"] button`)
		organiser.press(`form[action$="/switch"] button.primary`) // after it said what closing does
		for _, p := range []tab{author, organiser} {
			eventually(t, "the secret can be revealed", func() error {
				p.open(week + "/winners")
				if there, err := try[bool](p, `Boolean(document.querySelector("button[value=open]"))`); err != nil || !there {
					return fmt.Errorf("%w: %v", errNotYet, err)
				}
				return nil
			})
			p.press(`button[value=open]`)
		}
		eventually(t, "the reader has won", func() error {
			reader.open(week + "/winners")
			text, err := try[string](reader, `document.body.innerText`)
			if err != nil || !strings.Contains(text, "You won a copy") {
				return fmt.Errorf("%v %.1500q", err, text)
			}
			return nil
		})
		reader.fill("#contact", "Rosa, Long Street 1")
		reader.press("#claim button.primary")
		eventually(t, "the organiser reads the address", func() error {
			organiser.open(week + "/winners")
			text, err := try[string](organiser, `document.body.innerText`)
			if err != nil || !strings.Contains(text, "Rosa, Long Street 1") {
				return fmt.Errorf("%v %.1500q", err, text)
			}
			return nil
		})
	})
}

// slackExport writes a Slack export of one channel.
func slackExport(t *testing.T, path string, channels ...string) {
	t.Helper()
	files := map[string]string{"users.json": `[{"id":"U1","name":"maren","profile":{"real_name":"Maren Holt"}},{"id":"U2","name":"ilse","profile":{"real_name":"Ilse Marrow"}}]`}
	var list []string
	for i, name := range channels {
		list = append(list, fmt.Sprintf(`{"id":"C%d","name":%q}`, i, name))
		files[name+"/2021-03-08.json"] = `[{"type":"message","user":"U1","text":"What keeps a lamp alight?","ts":"1615190400.000100","thread_ts":"1615190400.000100","reply_count":1},
			{"type":"message","user":"U2","text":"Oil, and somebody who looks.","ts":"1615194000.000200","thread_ts":"1615190400.000100"}]`
	}
	files["channels.json"] = "[" + strings.Join(list, ",") + "]"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for name, content := range files {
		to, err := w.Create(name)
		if err == nil {
			_, err = to.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFilesInTheTab: weeks come from files and become files in a browser, as on the desktop.
func TestFilesInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	p := newTab(t, "http://"+relay.addr)
	dir := t.TempDir()
	do(t, p.ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: "allow", DownloadPath: dir})
		return chromedp.Void{}, err
	})
	// downloaded waits for a file that the browser saves.
	downloaded := func(pattern string) string {
		t.Helper()
		var found []string
		eventually(t, pattern+" is saved", func() error {
			found, _ = filepath.Glob(filepath.Join(dir, pattern))
			empty := func(path string) bool { f, err := os.Stat(path); return err != nil || f.Size() == 0 }
			if len(found) != 1 || empty(found[0]) { // the browser reserves the name before it has the file
				all, _ := filepath.Glob(filepath.Join(dir, "*"))
				return fmt.Errorf("%w; there is %q", errNotYet, all)
			}
			return nil
		})
		return found[0]
	}
	imports := func(path string, fields map[string]string) {
		t.Helper()
		p.open("/files")
		for selector, value := range fields {
			p.fill(selector, value)
		}
		do(t, p.ctx, chromedp.SetUploadFiles("#f-file", []string{path}))
		p.press(`form[enctype] button.primary`)
	}
	p.open("/")
	p.sees("Get started")

	imports(filepath.Join(root(t), "importer", "testdata", "tides.md"), nil)
	p.finds("#imported")
	if relay.addr == "" || p.value("#f-relay") != relay.url() {
		t.Errorf("the relay for imported weeks is %q", p.value("#f-relay"))
	}
	p.press("#main .roster a")
	p.finds("article.question")
	week := strings.TrimPrefix(ask[string](t, p.ctx, `location.pathname`), "/e/")
	questions := ask[int](t, p.ctx, `document.querySelectorAll("article.question").length`)

	p.open("/files?week=" + week)
	p.click(`form[action="/files/export"] button`)
	bundle := downloaded("*.bundle")
	desktop := newDevice(t)
	desktop.run("import", bundle)
	if l := desktop.list(week); len(l) != questions || questions == 0 {
		t.Errorf("the bundle has %d questions, the page %d", len(l), questions)
	}

	p.click(`form[action="/files/published"] button`)
	archive, err := zip.OpenReader(downloaded("flyleaf-site.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
	}
	if all := strings.Join(names, " "); !strings.Contains(all, "index.html") || !strings.Contains(all, "books/") {
		t.Errorf("the site has %s", all)
	}

	// What was written elsewhere comes back as a bundle.
	desktop.run("ask", "--event", week, "And at night?")
	back := filepath.Join(dir, "back")
	desktop.run("export", "--event", week, "--format", "bundle", "-o", back)
	imports(back, nil)
	p.sees("new change")
	p.open("/e/" + week)
	p.sees("And at night?")

	many, one := filepath.Join(t.TempDir(), "many.zip"), filepath.Join(t.TempDir(), "one.zip")
	slackExport(t, many, "lamps", "general")
	slackExport(t, one, "lamps")
	imports(many, nil)
	p.sees("several channels: general, lamps")
	imports(many, map[string]string{"#f-channel": "lamps", "#f-club": "The Lamplight Readers"})
	p.sees("1 new question, 1 new reply")
	imports(one, map[string]string{"#f-club": "The Lamplight Readers"})
	p.sees("2 posts already on this device")
	p.open("/")
	p.sees("The Lamplight Readers")

	empty := filepath.Join(t.TempDir(), "picture.txt")
	if err := os.WriteFile(empty, []byte("no week at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	imports(empty, nil)
	p.sees("nothing was imported")
}

// TestFormulasInTheTab: the program of the tab asks the second one for formulas.
func TestFormulasInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	p := newTab(t, "http://"+relay.addr)
	p.open("/files")
	do(t, p.ctx, chromedp.SetUploadFiles("#f-file", []string{filepath.Join(root(t), "importer", "testdata", "tides.md")}))
	p.press(`form[enctype] button.primary`)
	p.finds("#imported")
	p.press("#main .roster a")
	p.finds("article.question")
	week := ask[string](t, p.ctx, `location.pathname`)
	p.open(week + "/setup")
	p.click("#s-math")
	p.press(`form[enctype] button.primary`)
	p.finds("#q")
	p.fill("#q", `Is $\frac12$ of it mine?`)
	p.click("#ask button.primary")
	p.finds("article.question math mfrac")
}

// TestAPictureInTheTab: a picture that is chosen in one browser is seen in another one, through the relay. The second program
// makes it small.
func TestAPictureInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	organiser := newTab(t, "http://"+relay.addr)
	organiser.open("/")
	organiser.fill("#n-title", "The Patient Ledger")
	organiser.press("#new button.primary")
	organiser.sees("The week is set up.")
	organiser.click("#s-pictures")
	organiser.press("form.section button.primary")
	organiser.finds("#i-ask")
	link := organiser.value("#invitation")
	picture := filepath.Join(t.TempDir(), "map.png")
	writeNoise(t, picture)
	organiser.fill("#q", "Which ford is it?")
	organiser.click(".picture-box summary")
	organiser.fill("#i-ask-alt", "A map of the river")
	do(t, organiser.ctx, chromedp.SetUploadFiles("#i-ask", []string{picture}))
	organiser.click("#ask button.primary")
	const drawn = `(() => { const i = document.querySelector("article.question .picture img"); return i && i.complete && i.naturalWidth > 0 && i.alt == "A map of the river" &&
		i.naturalWidth == i.width })()`
	organiser.holds("the picture is drawn", drawn)

	reader := organiser.otherProfile()
	reader.open(link)
	reader.sees("Which ford is it?")
	reader.holds("the picture is drawn on another device", drawn)
}
