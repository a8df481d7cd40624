package webui

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/style"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with testdata/name; -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it with: go test ./webui -run %s -update && git diff\n%s", path, t.Name(), firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			was := ""
			if i < len(w) {
				was = w[i]
			}
			return "got:  " + g[i] + "\nwant: " + was
		}
	}
	return "it is shorter"
}

func partial(t *testing.T, name string, data any) string {
	t.Helper()
	var b bytes.Buffer
	if err := newTemplates().of(partials).ExecuteTemplate(&b, name, data); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// TestStatesAreAsTheyWere compares every state of every part of a post with the golden file.
func TestStatesAreAsTheyWere(t *testing.T) {
	s := newSite(t, "")
	page := s.get(s.week())
	_, threads, _ := strings.Cut(page, `<div class="span threads" id="threads">`)
	threads, _, _ = strings.Cut(threads, "</main>")
	var b strings.Builder
	b.WriteString(threads)
	for _, state := range []string{stateDraft, stateDevice, stateRelay, stateSeen, stateAnswered, stateRefused} {
		b.WriteString(partial(t, "delivery", delivery{State: state, Words: deliveryWords[state]}) + "\n")
	}
	// The week and its posts have other IDs on every run.
	names := []string{string(s.event), "EVENT", s.version(0), "VERSION-0", s.version(1), "VERSION-1"}
	for i := range s.node.sample {
		names = append(names, s.id(i), fmt.Sprintf("POST-%d", i))
	}
	golden(t, "states.html", []byte(strings.NewReplacer(names...).Replace(b.String())))
}

// What the parts are made of must be what was drawn: same elements, same classes. The words
// have changed since.
func TestStatesAreAsDrawn(t *testing.T) {
	for _, at := range []string{"../../shared", "../shared"} {
		drawn, err := os.ReadFile(filepath.Join(at, "design", "mock", "components.html"))
		if err != nil {
			continue
		}
		compareWithDrawn(t, string(drawn))
		return
	}
	t.Skip("SKIPPED: the drawn components (shared/design/mock/components.html) are not beside this checkout")
}

func compareWithDrawn(t *testing.T, drawn string) {
	t.Helper()
	track := partial(t, "track", nil)
	if !strings.Contains(drawn, track) {
		t.Errorf("the track is drawn otherwise: %s", track)
	}
	badge := partial(t, "badge", nil)
	if !strings.Contains(drawn, badge) {
		t.Errorf("the badge is drawn otherwise: %s", badge)
	}
	states := regexp.MustCompile(`class="delivery" data-state="([a-z]+)">(?:<summary>)?`+regexp.QuoteMeta(track)+`<span>([^<]*)</span>`).FindAllStringSubmatch(drawn, -1)
	if len(states) < 6 {
		t.Fatalf("only %d drawn states were found", len(states))
	}
	for _, m := range states {
		if _, known := deliveryWords[m[1]]; !known {
			t.Errorf("no words for the state %s, which is drawn with %q", m[1], m[2])
		}
		html := partial(t, "delivery", delivery{State: m[1], Words: m[2]})
		if html != `<p class="delivery" data-state="`+m[1]+`">`+track+`<span>`+m[2]+`</span></p>` {
			t.Errorf("state %s is written %s", m[1], html)
		}
	}
	for _, has := range []string{`<b>14</b> <span>me too</span></button>`, `aria-pressed="true"><b>23</b> <span>you too</span></button>`, "Keep the first</button>", "Keep the second</button>", "Write one from both", `<p class="forked">`, `<div class="versions beside">`, `<div class="version"><header>`, "took this question back</i>", "<i>is hidden</i>"} {
		if !strings.Contains(drawn, has) {
			t.Errorf("the drawing has changed: no %s", has)
		}
	}
}

// TestStatesKeepTheirPlace: the words of every state fit on one line, so that a change of state
// does not move the page.
func TestStatesKeepTheirPlace(t *testing.T) {
	for state, words := range deliveryWords {
		if n := utf8.RuneCountInString(words); n > 26 {
			t.Errorf("%s: %d characters", state, n)
		}
	}
	for _, relay := range []qa.RelayStatus{{}, {State: qa.RelayNone}, {State: qa.RelayOffline, Why: "why"}, {State: qa.RelaySynced}} {
		for i := range 64 {
			var at qa.Delivery
			for k, kind := range []qa.DeliveryFactKind{qa.OtherDeviceHas, qa.RelayHas, qa.AuthorHas, qa.AnswerShown} {
				if i&(1<<k) != 0 {
					at = at.After(qa.DeliveryFact{Kind: kind})
				}
			}
			for _, author := range []string{"", "Ilse", "Wilhelmina-Alexandrina"} {
				d := deliveryOf(at, i&16 != 0, i&32 != 0, relay, "Mon", author)
				if n := utf8.RuneCountInString(d.Words); n == 0 || n > maxStateWords {
					t.Errorf("%q: %d characters", d.Words, n)
				}
				if here := at.State() == qa.OnThisDevice || at.State() == qa.OnOwnDevices; here != (d.State == stateDevice) {
					t.Errorf("%s says %q", at.State(), d.State)
				}
			}
		}
	}
}

// classOf finds the classes in what a page is made of.
var classOf = regexp.MustCompile(` class="([^"]*)"`)

// TestEveryClassIsStyled: every class on a page has a style.
func TestEveryClassIsStyled(t *testing.T) {
	css, js := sheets(), scripts()
	s := newSite(t, "")
	s.sent(s.week()+"/ask", "body", "x", "draft", "1")
	pages := ""
	for _, path := range []string{"/", "/you", "/sync", s.week(), s.week() + "/p/" + s.id(pForked), s.week() + "/p/" + s.id(pMine) + "/edit", s.week() + "/p/" + s.id(pMine) + "/withdraw"} {
		pages += s.get(path)
	}
	for _, m := range classOf.FindAllStringSubmatch(pages, -1) {
		for _, class := range strings.Fields(m[1]) {
			if strings.HasPrefix(class, "language-") || class == "cover-1" { // the look of a book that no style changes
				continue
			}
			if !strings.Contains(css, "."+class) && !strings.Contains(js, "."+class) {
				t.Errorf("class %q has no style", class)
			}
		}
	}
	// The style sheets fetch nothing.
	for _, bad := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(css, bad) {
			t.Errorf("the style sheets have %s", bad)
		}
	}
}

// TestEveryStyleIsUsed: a template or a script names every class that has a style.
func TestEveryStyleIsUsed(t *testing.T) {
	var used strings.Builder
	used.WriteString(scripts())
	err := fs.WalkDir(files, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		used.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Classes that handlers write.
	for _, class := range []string{"question", "answer", "reply", "removed", "today", "done", "choosing"} {
		used.WriteString(" " + class + " ")
	}
	comment := regexp.MustCompile(`(?s)/\*.*?\*/`)
	css := comment.ReplaceAllString(string(staticFiles[pagesSheet]), "")
	for _, m := range regexp.MustCompile(`\.([a-z][a-z0-9-]*)`).FindAllStringSubmatch(css, -1) {
		if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(used.String()) {
			t.Errorf("no template and no script has the class %q", m[1])
		}
	}
}

func sheets() string { return string(staticFiles[style.Name]) + string(staticFiles[pagesSheet]) }

func scripts() string {
	var all strings.Builder
	for name, b := range staticFiles {
		if strings.HasSuffix(name, ".js") {
			all.Write(b)
		}
	}
	return all.String()
}
