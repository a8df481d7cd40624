//go:build !js

package webui

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flyleaf/qa"
)

// A button under a post confirms what it did, and offers to undo it; so does a page of its own, without leaving out the
// rest of the page.
func TestBrowserUndoesWhatWasDone(t *testing.T) {
	b := openBrowserOn(t)
	b.node.giveReaderRole(b.event, qa.RoleOrganiser)
	b.size(1440, 900, false)
	b.enter(b.week())
	b.live()
	q := b.question(8)
	elem := `document.getElementById('p-` + string(q) + `')`
	answered := func() bool {
		week, err := b.node.Week(t.Context(), b.event)
		if err != nil {
			t.Fatal(err)
		}
		return week.Post(q).Marks.Answered
	}
	b.eval(elem + `.scrollIntoView()`)
	b.run(click(`#p-` + string(q) + ` button[name=answered]`))
	b.until("the confirmation", `document.querySelector('.toast')?.textContent.startsWith('Marked as answered.')`)
	b.checkState("toast-undo")
	b.until("the mark", elem+`.querySelector('[name=answered]').value === '0'`)
	if !answered() {
		t.Fatal("it is not marked")
	}
	b.run(click(".toast button"))
	b.until("that it is undone", `document.querySelector('.toast')?.textContent === 'Undone.' && `+elem+`.querySelector('[name=answered]').value === '1'`)
	if answered() {
		t.Error("it is still marked")
	}
	// A form that leads to another page.
	b.run(chromedp.Navigate(b.url(b.week()+"/p/"+string(q)+"/withdraw")), main(), click("main form .primary"))
	b.until("the offer", `document.querySelector('#undo')?.textContent.includes('Withdrawn.')`)
	b.run(click("#undo button"))
	b.until("that it is undone", `document.querySelector('#undo')?.textContent.trim() === 'Undone.' && !`+elem+`.classList.contains('removed')`)
}

// pasteInto pastes a text into a box as the clipboard of an editor or of a page would have it.
func (b *inBrowser) pasteInto(box, text, html string) {
	b.t.Helper()
	b.eval(`(() => {
		const box = document.querySelector(` + "`" + box + "`" + `), data = new DataTransfer();
		data.setData('text/plain', ` + "`" + text + "`" + `);
		if (` + "`" + html + "`" + `) data.setData('text/html', ` + "`" + html + "`" + `);
		box.focus();
		const handled = !box.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
		if (!handled) document.execCommand('insertText', false, data.getData('text/plain')); // what the browser does
	})()`)
}

// Code that is pasted is kept as it is, in a code block; other text can be made a quotation with one click or key.
func TestBrowserPastesCodeAndQuotations(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	box := func() string { return value[string](b, `document.querySelector('#q').value`) }
	clear := func(text string) {
		b.eval("(() => { const q = document.querySelector('#q'); q.value = `" + text + "`; q.setSelectionRange(99, 99) })()")
	}
	want := func(what, want string) {
		t.Helper()
		if got := box(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	fence := "```"
	const code = "func main() {\n\tif closed {\n\t\treturn\n\t}\n}"
	clear("Why does this end?")
	b.pasteInto("#q", code, "")
	want("code", "Why does this end?\n"+fence+"\n"+code+"\n"+fence+"\n")
	b.run(click(".toast button"))
	want("as text", "Why does this end?"+code)
	clear("")
	b.pasteInto("#q", "    if open:\n        close()", "")
	want("indented code", fence+"\n    if open:\n        close()\n"+fence+"\n")
	clear("")
	b.pasteInto("#q", "two words\nof a block", "<pre>two words\nof a block</pre>")
	want("from a code block", fence+"\ntwo words\nof a block\n"+fence+"\n")
	b.eval(`(() => { const q = document.querySelector('#q'); q.value = '~~~\n'; q.setSelectionRange(4, 4) })()`)
	b.pasteInto("#q", code, "")
	want("inside a block", "~~~\n"+code)

	const prose = "Nobody reads a ledger for pleasure.\nThat is its whole charm."
	clear("You write")
	b.pasteInto("#q", prose, "")
	want("prose", "You write"+prose)
	b.run(click(".toast button"))
	want("quoted", "You write\n\n> Nobody reads a ledger for pleasure.\n> That is its whole charm.\n\n")
	clear("One line.")
	b.eval(`document.querySelector('#q').dispatchEvent(new KeyboardEvent('keydown', { code: 'Period', key: '>', ctrlKey: true, shiftKey: true, bubbles: true, cancelable: true }))`)
	want("quoted by key", "> One line.\n\n")

	// What is pasted is a draft like what is typed, and what is posted keeps its indentation.
	clear("")
	b.pasteInto("#q", "    if open:\n        close()", "")
	b.until("the draft", `document.querySelector('#ask [data-saved]').textContent.startsWith('Draft saved ')`)
	b.run(click("#ask .primary"))
	b.until("the code", `[...document.querySelectorAll('#threads pre')].some(e => e.textContent.includes('    if open:\n        close()'))`)
	b.until("no draft", `document.querySelector('#ask [data-saved]').textContent === ''`)
}

// A draft says when it was saved, and that it is not while the program does not respond.
func TestBrowserDraftsSayWhenTheyWereSaved(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	at := func(ago time.Duration) string { return "Draft saved " + testNow.Add(ago).UTC().Format("15:04") }
	saved := `document.querySelector('#ask [data-saved]').textContent`
	const top = `document.querySelector('#ask .actions').getBoundingClientRect().top + scrollY`
	before := value[float64](b, top)
	b.run(keys("#q", "I was going to say"))
	b.until("when it was saved", saved+` === '`+at(0)+`'`)
	if after := value[float64](b, top); after != before {
		t.Errorf("the buttons moved from %v to %v", before, after)
	}
	b.setDead(true)
	b.run(keys("#q", " more"))
	b.until("that it is not saved", saved+`.startsWith('Kept in this browser')`)
	b.setDead(false)
	b.run(keys("#q", "!"))
	b.until("that it is saved again", saved+`.startsWith('Draft saved')`)
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.until("the draft and its time", `document.querySelector('#q').value.endsWith('more!') && `+saved+`.startsWith('Draft saved')`)
}

func TestBrowserLooksOfHistoryAndUndo(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	mine := string(b.node.sample[pMine])
	if _, err := b.node.Do(t.Context(), b.event, qa.Act{Kind: qa.ActEdit, Post: qa.PostID(mine), Text: "Is there a *kind* way to close a ledger, " + strings.Repeat("and reopen it, ", 8) + "later?"}); err != nil {
		t.Fatal(err)
	}
	b.node.deliver(b.event)
	relay := qa.RelayStatus{
		URL: sampleRelay, State: qa.RelayOffline, Why: "no route to host", SinceMillis: testNow.Add(-time.Hour).UnixMilli(),
		Tries: 4, LastTryMillis: testNow.Add(-time.Minute).UnixMilli(), NextTryMillis: testNow.Add(time.Minute).UnixMilli(),
	}
	b.node.editViews(b.event, func(w *shownWeek) { w.relay = &relay })
	forked := string(b.node.sample[pForked])
	for name, path := range map[string]string{
		"history": b.week() + "/p/" + mine, "history-forked": b.week() + "/p/" + forked, "edit-forked": b.week() + "/p/" + forked + "/edit?merge=1", "sync-offline": "/sync",
	} {
		b.checkLooks(name, func() { b.run(chromedp.Navigate(b.url(path)), main()) })
	}
	b.checkLooks("undo", func() {
		b.run(chromedp.Navigate(b.url(b.week()+"/p/"+mine+"/withdraw")), main(), click("main form .primary"))
		b.until("the confirmation", `!!document.querySelector('#undo')`)
	})
}
