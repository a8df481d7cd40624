//go:build !js

package webui

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/qa"
)

// TestBrowserInboxIsLive: while questions arrive, the inbox asks for what has changed, not for itself, and not once
// for each of them. A question that another author takes says so where it stands, and nothing moves. After an
// answer the next question is open without another page being loaded.
func TestBrowserInboxIsLive(t *testing.T) {
	b := openBrowserOn(t)
	s := &site{t: t, node: b.node, event: b.event}
	many := manyQuestions(s, entriesOnPage+5)
	b.enter(b.week() + "/inbox?sort=age&open=" + string(many[0]))
	b.live()
	b.run(keys(".writing textarea", "Half an answer"))
	b.eval(`window.mark = 7`)
	top := value[float64](b, `document.activeElement.getBoundingClientRect().top`)

	entry := func(id qa.PostID) string { return `document.getElementById('` + postElem(id) + `')` }
	b.node.doAs(teodor, b.event, qa.Act{Kind: qa.ActMark, Post: many[3], Mark: "assigned", On: true})
	b.until("the entry to say who took it", entry(many[3])+`.querySelector('.foot').textContent.includes('Taken by Teodor')`)
	b.until("the bar to say so", `document.getElementById('news').textContent.includes('1 answered or taken')`)
	b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActReact, Post: many[4], Emoji: qa.WantEmoji, On: true})
	b.until("the vote to be counted", entry(many[4])+`.querySelector('.want b').textContent === '1'`)

	const fresh = 25
	b.eval(`performance.clearResourceTimings()`)
	for i := range fresh {
		b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActPost, AtMillis: testNow.UnixMilli(), Text: fmt.Sprint("Fresh question ", i)})
	}
	b.until("all to be counted", fmt.Sprintf(`document.getElementById('news').textContent.startsWith('%d new')`, fresh))
	type requests struct{ Pages, Changes, Largest int }
	got := value[requests](b, `(() => {
		const all = performance.getEntriesByType('resource').filter(r => new URL(r.name).pathname.includes('/inbox')), changes = all.filter(r => new URL(r.name).pathname.endsWith('/changes'));
		return { Pages: all.length - changes.length, Changes: changes.length, Largest: Math.max(...changes.map(r => r.decodedBodySize)) };
	})()`)
	if got.Pages != 0 || got.Changes == 0 || got.Changes >= fresh || got.Largest > 5000 {
		t.Errorf("%+v", got)
	}
	type state struct {
		Text  string
		Top   float64
		Count int
	}
	look := `({Text: document.querySelector('.writing textarea').value, Top: document.querySelector('.writing textarea').getBoundingClientRect().top, Count: document.querySelectorAll('.entry').length})`
	if now := value[state](b, look); now != (state{"Half an answer", top, entriesOnPage}) {
		t.Errorf("while typing: %+v, top was %v", now, top)
	}

	b.run(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(2))) // Ctrl
	b.until("the next question to be open", entry(many[1])+`?.matches('.here') && document.activeElement === `+entry(many[1]))
	if value[int](b, `window.mark`) != 7 || value[string](b, `document.querySelector('.writing textarea').value`) != "" {
		t.Error("the page was loaded again, or the answer is still in the box")
	}
	if got := (&site{t: t, node: b.node}).lastAct(qa.ActPost); got.Text != "Half an answer" || got.Parent != many[0] {
		t.Errorf("%+v", got)
	}
	// The keys go on to the next page, and back.
	last := value[string](b, `[...document.querySelectorAll('.entry')].at(-1).querySelector('.excerpt a').href`)
	b.run(chromedp.Navigate(last), main())
	b.run(shortcut('j'))
	b.until("the second page", `location.search.includes('page=2') && document.querySelector('.entry.here')`)
	b.run(shortcut('k'))
	b.until("the first page", `!location.search.includes('page=') && document.querySelectorAll('.entry').length === `+fmt.Sprint(entriesOnPage))
	b.checkNoForeignRequests()
}

// TestBrowserSnooze: a question is saved for later by keys, and the open page says that it is back at its time.
func TestBrowserSnooze(t *testing.T) {
	b := openBrowserOn(t)
	s := &site{t: t, node: b.node, event: b.event}
	many := manyQuestions(s, 3)
	b.enter(b.week() + "/inbox?sort=age&open=" + string(many[0]))
	b.live()
	b.run(shortcut('z'))
	b.until("the choice of times to have the focus", `document.activeElement.name === 'until'`)
	b.run(chromedp.KeyEvent("for an hour"))
	b.eval(`document.activeElement.blur()`)
	b.run(shortcut('l'))
	b.until("the next question to be open", `document.querySelector('.entry.here')?.dataset.post === '`+string(many[1])+`' && document.querySelector('#later')?.parentElement.textContent.includes('back Wed 11:27')`)
	b.run(keys(".writing textarea", "Meanwhile"))
	b.pass(time.Hour)
	b.until("the page to say that it is back", `document.getElementById('news').textContent.startsWith('1 new')`)
	if got := value[string](b, `document.querySelector('.writing textarea').value`); got != "Meanwhile" {
		t.Errorf("the box holds %q", got)
	}
	b.run(click("#news a"))
	b.until("it to be first", `document.readyState === 'complete' && document.querySelectorAll('.entry')[0]?.dataset.post === '`+string(many[0])+`' && document.querySelector('.entry .foot').textContent.includes('Back in the inbox since')`)
}
