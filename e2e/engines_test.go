package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"flyleaf/internal/browsertest"
)

// windowShows waits until a window shows the words.
func windowShows(t *testing.T, w *browsertest.Window, words string) {
	t.Helper()
	eventually(t, "the page shows "+words, func() error {
		text, err := browsertest.Eval[string](t, w, `(document.body?.innerText ?? "")`)
		if err == nil && !strings.Contains(text, words) {
			err = fmt.Errorf("it shows %.2000q", text)
		}
		return err
	})
}

// windowAsks asks a question on the week's page.
func windowAsks(t *testing.T, w *browsertest.Window, question string) {
	t.Helper()
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is a form to ask in", func() error {
		asked, err := browsertest.Eval[bool](t, w, `(() => {
			const q = document.querySelector("#q"), send = document.querySelector("#ask button.primary");
			if (!q || !send || document.readyState !== "complete") return false;
			q.value = `+string(text)+`;
			q.dispatchEvent(new Event("input", {bubbles: true}));
			send.click();
			return true;
		})()`)
		if err == nil && !asked {
			err = errors.New("none")
		}
		return err
	})
	windowShows(t, w, question)
}

// TestALinkIsEnoughInEveryBrowser: in Firefox and WebKit as in Chromium (TestALinkIsEnough), a link
// opens the week, and the week is there without the relay, also after the browser was closed.
func TestALinkIsEnoughInEveryBrowser(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (open func() *browsertest.Window, keeps bool){
		"firefox": func(t *testing.T) (func() *browsertest.Window, bool) {
			profile := t.TempDir()
			return func() *browsertest.Window { return browsertest.Firefox(t, profile) }, true
		},
		"webkit": func(t *testing.T) (func() *browsertest.Window, bool) {
			return func() *browsertest.Window { return browsertest.WebKit(t) }, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			open, keeps := start(t)
			w := open() // first: without the browser nothing is built
			relay := newRelay(t).upWithWeb()
			author := newDevice(t)
			week := author.createWeek(relay.url())
			author.run("identity", "name", "Ilse Marrow")
			author.run("sync")
			page := "http://" + relay.addr

			w.Open(t, page+"/join/"+week.Event)
			windowShows(t, w, "The Patient Ledger")
			windowAsks(t, w, "May nothing ever be changed?")
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

			relay.stop()
			if keeps {
				w.Close()
				w = open()
			}
			w.Open(t, page+"/e/"+week.Event)
			windowShows(t, w, "May nothing ever be changed?")
			windowAsks(t, w, "And who says so?")

			const answer = "Everything may, as long as it shows."
			author.run("author", "answer", "--event", week.Event, question.ID, answer)
			relay.upWithWeb()
			author.run("sync")
			w.Open(t, page+"/e/"+week.Event)
			eventually(t, "the page shows the answer, or offers it", func() error {
				shown, err := browsertest.Eval[bool](t, w, `(() => { document.querySelector("#news a")?.click(); return (document.body?.innerText ?? "").includes("`+answer+`") })()`)
				if err == nil && !shown {
					err = errors.New("it does not")
				}
				return err
			})
			eventually(t, "the second question is on the author's device", func() error {
				author.run("sync")
				if n := len(author.list(week.Event)); n != 2 {
					return fmt.Errorf("%d questions", n)
				}
				return nil
			})
		})
	}
}
