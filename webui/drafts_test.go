package webui

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/node"
)

// TestDraftsOfTwoWindows: a page cannot replace words of a draft that it does not know, and posting from one
// window does not delete what the other has written since.
func TestDraftsOfTwoWindows(t *testing.T) {
	s := newSite(t, "")
	draft := func() string {
		t.Helper()
		all, err := s.node.Drafts(t.Context(), s.event)
		if err != nil {
			t.Fatal(err)
		}
		return all[askKey].Text
	}
	if err := s.node.SetDraft(t.Context(), s.event, askKey, node.Draft{}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		base, body string
		status     int
		want       string
	}{
		{"", "First words", http.StatusOK, "First words"},
		{"First words", "First words, corrected", http.StatusOK, "First words, corrected"},
		{"", "Other words", http.StatusConflict, "First words, corrected"},                                        // of a window that does not know the first
		{"", "First words, corrected\r\n\r\nOther words", http.StatusOK, "First words, corrected\n\nOther words"}, // it has them now
		{"First words, corrected\r\n\r\nOther words", "", http.StatusNoContent, ""},                               // deleted on purpose
		{"gone", "New words", http.StatusOK, "New words"},                                                         // nothing to lose
	} {
		w := s.send(s.week()+"/draft", "key", askKey, "base", step.base, "body", step.body)
		if w.Code != step.status || draft() != step.want {
			t.Fatalf("%q on %q: %d, and the draft is %q, want %d and %q", step.body, step.base, w.Code, draft(), step.status, step.want)
		}
		if w.Code == http.StatusConflict {
			mustContain(t, w.Body.String(), `"body":"First words, corrected"`)
		}
	}
	if w := s.send(s.week()+"/ask", "body", "Posted from the other window", "base", ""); w.Code != http.StatusSeeOther || draft() != "New words" {
		t.Errorf("%d, and the draft is %q", w.Code, draft())
	}
	if w := s.send(s.week()+"/ask", "body", "New words, corrected", "base", "New words"); w.Code != http.StatusSeeOther || draft() != "" {
		t.Errorf("%d, and the draft is %q", w.Code, draft())
	}
}

// TestBrowserSavingForLaterKeepsTheDraft: a question that is saved for later in one window keeps its words in the other.
func TestBrowserSavingForLaterKeepsTheDraft(t *testing.T) {
	b := openBrowserOn(t)
	many := manyQuestions(&site{t: t, node: b.node, event: b.event}, 2)
	open := b.week() + "/inbox?sort=age&open=" + string(many[0])
	b.enter("/")
	b.run(chromedp.Navigate(b.url(open)), main())
	b.live()
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	other := &inBrowser{t: t, ctx: ctx, srv: b.srv, node: b.node, event: b.event}
	other.run(chromedp.Navigate(b.url(open)), main())
	other.live()
	const words = `document.querySelector('.writing textarea').value`
	b.eval(`(() => { const box = document.querySelector('.writing textarea'); box.value = 'First thoughts'; box.dispatchEvent(new Event('input', { bubbles: true })) })()`)
	other.until("the words in the other window", words+` === 'First thoughts'`)
	other.eval(`(() => { globalThis.heard = 0; addEventListener('storage', e => { if (e.key === 'flyleaf test') heard++ }) })()`)
	b.eval(`document.querySelector('.writing button[name=later]').click()`)
	b.until("the next question to be open", `document.querySelector('.entry.here')?.dataset.post === '`+string(many[1])+`'`)
	b.eval(`localStorage['flyleaf test'] = 'the last event'`)
	other.until("all to be heard", `heard > 0`)
	if got := value[string](other, words); got != "First thoughts" {
		t.Errorf("the other window has %q", got)
	}
	if all, err := b.node.Drafts(t.Context(), b.event); err != nil || all[string(many[0])].Text != "First thoughts" {
		t.Errorf("the draft is %+v, %v", all, err)
	}
}

// TestBrowserTwoWindowsShareADraft: what is typed in one window appears in the other, so that nobody overwrites
// anything. Words that a window has not shown are added to its box, not replaced.
func TestBrowserTwoWindowsShareADraft(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.live()
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	other := &inBrowser{t: t, ctx: ctx, srv: b.srv, node: b.node, event: b.event}
	other.run(chromedp.Navigate(b.url(b.week())), main())
	other.live()
	typed := func(in *inBrowser, words string) {
		in.eval(`(() => { const q = document.getElementById('q'); q.value += ` + strconv.Quote(words) + `; q.dispatchEvent(new Event('input', { bubbles: true })) })()`)
	}
	shows := func(in *inBrowser, words string) {
		t.Helper()
		in.until("the words "+words, `document.getElementById('q').value === `+strconv.Quote(words))
	}
	typed(b, "From the first")
	shows(other, "From the first")
	typed(other, ", and the second")
	shows(b, "From the first, and the second")
	stored := func() string {
		all, err := b.node.Drafts(b.t.Context(), b.event)
		if err != nil {
			t.Fatal(err)
		}
		return all[askKey].Text
	}
	const saved = `!Object.keys(localStorage).some(key => key.startsWith('flyleaf '))`
	b.until("the draft is saved", saved)
	if text := stored(); text != "From the first, and the second" {
		t.Errorf("the draft is %q", text)
	}

	// A third program has written the draft, such as another browser.
	if err := b.node.SetDraft(t.Context(), b.event, askKey, node.Draft{Text: "From elsewhere"}); err != nil {
		t.Fatal(err)
	}
	typed(b, "!")
	shows(b, "From the first, and the second!\n\nFrom elsewhere")
	shows(other, "From the first, and the second!\n\nFrom elsewhere")
	b.until("a notice", `document.querySelector('.toast')?.innerText.includes('another window')`)
	b.checkState("toast-notice")
	b.until("both are saved", saved)
	if text := stored(); text != "From the first, and the second!\n\nFrom elsewhere" {
		t.Errorf("the draft is %q", text)
	}

	// What is posted in one window is gone from the box of the other.
	b.eval(`document.querySelector('#ask button.primary').click()`)
	b.until("the question", `document.querySelector('#threads').innerText.includes('From elsewhere')`)
	shows(b, "")
	shows(other, "")
	if text := stored(); text != "" {
		t.Errorf("the draft is %q", text)
	}
}
