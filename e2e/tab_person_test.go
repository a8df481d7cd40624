package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPersonInTheTab: one person on the desktop and in browsers, and what is said about what a
// browser keeps.
func TestPersonInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	line := newWire(t, relay.addr)
	site := "http://" + line.Addr().String()
	desktop := newDevice(t)
	desktop.run("identity", "name", "Tino")
	week := desktop.createWeek("ws://" + line.Addr().String())
	desktop.run("ask", "Shall we begin?")
	desktop.run("sync")
	me := desktop.run("identity", "show")
	words := strings.Join(strings.Fields(desktop.run("identity", "export")), " ")
	identityOf := func(p tab) string {
		p.t.Helper()
		p.open("/you")
		p.finds("#key")
		return ask[string](p.t, p.ctx, `document.querySelectorAll("dd.hash")[1].textContent`)
	}
	first := newTab(t, site)
	first.open("/")
	first.sees("Get started")

	t.Run("a link from the desktop", func(t *testing.T) {
		p := first.with(t).otherProfile()
		link := desktop.run("identity", "export", "--web", site)
		p.open(link)
		p.finds("#i-text")
		p.holds("the secret is out of the address", `!location.hash`)
		p.press("#identity button.primary")
		p.sees("This browser now uses your identity")
		if got := identityOf(p); got != me {
			t.Errorf("the browser is %s, the desktop %s", got, me)
		}
		p.open("/join/" + week.Event)
		p.finds("#q")
		p.sees("You asked")
		endWorkers(t, p.ctx)
		if got := identityOf(p); got != me {
			t.Errorf("started again the browser is %s", got)
		}
		if line.sees("identity=") || line.sees(strings.Join(strings.Fields(words)[:3], "-")) {
			t.Error("the identity was sent to the server")
		}
	})

	t.Run("the words, in a browser that somebody has used", func(t *testing.T) {
		p := first.with(t).otherProfile()
		p.open("/join/" + week.Event)
		p.finds("#q")
		p.holds("the recovery phrase is not offered before anything is written", `!document.getElementById("keep")`)
		p.open("/storage")
		p.sees("This browser may delete it.")
		p.sees("In a private window")
		if text := ask[string](t, p.ctx, `document.querySelector("main").innerText`); strings.Contains(text, "recovery phrase") || strings.Contains(strings.ToLower(text), "safe") && !strings.Contains(text, "Safari") {
			t.Errorf("before the first question the page about storage says %s", text)
		}
		p.open("/e/" + week.Event)
		p.fill("#q", "And where?")
		p.click("#ask button.primary")
		p.finds("#keep")
		p.holds("the offer is in view, below the question", `(() => {
			const offer = document.getElementById("keep"), box = offer.getBoundingClientRect();
			return box.top >= 0 && box.bottom <= innerHeight && offer.previousElementSibling.innerText.includes("And where?");
		})()`)
		p.open("/storage")
		p.sees("Everything you posted is also on a relay.")
		p.sees("recovery phrase (24 words)")

		line.setCut(true)
		p.open("/e/" + week.Event)
		p.finds("#keep")
		p.press(`#keep button.plain`) // not now
		p.holds("the offer is gone", `document.readyState === "complete" && document.querySelector("#q") && !document.getElementById("keep")`)
		p.fill("#q", "And when?")
		p.click("#ask button.primary")
		p.sees("And when?")
		p.open("/storage")
		p.sees("that no relay has")
		line.setCut(false)

		p.open("/you/identity")
		p.fill("#i-text", words)
		p.press("#identity button.primary")
		p.sees("already written in this browser under another identity")
		p.finds("#i-replace")
		ask[bool](t, p.ctx, `(document.querySelector("#i-replace").checked = true)`)
		p.press("#identity button.primary")
		p.sees("This browser now uses your identity")
		if got := identityOf(p); got != me {
			t.Errorf("the browser is %s, the desktop %s", got, me)
		}
		p.open("/you/identity")
		p.fill("#i-text", strings.Replace(words, " ", " x", 1))
		p.press("#identity button.primary")
		p.sees("Nothing was changed.")
	})

	t.Run("a key file under a passphrase", func(t *testing.T) {
		p := first.with(t).otherProfile()
		dir := t.TempDir()
		file, passphrase := filepath.Join(dir, "me.key"), filepath.Join(dir, "passphrase")
		if err := os.WriteFile(passphrase, []byte("lamp oil\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		desktop.run("identity", "export", "-o", file, "--passphrase", "--passphrase-file", passphrase)
		p.open("/you")
		p.finds("#key")
		p.open("/you/identity")
		p.fill("#i-pass", "lamp oil")
		do(t, p.ctx, chromedp.SetUploadFiles("#i-key", []string{file}))
		p.press("#identity button.primary")
		p.sees("This browser now uses your identity")
		if got := identityOf(p); got != me {
			t.Errorf("the browser is %s, the desktop %s", got, me)
		}
	})

	t.Run("from the browser to the desktop", func(t *testing.T) {
		p := first.with(t)
		id := identityOf(p)
		p.press(`form[action="/you/phrase"] button`)
		p.finds(".phrase li")
		shown := ask[string](t, p.ctx, `[...document.querySelectorAll(".phrase li")].map(e => e.textContent).join(" ")`)
		p.holds("the QR code is drawn", `document.querySelector(".qr svg path")`)
		if link := p.value("#identity-link"); link != site+"/#identity="+strings.ReplaceAll(shown, " ", "-") {
			t.Errorf("the link is %s", link)
		}
		file := filepath.Join(t.TempDir(), "words.txt")
		if err := os.WriteFile(file, []byte(shown+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		other := newDevice(t)
		other.run("identity", "import", file)
		if got := other.run("identity", "show"); got != id || id == me {
			t.Errorf("the desktop is %s, the browser %s", got, id)
		}
	})
}
