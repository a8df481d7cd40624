//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserLooksOfHebrew: a week in a language that is written from right to left.
func TestBrowserLooksOfHebrew(t *testing.T) {
	n, event := hebrewSample(t)
	b := openBrowserOf(t, n, event)
	b.enter("/")
	for name, path := range map[string]string{"week": b.week(), "inbox": b.week() + "/inbox", "library": "/"} {
		b.checkLooks("hebrew-"+name, func() { b.run(chromedp.Navigate(b.url(path)), main()) })
	}
	b.run(chromedp.Navigate(b.url(b.week())), main())
	answer := `document.getElementById('p-` + string(b.question(pAnswer)) + `')`
	got := value[[]string](b, `[...`+answer+`.querySelectorAll('.words, .words code')].map(e => getComputedStyle(e).direction)`)
	if len(got) != 3 || got[0] != "rtl" || got[1] != "ltr" || got[2] != "ltr" {
		t.Errorf("the words and the code of an answer are written %v", got)
	}
}
