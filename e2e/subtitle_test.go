package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSubtitleTravels: a subtitle set on one device appears on another, in its log, on the
// published page, and in an export that is imported again.
func TestSubtitleTravels(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, reader := newDevice(t), newDevice(t)
	week := decode[made](organiser, "event", "new", "--title", "Small Weather", "--subtitle", "On clouds", "--by", "Aino Berglund", "--relay", relay.url())
	reader.run("join", week.Invitation)
	reads := func(subtitle string) {
		t.Helper()
		organiser.run("sync")
		eventually(t, subtitle, func() error {
			reader.run("sync")
			for _, e := range decode[[]struct{ Event, Subtitle string }](reader, "event", "list") {
				if e.Event == week.Event && e.Subtitle == subtitle {
					return nil
				}
			}
			return fmt.Errorf("%q is missing", subtitle)
		})
	}
	reads("On clouds")
	organiser.run("event", "set", "--subtitle", "On clouds and fog")
	reads("On clouds and fog")
	if list := reader.run("event", "list"); !strings.Contains(list, "Small Weather: On clouds and fog, by Aino Berglund") {
		t.Errorf("%s", list)
	}
	if log := reader.run("event", "log"); !strings.Contains(log, `changed the subtitle to "On clouds and fog"`) {
		t.Errorf("%s", log)
	}
	reader.run("ask", "Why fog?")
	for _, format := range []string{"jekyll", "json"} {
		if out := reader.run("export", "--format", format); !strings.Contains(out, "On clouds and fog") {
			t.Errorf("%s: %s", format, out)
		}
	}
	file := filepath.Join(t.TempDir(), "week.json")
	reader.run("export", "--format", "json", "-o", file)
	importer := newDevice(t)
	importer.run("import", file)
	if list := importer.run("event", "list"); !strings.Contains(list, "Small Weather: On clouds and fog") {
		t.Errorf("%s", list)
	}
	site := filepath.Join(t.TempDir(), "site")
	reader.run("publish", "-o", site)
	pages, _ := filepath.Glob(filepath.Join(site, "books", "*.html"))
	found := false
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(b), `<p class="subtitle" dir="auto">On clouds and fog</p>`)
	}
	if !found {
		t.Errorf("none of %d pages has the subtitle", len(pages))
	}
}
