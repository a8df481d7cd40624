package e2e

import (
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// writeNoise writes a picture of more than a megabyte, as cameras make them.
func writeNoise(t *testing.T, path string) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 600, 900))
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	f, err := os.Create(path)
	if err == nil {
		err = png.Encode(f, img)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWeekInTheTab: an organiser, an author and a reader run a whole week, from setting it up
// to the winners' addresses, each with nothing but a browser.
func TestWeekInTheTab(t *testing.T) {
	relay := newRelay(t).upWithWeb()
	line := newWire(t, relay.addr)
	site := "http://" + line.Addr().String()
	organiser := newTab(t, site)

	organiser.open("/")
	organiser.sees("Get started")
	if got, want := organiser.value("#n-relay"), "ws://"+line.Addr().String(); got != want {
		t.Errorf("the relay of a new week is %q, want %q", got, want)
	}
	organiser.fill("#n-title", "The Patient Ledger")
	organiser.fill("#n-by", "Ilse Marrow")
	organiser.fill("#n-copies", "1")
	organiser.press("#new button.primary")
	organiser.sees("The week is set up.")
	picture := filepath.Join(t.TempDir(), "cover.png")
	writeNoise(t, picture)
	do(t, organiser.ctx, chromedp.SetUploadFiles("#s-cover", []string{picture}))
	organiser.press("form.section button.primary")
	organiser.holds("the cover is drawn", `document.querySelector("img.cover")?.naturalWidth > 0`)
	organiser.finds("#q")
	week := ask[string](t, organiser.ctx, `location.pathname`)
	link := organiser.value("#invitation")
	if !strings.HasPrefix(link, site+"/join/") {
		t.Errorf("the invitation is %q", link)
	}
	organiser.holds("the QR code is drawn", `(() => { const i = document.querySelector(".invite img"); i.loading = "eager"; return i.complete && i.naturalWidth > 0 })()`)
	organiser.open("/you")
	organiser.fill("#name", "Orla")
	organiser.press("form.section button.primary")

	organiser.open(week + "/people")
	organiser.fill("#i-label", "Ilse")
	organiser.press(`form[action$="/invite"] button.primary`)
	organiser.sees("Invitation for Ilse created")
	role := organiser.value("#fresh")
	_, secret, ok := strings.Cut(role, "#")
	if !ok || !strings.HasPrefix(role, site+"/join/") {
		t.Fatalf("the invitation to a role is %q", role)
	}

	author, reader := organiser.otherProfile(), organiser.otherProfile()
	reader.open(link)
	reader.finds("#q")
	reader.sees("The Patient Ledger")
	reader.open("/you")
	reader.fill("#name", "Rosa")
	reader.press("form.section button.primary")
	author.open(role)
	author.finds("#q")
	if at := ask[string](t, author.ctx, `location.href`); strings.Contains(at, secret) {
		t.Errorf("the secret stays in the address %q", at)
	}
	author.finds(`nav a[href$="/inbox"]`) // the organiser's tab has granted it by itself
	if line.sees(secret) {
		t.Error("the secret of the invitation was sent to the server")
	}
	author.open("/you")
	author.fill("#name", "Ilse Marrow")
	author.press("form.section button.primary")

	t.Run("the address of a page, in a browser without the app", func(t *testing.T) {
		guest := organiser.with(t).otherProfile()
		guest.open(week + "/people")
		guest.sees("Orla")
		guest.finds("#roles")
	})

	t.Run("answer from the inbox", func(t *testing.T) {
		author, reader := author.with(t), reader.with(t)
		reader.open(week)
		reader.fill("#q", "May nothing ever be changed?")
		reader.click("#ask button.primary")
		reader.finds("article.question")
		author.open(week + "/inbox")
		author.sees("May nothing ever be changed?")
		author.fill("#inbox textarea[name=body]", "Everything may, if it shows.")
		author.click(`#inbox form[action$="/answer"] button.primary`)
		author.holds("the inbox is empty", `!document.body.innerText.includes("May nothing ever be changed?")`)
		reader.isTold("Everything may, if it shows.")
		reader.finds(".badge.author")
	})

	t.Run("moderate", func(t *testing.T) {
		organiser, reader := organiser.with(t), reader.with(t)
		reader.fill("#q", "Buy my lamps!")
		reader.click("#ask button.primary")
		reader.sees("Buy my lamps!")
		organiser.open(week)
		const find = `[...document.querySelectorAll("article.question")].find(e => e.innerText.includes("Buy my lamps!"))`
		organiser.isTold("Buy my lamps!")
		post := ask[string](t, organiser.ctx, find+`.dataset.post`)
		organiser.open(week + "/p/" + post + "/moderate")
		organiser.fill("#reason", "an advertisement")
		organiser.press(`button[name=hidden]`)
		reader.isTold("an advertisement")
		organiser.open(week + "/log")
		organiser.sees("an advertisement")
	})

	t.Run("choose, draw and claim", func(t *testing.T) {
		organiser, author, reader := organiser.with(t), author.with(t), reader.with(t)
		author.open(week + "/winners")
		author.finds(`input[name=candidate]`)
		ask[bool](t, author.ctx, `(document.querySelector("input[name=candidate]").checked = true)`)
		author.press(`form[action$="/choose"] button.primary`)
		author.press(`button[value=commit]`)
		organiser.open(week + "/winners")
		organiser.press(`button[value=commit]`)
		both := `document.querySelectorAll(".draw dd.hash").length >= 3`
		author.holds("both secrets are known to the author", `(fetch(location.href).then(r => r.text()).then(t => { globalThis.there = (t.match(/commitment/g) ?? []).length >= 2 }), globalThis.there || `+both+`)`)
		organiser.holds("and to the organiser", `(fetch(location.href).then(r => r.text()).then(t => { globalThis.there = (t.match(/commitment/g) ?? []).length >= 2 }), globalThis.there || `+both+`)`)
		organiser.press(`form[action$="/switch"] button`)
		for _, p := range []tab{author, organiser} {
			eventually(t, "the secret can be revealed", func() error {
				p.open(week + "/winners")
				if there, err := try[bool](p, `Boolean(document.querySelector("button[value=open]"))`); err != nil || !there {
					return fmt.Errorf("%w: %v", errNotYet, err)
				}
				return nil
			})
			p.press(`button[value=open]`)
		}
		eventually(t, "the reader has won", func() error {
			reader.open(week + "/winners")
			text, err := try[string](reader, `document.body.innerText`)
			if err != nil || !strings.Contains(text, "You won a copy") {
				return fmt.Errorf("%v %.1500q", err, text)
			}
			return nil
		})
		reader.fill("#contact", "Rosa, Long Street 1")
		reader.press("#claim button.primary")
		eventually(t, "the organiser reads the address", func() error {
			organiser.open(week + "/winners")
			text, err := try[string](organiser, `document.body.innerText`)
			if err != nil || !strings.Contains(text, "Rosa, Long Street 1") {
				return fmt.Errorf("%v %.1500q", err, text)
			}
			return nil
		})
	})
}
