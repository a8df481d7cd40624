package e2e

import (
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type imported struct {
	Event     string `json:"event"`
	Questions int    `json:"questions"`
	Replies   int    `json:"replies"`
	Known     int    `json:"known"`
	Skipped   []struct {
		Line   int    `json:"line"`
		Reason string `json:"reason"`
	} `json:"skipped"`
}

// message is a post in the archive of a Jekyll page.
type message struct {
	Name    string    `yaml:"name"`
	Text    string    `yaml:"text"`
	Replies []message `yaml:"replies"`
}

func archiveOf(t *testing.T, page []byte) []message {
	t.Helper()
	var front struct {
		Archive []message `yaml:"archive"`
	}
	parts := strings.SplitN(string(page), "\n---", 2)
	if err := yaml.Unmarshal([]byte(strings.TrimPrefix(parts[0], "---")), &front); err != nil {
		t.Fatal(err)
	}
	var decode func(ms []message) []message
	decode = func(ms []message) []message {
		var out []message
		for _, m := range ms {
			out = append(out, message{m.Name, html.UnescapeString(m.Text), decode(m.Replies)})
		}
		return out
	}
	return decode(front.Archive)
}

func pages(t *testing.T) []string {
	t.Helper()
	own, err := filepath.Glob(filepath.Join(root(t), "e2e", "testdata", "site", "_books", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	corpus, err := filepath.Glob(filepath.Join(root(t), "..", "shared", "corpus", "books", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(corpus) == 0 {
		t.Log("the corpus of past weeks is not on this machine; only our own pages are tried")
	}
	all := append(own, corpus...)
	if len(all) == 0 {
		t.Fatal("there is no page to import, not even the sample")
	}
	return all
}

// TestImportExportGivesTheSameArchive imports and exports every page with the real program:
// names, texts, order and nesting are the same.
func TestImportExportGivesTheSameArchive(t *testing.T) {
	t.Parallel()
	files := pages(t)
	if testing.Short() && len(files) > 10 {
		files = files[:10]
	}
	a := newDevice(t)
	a.serve() // one process for all commands, which is faster
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := decode[imported](a, "import", file)
		out := filepath.Join(t.TempDir(), "out.md")
		a.run("export", "--event", r.Event, "--format", "jekyll", "-o", out)
		back, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		want, got := archiveOf(t, in), archiveOf(t, back)
		if !reflect.DeepEqual(got, want) {
			w, _ := json.Marshal(want)
			g, _ := json.Marshal(got)
			t.Errorf("%s: the archive came back as\n%.2000s\ninstead of\n%.2000s", filepath.Base(file), g, w)
		}
		again := decode[imported](a, "import", file)
		if again.Event != r.Event || again.Questions+again.Replies != 0 || again.Known != r.Questions+r.Replies {
			t.Errorf("%s: imported again it brought %+v after %+v", filepath.Base(file), again, r)
		}
	}
}

// TestTenWeeksArriveByteForByte imports up to ten weeks on one device. A second device that
// joins them has the same data.
func TestTenWeeksArriveByteForByte(t *testing.T) {
	t.Parallel()
	files := pages(t)
	files = files[:min(len(files), 10)]
	relay := newRelay(t).up()
	a, b := newDevice(t), newDevice(t)
	var events []string
	for _, r := range importAll(a, files, relay.url()) {
		events = append(events, r.Event)
	}
	sort.Strings(events)
	posts := 0
	for _, e := range events {
		a.run("sync", "--event", e)
		b.run("join", "flyleaf:"+e+"@"+relay.url())
		b.run("sync", "--event", e)
		if la, lb := a.run("list", "--json", "--event", e), b.run("list", "--json", "--event", e); la != lb {
			t.Errorf("event %s: the second device shows something else", e)
		}
		if sa, sb := a.status(e), b.status(e); sa.Pending != 0 || sa.Posts != sb.Posts || !reflect.DeepEqual(sa.Heads, sb.Heads) {
			t.Errorf("event %s: %+v and %+v", e, sa, sb)
		} else {
			posts += sa.Posts // some weeks have no posts
		}
	}
	if posts == 0 {
		t.Error("none of the weeks has a post")
	}
}

func importAll(d *device, files []string, relayURL string) []imported {
	d.t.Helper()
	args := append([]string{"import", "--relay", relayURL}, files...)
	if len(files) == 1 {
		return []imported{decode[imported](d, args...)}
	}
	return decode[[]imported](d, args...)
}

// TestBadFileAmongGoodOnes: if one file cannot be read, none is imported.
func TestBadFileAmongGoodOnes(t *testing.T) {
	t.Parallel()
	good := pages(t)[0]
	bad := filepath.Join(t.TempDir(), "bad.md")
	if err := os.WriteFile(bad, []byte("---\ntitle: [unclosed\n---\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newDevice(t)
	if _, errs, code := a.try("import", good, bad); code != 5 || !strings.Contains(errs, "bad.md") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	if events := decode[[]struct{}](a, "event", "list"); len(events) != 0 {
		t.Errorf("%d events were made", len(events))
	}
}
