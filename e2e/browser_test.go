package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flyleaf/internal/browsertest"

	"github.com/chromedp/chromedp"
)

// browser starts Chromium, or skips the test if it is missing.
func browser(t *testing.T, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	return browsertest.Start(t, options...)
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Steps(steps...)); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates a script and returns its value.
func ask[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// shows waits until the page's text contains the words.
func shows(t *testing.T, ctx context.Context, words string) {
	t.Helper()
	eventually(t, "the page shows "+words, func() error {
		// While the next page loads there is no body for a moment.
		text := ask[string](t, ctx, `document.body?.innerText ?? ""`)
		if !strings.Contains(text, words) {
			return fmt.Errorf("the page shows %.3000q", text)
		}
		return nil
	})
}

// TestPageInARealBrowser asks in Chromium on one device while an author answers on another. The
// answer arrives while something is being typed, and the page keeps working without the relay.
func TestPageInARealBrowser(t *testing.T) {
	ctx := browser(t)
	relay := newRelay(t).up()
	reader, author := newDevice(t), newDevice(t)
	week := reader.createWeek(relay.url())
	reader.run("identity", "name", "Tino")
	author.run("identity", "name", "Ilse Marrow")
	reader.run("sync")
	author.run("join", week.Invitation)
	author.run("sync")
	reader.run("event", "grant", author.run("identity", "show"), "author")
	_, url := reader.serve()
	author.serve()

	do(t, ctx, chromedp.Navigate(url), chromedp.WaitVisible(`#main`))
	shows(t, ctx, "The Patient Ledger")
	do(t, ctx, chromedp.Click(`main a[href*="/e/"]`), chromedp.WaitVisible(`#q`),
		chromedp.SendKeys(`#q`, "Is the bakery a *real* one? :bread:"),
		chromedp.Click(`#ask button.primary`), chromedp.WaitVisible(`article.question`))
	shows(t, ctx, "🍞")
	if html := ask[string](t, ctx, `document.querySelector('article.question .words').innerHTML`); !strings.Contains(html, "<em>real</em>") {
		t.Errorf("the Markdown came out as %s", html)
	}

	// The author's device receives the question, answers, and the answer arrives here while
	// something else is being typed.
	do(t, ctx, chromedp.SendKeys(`#q`, "I am still thinking about"))
	var question string
	eventually(t, "the question is on the author's device", func() error {
		l := author.list(week.Event)
		if len(l) != 1 {
			return fmt.Errorf("%d threads", len(l))
		}
		question = l[0].ID
		return nil
	})
	author.run("reply", question, "It is made of three real ones.")
	eventually(t, "the answer arrives, or is announced", func() error {
		text := ask[string](t, ctx, `document.body.innerText`)
		if strings.Contains(text, "It is made of three real ones.") {
			return nil
		}
		if ask[bool](t, ctx, `(() => { const a = document.querySelector('#news a, #news button'); if (!a) return false; a.click(); return true })()`) {
			return errors.New("announced and asked for")
		}
		return fmt.Errorf("the page shows %.2000q", text)
	})
	if typed := ask[string](t, ctx, `document.querySelector('#q').value`); typed != "I am still thinking about" {
		t.Errorf("what was being typed became %q", typed)
	}
	if n := ask[int](t, ctx, `document.querySelectorAll('.badge.author').length`); n != 1 {
		t.Errorf("%d badges of authors instead of 1", n)
	}

	// The relay stops: the page says so, and can still be read and posted to.
	relay.kill()
	do(t, ctx, chromedp.Reload(), chromedp.WaitVisible(`#q`))
	shows(t, ctx, "It is made of three real ones.")
	if typed := ask[string](t, ctx, `document.querySelector('#q').value`); typed != "I am still thinking about" {
		t.Errorf("the draft came back as %q", typed)
	}
	do(t, ctx, chromedp.SendKeys(`#q`, " the rye."), chromedp.Click(`#ask button.primary`))
	eventually(t, "the second question is here", func() error {
		if n := ask[int](t, ctx, `document.querySelectorAll('article.question').length`); n != 2 {
			return fmt.Errorf("%d questions", n)
		}
		return nil
	})
	shows(t, ctx, "only on this device")

	// The relay returns, and the page syncs without a click.
	relay.up()
	eventually(t, "the page says that everything is on the relay", func() error {
		if words := ask[string](t, ctx, `document.querySelector('#sync-summary').innerText`); !strings.Contains(words, "on the relay") {
			return errors.New(words)
		}
		return nil
	})
	same(t, week.Event, reader, author, count(3))
}

// TestReadmePictures takes the README's screenshots: the demo's week, on a telephone too, and the inbox of an author who
// has been invited. With FLYLEAF_UPDATE=1 it writes them to docs.
func TestReadmePictures(t *testing.T) {
	ctx := browser(t, chromedp.WindowSize(1280, 1700))
	organiser, author := newDevice(t), newDevice(t)
	demo := start(t, organiser.env(), "flyleaf", "demo", "--listen", "127.0.0.1:0", "--relay-listen", "127.0.0.1:0", "--no-open")
	do(t, ctx, chromedp.Navigate(demo.address()), chromedp.WaitVisible(`#main`))
	do(t, ctx, chromedp.Click(`main a[href*="/e/"]`), chromedp.WaitVisible(`article.question`))
	eventually(t, "the sample is on the relay", func() error {
		if words := ask[string](t, ctx, `document.querySelector('#sync-summary').innerText`); !strings.Contains(words, "on the relay") {
			return errors.New(words)
		}
		return nil
	})
	picture(t, ctx, "week", 1280, 1700, false)
	picture(t, ctx, "phone", 390, 844, true)

	organiser.dir = filepath.Join(organiser.dir, "demo", "device")
	author.run("join", decode[struct{ Invitation string }](organiser, "event", "invite", "--role", "author").Invitation)
	author.run("identity", "name", "Juno Vale")
	author.run("sync")
	_, address := author.serve()
	do(t, ctx, chromedp.Navigate(address), chromedp.WaitVisible(`#main`))
	do(t, ctx, chromedp.Click(`main a[href*="/e/"]`), chromedp.WaitVisible(`article.question`))
	do(t, ctx, chromedp.Click(`header a[href$="/inbox"]`), chromedp.WaitVisible(`#inbox`))
	picture(t, ctx, "inbox", 1280, 1100, false)
}

// picture takes a screenshot of a page for the README, of a size in CSS pixels.
func picture(t *testing.T, ctx context.Context, name string, width, height int64, dark bool) {
	t.Helper()
	if err := browsertest.Look(ctx, width, height, dark); err != nil {
		t.Fatal(err)
	}
	// Opened anew, so that no colour is on its way from light to dark.
	do(t, ctx, chromedp.Reload(), chromedp.WaitVisible(`#main`))
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	for x := 0; x < img.Bounds().Dx(); x += 7 {
		for y := 0; y < img.Bounds().Dy(); y += 7 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
		}
	}
	if len(colours) < 20 {
		t.Errorf("the picture %s has only %d colours; is it a page?", name, len(colours))
	}
	if os.Getenv("FLYLEAF_UPDATE") != "" {
		if err := os.WriteFile(filepath.Join(root(t), "docs", name+".png"), shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
