//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserGoTo: Ctrl+K, words and Enter lead to a page, from a text field too, and lose nothing of what was typed there; on
// every page ? shows its shortcuts.
func TestBrowserGoTo(t *testing.T) {
	b := openBrowserOn(t)
	b.size(1280, 900, false)
	b.enter(b.week())
	ctrlK := chromedp.KeyEvent("k", chromedp.KeyModifiers(2))
	const chosen = `(document.querySelector('#goto [aria-selected=true]')?.textContent ?? '')`
	b.run(chromedp.SendKeys("#q", "Half a question"), ctrlK)
	b.until("the list", `document.getElementById('goto').open && document.activeElement.closest('#goto') && `+chosen+` !== ''`)
	b.run(chromedp.KeyEvent("mod"))
	b.until("what fits", chosen+` === 'Moderation log' && document.querySelectorAll('#goto [role=option]').length === 2`)
	b.checkState("goto")
	b.run(chromedp.KeyEvent(kb.ArrowDown))
	b.until("the next", chosen+`.startsWith('Search all posts')`)
	b.run(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	b.until("the page", `location.pathname.endsWith('/log') && document.readyState === 'complete'`)
	b.run(shortcut('?'))
	b.until("its shortcuts", `document.getElementById('keys').open && !document.getElementById('keys').textContent.includes('new post')`)
	b.checkState("keys")
	b.run(chromedp.KeyEvent(kb.Escape), ctrlK)
	b.until("the list", chosen+` !== ''`)
	b.run(chromedp.KeyEvent("dark"))
	b.until("the command", chosen+` === 'Dark theme'`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.until("the theme", `document.documentElement.dataset.theme === 'dark' && location.pathname === '`+b.week()+`' && document.readyState === 'complete'`)
	if text := value[string](b, `document.getElementById('q').value`); text != "Half a question" {
		t.Errorf("the text in the box is %q", text)
	}
	b.run(shortcut('?'))
	b.until("its shortcuts", `document.getElementById('keys').open && document.getElementById('keys').textContent.includes('new post')`)
	b.run(chromedp.KeyEvent(kb.Escape))
	b.until("the list of shortcuts is closed", `!document.getElementById('keys').open`)
	b.run(shortcut('/'))
	b.until("the search of the week", `document.activeElement.id === 'find'`)
	b.run(chromedp.Navigate(b.url("/you")), main())
	b.live()
	b.run(shortcut('/'))
	b.until("the search", `location.pathname === '/search'`)
	b.checkNoForeignRequests()
}
