package webui

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/qa"
)

// TestBrowserMentionsAndCode: @ offers people of the week, by keyboard; who is chosen is in the draft and in the post. Code has a
// button that copies it, also in a post that arrives while the page is open.
func TestBrowserMentionsAndCode(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	const offered = `[...document.querySelectorAll('#mentions [role=option]')].map(e => e.textContent + (e.ariaSelected === 'true' ? ' *' : '')).join('; ')`
	b.run(chromedp.SendKeys("#q", "Thank you, @"))
	b.until("the people", `document.querySelectorAll('#mentions [role=option]').length === 5`)
	b.checkState("mentions")
	b.run(chromedp.SendKeys("#q", "ma"))
	b.until("those whose names begin so", offered+` === 'Ilse Marrow, author *; Maren Holt'`)
	b.run(chromedp.KeyEvent(kb.ArrowDown))
	b.until("the next is chosen", offered+` === 'Ilse Marrow, author; Maren Holt *' && document.getElementById('q').getAttribute('aria-activedescendant') === 'mention-1'`)
	b.shot("mentions")
	b.run(chromedp.KeyEvent(kb.Tab))
	b.until("the list is closed", `!document.getElementById('mentions') && document.activeElement.id === 'q'`)
	if text := value[string](b, `document.getElementById('q').value`); !strings.HasPrefix(text, "Thank you, [@Maren Holt](person:") || !strings.HasSuffix(text, ") ") {
		t.Errorf("%q", text)
	}
	b.run(chromedp.SendKeys("#q", "and mail me@ex or @il"))
	b.until("another", offered+` === 'Ilse Marrow, author *'`)
	b.run(chromedp.KeyEvent(kb.Escape))
	b.until("Escape closes it", `!document.getElementById('mentions')`)

	// The answer to the second letter comes after the arrow key.
	b.eval(`window.held = [], window.realFetch = fetch, window.fetch = async (...args) => { const r = await realFetch(...args); if (String(args[0]).endsWith('q=ma')) await new Promise(go => held.push(go)); return r }`)
	b.run(chromedp.SendKeys("#q", " @m"))
	b.until("the people for one letter", offered+` === 'Ilse Marrow, author *; Maren Holt'`)
	b.run(chromedp.SendKeys("#q", "a"), chromedp.KeyEvent(kb.ArrowDown))
	b.until("the next is chosen", offered+` === 'Ilse Marrow, author; Maren Holt *' && held.length === 1`)
	b.eval(`document.getElementById('mentions').dataset.old = '', held[0]()`)
	b.until("the answer has come", `!!document.getElementById('mentions') && !('old' in document.getElementById('mentions').dataset)`)
	if now := value[string](b, offered); now != "Ilse Marrow, author; Maren Holt *" {
		t.Errorf("after the answer: %s", now)
	}
	b.run(chromedp.SendKeys("#q", "r"))
	b.until("a third letter that both have", offered+` === 'Ilse Marrow, author; Maren Holt *'`)
	b.run(chromedp.KeyEvent(kb.Escape))
	b.eval(`window.fetch = realFetch`)

	b.until("a button below code", `document.querySelectorAll('.post .words pre + .copy-code').length === document.querySelectorAll('.post .words pre').length`)
	b.eval(`window.copied = '', navigator.clipboard.writeText = async text => { window.copied = text }`)
	b.eval(`document.querySelector('.copy-code').click()`)
	b.until("the code is copied", `copied.startsWith('02 Nov  fee') && copied === document.querySelector('.words pre').textContent`)
	post := b.node.addPost(b.event, qa.Post{By: obi, Parent: b.question(pQuestion)}, "```go\nreturn \"a\" // why\n```")
	b.until("the news", `!!document.querySelector('#news a')`)
	b.checkState("news")
	b.eval(`document.querySelector('#news a').click()`)
	b.until("the new post with its button", `!!document.querySelector('#p-`+string(post)+` pre + .copy-code') && !!document.querySelector('#p-`+string(post)+` .hl-keyword')`)
	b.checkNoForeignRequests()
}
