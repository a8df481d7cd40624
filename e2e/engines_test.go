package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/internal/browsertest"
)

// person is somebody in front of a browser.
type person struct {
	*testing.T
	*browsertest.Window
}

// sees waits until the page has the words.
func (p person) sees(words string) {
	p.Helper()
	p.holds("the page shows "+words, `(document.body?.innerText ?? "").includes(`+quoted(words)+`)`)
}

// holds waits until an expression is true in the page.
func (p person) holds(what, expression string) {
	p.Helper()
	eventually(p.T, what, func() error {
		ok, err := browsertest.Eval[bool](p, p.Window, "Boolean("+expression+")")
		if err == nil && !ok {
			text, _ := browsertest.Eval[string](p, p.Window, `location.pathname + ": " + (document.body?.innerText ?? "")`)
			err = fmt.Errorf("the page shows %.2500q", text)
		}
		return err
	})
}

// asks asks a question on the week's page.
func (p person) asks(question string) {
	p.Helper()
	p.holds("there is a form to ask in", `document.querySelector("#q") && document.readyState === "complete"`)
	p.Type(p, "#q", question)
	p.Click(p, "#ask button.primary")
	p.holds("the question is in the page", `[...document.querySelectorAll("article.question .words")].some(e => e.innerText.trim() === `+quoted(question)+`)`)
}

// engines starts browsers that keep their data in the directory profile. endWorkers ends their Service
// Workers; it is nil if the automation interface of the browser cannot do that.
var engines = map[string]func(t *testing.T, profile string) (w *browsertest.Window, endWorkers func()){
	"chromium": func(t *testing.T, profile string) (*browsertest.Window, func()) {
		ctx := browser(t, chromedp.UserDataDir(profile))
		return browsertest.Chromium(ctx), func() { endWorkers(t, ctx) }
	},
	"firefox": func(t *testing.T, profile string) (*browsertest.Window, func()) {
		return browsertest.Firefox(t, profile), nil
	},
	"webkit": func(t *testing.T, profile string) (*browsertest.Window, func()) {
		return browsertest.WebKit(t, profile), nil
	},
}

// TestALinkIsEnough: a person with only a link reads about the week and asks a question, on a
// telephone. The page still works without a network, after the browser has
// ended the Service Worker and after the browser was closed, and then gets the answer written on a
// desktop in the meantime.
func TestALinkIsEnough(t *testing.T) {
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			profile := t.TempDir()
			var p person
			var endWorkers func()
			open := func() {
				p.T = t
				if p.Window, endWorkers = start(t, profile); endWorkers == nil {
					endWorkers = func() {}
				}
				p.BePhone(t)
			}
			open() // first: without the browser nothing is built
			relay := newRelay(t).upWithWeb()
			author := newDevice(t)
			week := author.createWeek(relay.url())
			author.run("identity", "name", "Ilse Marrow")
			author.run("sync")
			page := "http://" + relay.addr

			p.Open(t, page+"/join/"+week.Event)
			p.sees("The Patient Ledger")
			p.asks("May nothing ever be changed?")
			var question post
			eventually(t, "the question is on the author's device", func() error {
				author.run("sync")
				l := author.list(week.Event)
				if len(l) != 1 {
					return fmt.Errorf("%d questions", len(l))
				}
				question = l[0]
				return nil
			})

			offline := func() {
				if p.SetOffline(t, true) {
					p.holds("the browser is offline", `!navigator.onLine`)
				} else {
					t.Log("this browser cannot be set offline; only the relay, which also serves the app, is stopped")
				}
			}
			// The network is gone, and the browser ends the Service Worker: the question is still
			// there, and more can be asked.
			relay.stop()
			offline()
			endWorkers()
			p.Open(t, page+"/e/"+week.Event)
			p.sees("May nothing ever be changed?")
			p.asks("And who says so?")
			endWorkers()

			// The browser itself is closed and opened again, still without a network.
			p.Close()
			open()
			offline()
			p.Open(t, page+"/e/"+week.Event)
			p.sees("May nothing ever be changed?")
			p.sees("And who says so?")
			p.asks("Even at night?")
			for _, path := range []string{"/", "/you", "/you/identity", "/files", "/e/" + week.Event, "/e/" + week.Event + "/people", "/storage"} {
				p.Open(t, page+path)
				p.holds(path+" is shown", `document.querySelector("#main h1") && document.readyState === "complete"`)
				p.holds(path+" is shown on a phone", `innerWidth < 480`)
				p.holds(path+" is not too wide for a phone", `document.documentElement.scrollWidth <= innerWidth`)
			}
			p.sees("that no relay has")

			const answer = "Everything may, as long as it shows."
			author.run("author", "answer", "--event", week.Event, question.ID, answer)
			relay.upWithWeb()
			p.SetOffline(t, false)
			author.run("sync")
			p.Open(t, page+"/e/"+week.Event)
			// New posts are only announced on an open page, so that nothing moves while it is being read.
			p.holds("the page shows the answer, or offers it",
				`(document.querySelector("#news a")?.click(), document.body.innerText.includes(`+quoted(answer)+`))`)
			eventually(t, "the other questions are on the author's device", func() error {
				author.run("sync")
				if n := len(author.list(week.Event)); n != 3 {
					return fmt.Errorf("%d questions", n)
				}
				return nil
			})
			p.holds("no page could not be opened", `!document.body.innerText.includes("could not open")`)
		})
	}
}
