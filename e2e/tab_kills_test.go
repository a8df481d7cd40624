package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// postOnAndOn posts one question after another, and notes which ones the pages call saved: those
// whose form is answered by the address of the page to read next.
const postOnAndOn = `globalThis.saved = []; globalThis.tried = 0; globalThis.ended = false; globalThis.done = false;
(async () => {
	const form = document.querySelector("#ask");
	while (!ended) {
		const data = new URLSearchParams(new FormData(form));
		const n = tried++;
		data.set("body", "Question " + n + ".");
		try {
			const answer = await fetch(form.action, {method: "POST", body: data, redirect: "manual"});
			if (answer.type === "opaqueredirect") saved.push(n);
			else globalThis.refused = answer.status + " " + await answer.text();
		} catch { /* the worker was ended before it answered */ }
	}
	done = true;
})(); true`

// TestNothingSavedIsLostWithTheWorker ends the program in the browser at random moments while
// questions are posted: every question that the page called saved is there afterwards, once. FLYLEAF_KILLS
// is how often (default 12).
func TestNothingSavedIsLostWithTheWorker(t *testing.T) {
	kills := 12
	if text := os.Getenv("FLYLEAF_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const inOneBrowser = 50 // a browser has a limited time
	for first := 0; first < kills; first += inOneBrowser {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			killWhilePosting(t, rand.New(rand.NewPCG(seed, 0)), min(inOneBrowser, kills-first))
		})
	}
}

func killWhilePosting(t *testing.T, random *rand.Rand, kills int) {
	ctx := browser(t)
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
	do(t, ctx, chromedp.Navigate("http://"+relay.addr+"/join/"+week.Event), chromedp.WaitVisible(`#q`))
	ask[bool](t, ctx, postOnAndOn)
	tried := 0
	for range kills {
		eventually(t, "the next question is posted", func() error {
			if n := ask[int](t, ctx, "tried"); n > tried {
				tried = n
				return nil
			}
			return fmt.Errorf("%d were posted, as before", tried)
		})
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // any moment
		endWorkers(t, ctx)
	}
	ask[bool](t, ctx, "ended = true")
	eventually(t, "posting ends", func() error {
		if !ask[bool](t, ctx, "done") {
			return fmt.Errorf("%d tried", ask[int](t, ctx, "tried"))
		}
		return nil
	})
	saved := ask[[]int](t, ctx, "saved")
	if refused := ask[string](t, ctx, `globalThis.refused ?? ""`); refused != "" {
		t.Errorf("a question was not accepted: %.1000s", refused)
	}
	if len(saved) < kills/2 {
		t.Fatalf("only %d of %d questions were saved at all", len(saved), ask[int](t, ctx, "tried"))
	}
	t.Logf("%d kills, %d questions tried, %d saved", kills, ask[int](t, ctx, "tried"), len(saved))

	// What was saved reaches the relay and a desktop device, so it is on the browser's disk and whole.
	do(t, ctx, chromedp.Navigate("http://"+relay.addr+"/e/"+week.Event), chromedp.WaitVisible(`#q`))
	eventually(t, "what was saved is on the desktop device", func() error {
		desktop.run("sync")
		count := map[string]int{}
		for _, p := range desktop.list(week.Event) {
			count[p.Text]++
		}
		for _, n := range saved {
			if c := count[fmt.Sprintf("Question %d.", n)]; c != 1 {
				return fmt.Errorf("question %d is there %d times; %d are there, %d were saved", n, c, len(count), len(saved))
			}
		}
		return nil
	})
}
