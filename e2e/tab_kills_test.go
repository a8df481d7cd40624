package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNothingSavedIsLostWithTheWorker ends the program in the browser at random moments while a
// person posts questions with the form of the page. Every question that the page called saved is
// there afterwards, once. If the page says that a question was not saved, the person presses the
// button once more, as the page advises. FLYLEAF_KILLS is how often the program is ended.
func TestNothingSavedIsLostWithTheWorker(t *testing.T) {
	kills := 20
	if text := os.Getenv("FLYLEAF_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const inOneBrowser = 25 // a browser has a limited time
	for first := 0; first < kills; first += inOneBrowser {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			killWhilePosting(t, rand.New(rand.NewPCG(seed, 0)), min(inOneBrowser, kills-first))
		})
	}
}

// asker is a person who posts one question after another.
type asker struct {
	tab
	week    string
	n       int               // the question that is being posted
	saved   map[int]bool      // the page called these questions saved
	unsaved map[int]time.Time // when the page first said that these questions were not saved
	said    map[string]int    // what the page said about questions that were not saved
}

func question(n int) string { return fmt.Sprintf("Question %d.", n) }

// look looks at the page, and does what comes next: it presses the button, or opens the page
// again if the page could not be opened. It reports whether the page has just said whether the
// question is saved.
func (a *asker) look() bool {
	a.t.Helper()
	state, err := try[string](a.tab, `(() => {
		if (document.readyState !== "complete") return "loading";
		const form = document.querySelector("#ask"), box = document.querySelector("#q"), words = `+quoted(question(a.n))+`;
		if (!form) return "gone";
		const attempt = words === globalThis.pressed;
		if (attempt && form.dataset.busy) return "busy";
		if ([...document.querySelectorAll("article.question .words")].some(e => e.innerText.trim() === words)) return "saved";
		const notice = attempt && form.querySelector(".notice.grave");
		if (attempt && !notice) return box.value === "" ? "called saved" : "silent";
		globalThis.pressed = words;
		box.value = words;
		box.dispatchEvent(new Event("input", {bubbles: true}));
		form.querySelector("button.primary").click();
		return notice ? notice.innerText : "pressed";
	})()`)
	if err != nil {
		return false // another page is being loaded
	}
	switch state {
	case "loading", "busy", "silent", "pressed":
	case "called saved": // the page emptied the box, and loads the page with the question
		a.saved[a.n] = true
	case "saved":
		a.saved[a.n] = true
		a.n++
		return true
	case "gone":
		a.open(a.week)
	default:
		a.said[state]++
		if a.unsaved[a.n].IsZero() {
			a.unsaved[a.n] = time.Now()
		}
		return true
	}
	return false
}

// told waits until the page says whether a question is saved.
func (a *asker) told() {
	a.t.Helper()
	eventually(a.t, "the page says whether the question is saved", func() error {
		if a.look() {
			return nil
		}
		text, err := try[string](a.tab, `location.href + " " + (document.body?.innerText ?? "").slice(0, 2000)`)
		return fmt.Errorf("question %d: %q, %v", a.n, text, err)
	})
}

func killWhilePosting(t *testing.T, random *rand.Rand, kills int) {
	p := newTab(t, "")
	relay := newRelay(t)
	dir, err := webApp()
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--web=" + dir}
	for _, name := range []string{"person-burst", "strangers-burst", "address-burst"} {
		flags = append(flags, "--quota", name+"=off")
	}
	relay.up(flags...)
	desktop := newDevice(t)
	week := desktop.createWeek(relay.url())
	desktop.run("sync")
	p.site = "http://" + relay.addr
	p.open("/join/" + week.Event)
	p.finds("#q")

	a := &asker{tab: p, week: "/e/" + week.Event, saved: map[int]bool{}, unsaved: map[int]time.Time{}, said: map[string]int{}}
	for kill := range kills {
		if kill == kills/2 {
			relay.stop() // from now on nothing that this browser lost could come back from there
		}
		// Chromium itself sends a request once more if the worker ended before it answered. So the
		// worker also ends while it answers that.
		within := 2 * time.Second
		if random.IntN(3) > 0 {
			a.told()
			within = 400 * time.Millisecond
		}
		for moment := time.Now().Add(time.Duration(random.Int64N(int64(within)))); time.Now().Before(moment); {
			a.look()
		}
		endWorkers(t, p.ctx)
	}
	a.told()
	endWorkers(t, p.ctx)

	count := map[string]int{}
	at := map[string]time.Time{}
	compare := func(where string, d *device) error {
		clear(count)
		for _, p := range d.list(week.Event) {
			count[p.Text]++
			at[p.Text] = time.UnixMilli(p.At)
		}
		for n := range a.n + 1 {
			if c := count[question(n)]; c > 1 || c == 0 && a.saved[n] {
				return fmt.Errorf("%s: question %d is there %d times; saved: %t; %d are there", where, n, c, a.saved[n], len(count))
			}
		}
		return nil
	}
	p.open(a.week)
	reader := newDevice(t)
	reader.run("import", p.bundleOf(week.Event))
	if err := compare("in the browser", reader); err != nil {
		t.Error(err)
	}
	relay.up(flags...)
	eventually(t, "what was saved is on the desktop device", func() error {
		desktop.run("sync")
		return compare("on the desktop", desktop)
	})

	late := 0 // questions that were saved, but the program ended before it could say so
	for n, told := range a.unsaved {
		if when, ok := at[question(n)]; ok && when.Before(told) {
			late++
		}
	}
	t.Logf("%d kills; %d questions were posted, of which the page first said of %d that they were not saved; %d of these were", kills, len(a.saved), len(a.unsaved), late)
	for text, times := range a.said {
		t.Logf("%d times the page said: %s", times, strings.TrimSpace(text))
	}
	if len(a.saved) < kills/2 {
		t.Errorf("only %d questions were saved", len(a.saved))
	}
}
