package importer

import (
	"bytes"
	"html"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

// decoded returns an archive with the entities of its names and texts decoded once.
func decoded(a []entry) []entry {
	out := make([]entry, len(a))
	for i, e := range a {
		out[i] = entry{Name: html.UnescapeString(e.Name), Text: html.UnescapeString(e.Text), Replies: decoded(e.Replies)}
	}
	return out
}

func TestArchiveIsUnchangedByImportAndExport(t *testing.T) {
	people := corpusPeople(t)
	sources := map[string]string{}
	for name, b := range corpusFiles(t) {
		im, err := ReadJekyll(name, b, people)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := parsePage(t, b)
		if other, ok := sources[im.Source]; ok {
			t.Errorf("%s and %s have one source, %s", name, other, im.Source)
		}
		sources[im.Source] = name
		for _, s := range im.Skipped {
			if !strings.Contains(s.Reason, "kept for export") {
				t.Errorf("%s: skipped %+v", name, s)
			}
		}
		var out bytes.Buffer
		if err := publish.WriteJekyll(&out, testfixture.AsWeek(im)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := parsePage(t, out.Bytes())
		if !reflect.DeepEqual(decoded(got.archive), decoded(want.archive)) {
			t.Errorf("%s: the archive differs after export", name)
		}
		for _, e := range flat(got.archive) {
			if entities.Replace(html.UnescapeString(e.Text)) != e.Text {
				t.Errorf("%s: the text %.60q is not encoded", name, e.Text)
			}
		}
		delete(want.front, "archive")
		if !reflect.DeepEqual(got.front, want.front) {
			for _, k := range slices.Sorted(maps.Keys(want.front)) {
				if !reflect.DeepEqual(got.front[k], want.front[k]) {
					t.Errorf("%s: %s is %v, was %v", name, k, got.front[k], want.front[k])
				}
			}
		}
		if strings.Trim(got.body, "\n") != strings.Trim(want.body, "\n") {
			t.Errorf("%s: the body differs after export", name)
		}
		again, err := ReadJekyll("copy of "+name, out.Bytes(), people)
		if err != nil {
			t.Errorf("%s, exported: %v", name, err)
			continue
		}
		for i := range again.Posts {
			again.Posts[i].Line = im.Posts[i].Line
		}
		again.Skipped, im.Skipped = nil, nil
		if !reflect.DeepEqual(again, im) {
			t.Errorf("%s: the import of the export is another week", name)
		}
		var j bytes.Buffer
		if err := publish.WriteJSON(&j, testfixture.AsWeek(im)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fromJSON, err := ReadJSON(name, j.Bytes())
		if err != nil {
			t.Errorf("%s as JSON: %v", name, err)
			continue
		}
		if !slices.EqualFunc(fromJSON.Posts, im.Posts, same) {
			t.Errorf("%s: as JSON it is another week", name)
		}
	}
}

func same(a, b qa.ImportedPost) bool {
	return a.Name == b.Name && a.Text == b.Text && a.Parent == b.Parent && a.Source == b.Source && a.AsAuthor == b.AsAuthor
}

func flat(a []entry) []entry {
	var out []entry
	for _, e := range a {
		out = append(append(out, e), flat(e.Replies)...)
	}
	return out
}

// TestAuthorsOfTheArchive: without person pages, authors are found by the letters of their IDs.
func TestAuthorsOfTheArchive(t *testing.T) {
	people := corpusPeople(t)
	none, replies := 0, 0
	for name, b := range corpusFiles(t) {
		with, err := ReadJekyll(name, b, people)
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]bool{}
		for _, p := range with.Posts {
			if p.AsAuthor {
				by[p.Name] = true
				replies++
			}
		}
		if len(with.Posts) > 0 && len(by) == 0 {
			none++
			t.Logf("%s: no reply by %s", name, with.Event.Authors)
		}
		without, err := ReadJekyll(name, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range with.Posts {
			if with.Posts[i].AsAuthor != without.Posts[i].AsAuthor {
				t.Errorf("%s: %s is an author of %q but not of %q", name, with.Posts[i].Name, with.Event.Authors, without.Event.Authors)
				break
			}
		}
	}
	t.Logf("%d replies of authors", replies)
	if none > 1 {
		t.Errorf("%d weeks have no reply by their authors", none)
	}
}

// rights counts the messages that were read correctly: with the same writer as in want, and opening a
// thread if the message in want does.
func rights(t *testing.T, name string, got, want []qa.ImportedPost) (threads, whole int) {
	t.Helper()
	g := 0
	for i := range want {
		w := &want[i]
		// A message may be missing or too many: look for the next one by its writer and beginning.
		for j := g; j < len(got) && j < g+4; j++ {
			if got[j].Name == w.Name && letters(got[j].Text, 25) == letters(w.Text, 25) {
				g = j
				break
			}
		}
		if g >= len(got) || got[g].Name != w.Name {
			continue
		}
		if (got[g].Parent < 0) == (w.Parent < 0) {
			threads++
		}
		if letters(got[g].Text, 1<<20) == letters(w.Text, 1<<20) {
			whole++
		}
		g++
	}
	return threads, whole
}

// letters returns at most n letters and digits of s.
func letters(s string, n int) string {
	s = strings.Join(words(strings.ReplaceAll(s, "'", "’")), "")
	return s[:min(n, len(s))]
}

func TestPageOfTheArchive(t *testing.T) {
	const name = "designing-data-intensive-applications"
	b, err := os.ReadFile(filepath.Join(testfiles.Shared(t, "corpus"), name+".page.txt"))
	if err != nil {
		t.Fatal(err)
	}
	im, err := ReadPage(name, b)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := ReadJekyll(name, corpusFiles(t)["20210308-"+name+".md"], corpusPeople(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Posts) != 96 || len(truth.Posts) != 96 {
		t.Fatalf("%d messages, the truth has %d", len(im.Posts), len(truth.Posts))
	}
	for i := range im.Posts {
		if im.Posts[i].Name != truth.Posts[i].Name {
			t.Errorf("message %d, line %d: by %q, was by %q", i, im.Posts[i].Line, im.Posts[i].Name, truth.Posts[i].Name)
		}
	}
	if im.Event.Title != truth.Event.Title || im.Event.Authors != truth.Event.Authors || im.Event.StartsAtMillis != truth.Event.StartsAtMillis {
		t.Errorf("%+v", im.Event)
	}
	right, _ := rights(t, name, im.Posts, truth.Posts)
	t.Logf("%d of %d messages are rightly questions or replies; %d skipped", right, len(truth.Posts), len(im.Skipped))
	if right < 90 {
		t.Errorf("only %d messages are rightly questions or replies", right)
	}
	if im.Guesses != 95 {
		t.Errorf("%d guesses are marked", im.Guesses)
	}
}

func TestPagesFromTheArchive(t *testing.T) {
	people := corpusPeople(t)
	var weeks, share, wholeShare float64
	messages, right, found, whole := 0, 0, 0, 0
	files := corpusFiles(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		truth, err := ReadJekyll(name, files[name], people)
		if err != nil {
			t.Fatal(err)
		}
		if len(truth.Posts) == 0 {
			continue
		}
		im, err := ReadPage(name, []byte(site(truth)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, w := rights(t, name, im.Posts, truth.Posts)
		weeks++
		share += float64(r) / float64(len(truth.Posts))
		wholeShare += float64(w) / float64(len(truth.Posts))
		messages += len(truth.Posts)
		found += len(im.Posts)
		right += r
		whole += w
		if w != len(truth.Posts) || len(im.Posts) != len(truth.Posts) || r*10 < len(truth.Posts)*8 {
			t.Logf("%s: %d messages, %d found, %d rightly placed, %d with their whole text", name, len(truth.Posts), len(im.Posts), r, w)
		}
	}
	t.Logf("%d messages, %d found: %d rightly placed (%.1f%% of a week on average), %d with name and whole text (%.1f%%)",
		messages, found, right, 100*share/weeks, whole, 100*wholeShare/weeks)
	if share/weeks < 0.88 {
		t.Errorf("messages of a page are rightly questions or replies in %.1f%% of all cases", 100*share/weeks)
	}
	if wholeShare/weeks < 0.97 {
		t.Errorf("names are told from text in only %.1f%% of all messages", 100*wholeShare/weeks)
	}
}

// entities encodes the characters that must be encoded in a page's text, and no others.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
