package importer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"flyleaf/importer"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

// TestOurOwnOutputIsTheSameWeek: a week that was imported and published, as a Jekyll page with its address
// or as JSON, is the same week when it is imported again, and publishing it again gives the same bytes.
func TestOurOwnOutputIsTheSameWeek(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus")
	pages, _ := filepath.Glob(filepath.Join(dir, "books", "*.md"))
	if len(pages) == 0 {
		t.Skipf("%s is not there: the archive of real weeks stands beside the checkout, not in it", dir)
	}
	people := map[string][]byte{}
	files, _ := filepath.Glob(filepath.Join(dir, "people", "*.md"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		people[filepath.Base(f)] = b
	}
	names := importer.PeopleFromFiles(people)
	posts := 0
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		im, err := importer.ReadJekyll(filepath.Base(page), b, names)
		if err != nil {
			t.Fatal(err)
		}
		posts += len(im.Posts)
		sameWeek(t, filepath.Base(page), im, names)
	}
	t.Logf("%d pages, %d posts", len(pages), posts)
}

func sameWeek(t *testing.T, name string, im qa.Imported, people map[string]string) {
	t.Helper()
	week := testfixture.AsWeek(im)
	write := func(week qa.Week) (jekyll, json []byte) {
		t.Helper()
		var a, b bytes.Buffer
		if err := publish.WriteJekyllAt(&a, week, "https://books.example/books/x.html"); err != nil {
			t.Fatal(err)
		}
		if err := publish.WritePublishedJSON(&b, week); err != nil {
			t.Fatal(err)
		}
		return a.Bytes(), b.Bytes()
	}
	jekyll, json := write(week)
	again, err := importer.ReadJekyll("again.md", jekyll, people)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	fromJSON, err := importer.ReadJSON("again.json", json)
	if err != nil {
		t.Fatalf("%s as JSON: %v", name, err)
	}
	for how, got := range map[string]qa.Imported{"Jekyll": again, "JSON": fromJSON} {
		if !reflect.DeepEqual(survivesIndent(got.Posts), survivesIndent(im.Posts)) {
			for i := range im.Posts {
				if i < len(got.Posts) && !reflect.DeepEqual(survivesIndent(got.Posts)[i], survivesIndent(im.Posts)[i]) {
					t.Errorf("%s as %s: post %d is %+v, was %+v", name, how, i, survivesIndent(got.Posts)[i], survivesIndent(im.Posts)[i])
					break
				}
			}
			t.Errorf("%s as %s: %d posts, were %d", name, how, len(got.Posts), len(im.Posts))
		}
		if got.Source != im.Source || got.Event.Title != im.Event.Title || got.Event.Authors != im.Event.Authors ||
			got.Event.StartsAtMillis != im.Event.StartsAtMillis || got.Event.EndsAtMillis != im.Event.EndsAtMillis || got.Event.Description != im.Event.Description {
			t.Errorf("%s as %s: %+v, was %+v", name, how, got.Event, im.Event)
		}
	}
	if jekyll2, json2 := write(testfixture.AsWeek(again)); !bytes.Equal(jekyll2, jekyll) || !bytes.Equal(json2, json) {
		t.Errorf("%s: published again it is another", name)
	}
}

// withoutPositions removes the positions in a file.
func survivesIndent(posts []qa.ImportedPost) []qa.ImportedPost {
	out := make([]qa.ImportedPost, len(posts))
	for i, p := range posts {
		p.Line, p.Guessed = 0, false
		if len(p.X) == 0 {
			p.X = nil
		}
		out[i] = p
	}
	return out
}
