package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestStaticHost: the app's files lie below a path on a plain web server, and its weeks on a
// relay elsewhere.
func TestStaticHost(t *testing.T) {
	dir, err := webApp()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sub/", http.StripPrefix("/sub/", http.FileServer(http.Dir(dir))))
	host := httptest.NewServer(mux)
	t.Cleanup(host.Close)
	site := host.URL + "/sub"
	relay := newRelay(t).up("--web=false")
	author := newDevice(t)
	week := author.createWeek(relay.url())
	author.run("sync")

	p := newTab(t, site)
	p.open("/#" + week.Event + "@" + relay.url())
	p.finds("#q")
	p.sees("The Patient Ledger")
	if at := ask[string](t, p.ctx, `location.pathname`); at != "/sub/e/"+week.Event {
		t.Errorf("the page is at %s", at)
	}
	p.fill("#q", "May nothing ever be changed?")
	p.click("#ask button.primary")
	p.finds("article.question")
	eventually(t, "the question is on the author's device", func() error {
		author.run("sync")
		if n := len(author.list(week.Event)); n != 1 {
			return fmt.Errorf("%d questions", n)
		}
		return nil
	})
	link := p.value("#invitation")
	if link != site+"/#"+week.Event+"@"+relay.url() {
		t.Errorf("the invitation is %s", link)
	}
	newDevice(t).run("join", link)
	do(t, p.ctx, chromedp.Reload())
	p.finds("article.question")
	p.press(`nav a`)
	p.sees("Add a week")

	// Somebody sets a week up there: its relay is no guess, and its links lead to the site.
	other := p.otherProfile()
	other.open("/")
	other.sees("Get started")
	if guess := other.value("#n-relay"); guess != "" {
		t.Errorf("the relay of a new week is %q", guess)
	}
	other.fill("#n-title", "Tides")
	other.fill("#n-relay", relay.url())
	other.press("#new button.primary")
	other.sees("The week is set up.")
	own := strings.TrimSuffix(ask[string](t, other.ctx, `location.pathname`), "/setup")
	other.open(host.URL + own + "/people")
	other.press(`form[action$="/invite"] button.primary`)
	role := other.value("#fresh")
	if !strings.HasPrefix(role, site+"/#") || strings.Count(role, "#") != 2 {
		t.Fatalf("the invitation to a role is %s", role)
	}
	p.open(role)
	p.sees("Tides")
	p.finds("#q")
	p.finds(`nav a[href$="/inbox"]`) // the role is granted
	if at := ask[string](t, p.ctx, `location.href`); strings.Contains(at, role[strings.LastIndex(role, "#"):]) {
		t.Errorf("the secret stays in the address %s", at)
	}
}

// TestUpdateIsOffered: a new version waits until somebody asks for it, and what they are
// writing is still there then.
func TestUpdateIsOffered(t *testing.T) {
	dir, err := webApp()
	if err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	if err := os.CopyFS(newer, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	sw, err := os.ReadFile(filepath.Join(newer, "sw.js"))
	if err != nil {
		t.Fatal(err)
	}
	const mark = "const version = '"
	if !strings.Contains(string(sw), mark) {
		t.Fatal("the worker does not say which version it is")
	}
	sw = []byte(strings.Replace(string(sw), mark, mark+"newer-", 1))
	for _, packed := range []string{"sw.js.br", "sw.js.gz"} {
		if err := os.Remove(filepath.Join(newer, packed)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(newer, "sw.js"), sw, 0o600); err != nil {
		t.Fatal(err)
	}

	relay := newRelay(t).upWithWeb()
	author := newDevice(t)
	week := author.createWeek(relay.url())
	author.run("sync")
	p := newTab(t, "http://"+relay.addr)
	p.open("/join/" + week.Event)
	p.finds("#q")
	other, cancel := chromedp.NewContext(p.ctx) // a second tab of the same browser
	t.Cleanup(cancel)
	second := tab{t, other, p.site}
	second.open("/you")
	second.finds("#name")
	other, cancel = chromedp.NewContext(p.ctx)
	t.Cleanup(cancel)
	third := tab{t, other, p.site}
	third.open("/")
	third.finds("#main")

	relay.stop()
	relay.up("--web=" + newer)
	p.fill("#q", "I am in the middle of")
	second.fill("#name", "Priya Lund")
	ask[bool](t, p.ctx, `(navigator.serviceWorker.getRegistration().then(r => r.update()), true)`)
	const offered = `!document.getElementById("update").hidden && document.getElementById("update").innerText.includes("A new version of Flyleaf is ready.")`
	p.holds("the new version is offered", offered)
	second.holds("in every tab", offered)
	third.holds("in every tab", offered)
	versions := `caches.keys().then(all => { globalThis.versions = all.join(" ") }), globalThis.versions`
	p.holds("the old version goes on", `document.querySelector("#q").value === "I am in the middle of" && (`+versions+`)?.includes("newer-") && globalThis.versions.split(" ").length > 3`)

	ask[bool](t, p.ctx, `(post => { // the first message to the new version is lost
		let lost = false;
		ServiceWorker.prototype.postMessage = function (...args) {
			if (lost || args[0].ask !== "skipWaiting") post.apply(this, args);
			else lost = true;
		};
		return true;
	})(ServiceWorker.prototype.postMessage)`)
	p.press("#update button")
	p.finds("#q")
	p.holds("the new version runs alone", `(`+versions+`) && globalThis.versions.split(" ").length === 3 && globalThis.versions.includes("newer-")`)
	if text := p.value("#q"); text != "I am in the middle of" {
		t.Errorf("what was being written is %q now", text)
	}
	if name := second.value("#name"); name != "Priya Lund" {
		t.Errorf("in the other tab it is %q", name)
	}
	third.press("#update button")               // although the first tab has loaded it
	second.press("form.section button.primary") // a form of the old version
	second.sees("Saved on this device.")
}
