package importer

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// weekPage is a page of a week by an author with a short name.
const weekPage = "---\ntitle: The Patient Ledger\nauthors: [ilse]\n---\n\nA ledger never forgets.\n"

func siteOf(files map[string]string) fstest.MapFS {
	site := fstest.MapFS{}
	for name, text := range files {
		site[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return site
}

// TestReadSite: the pages are found wherever a site has them, and what is not imported is named.
func TestReadSite(t *testing.T) {
	for name, c := range map[string]struct {
		files          map[string]string
		pages, skipped string
	}{
		"in _books":         {map[string]string{"_config.yml": "exclude: []", "_books/a.md": weekPage, "_books/b.md": weekPage, "about.md": weekPage}, "a.md b.md", ""},
		"in its own folder": {map[string]string{"site-main/_books/a.md": weekPage, "__MACOSX/x": "", ".DS_Store": ""}, "a.md", ""},
		"collections_dir":   {map[string]string{"_config.yml": "collections_dir: weeks", "weeks/_books/a.md": weekPage, "a.md": weekPage}, "a.md", ""},
		"only pages":        {map[string]string{"2025/a.md": weekPage, "b.md": weekPage, "c.txt": "x"}, "2025/a.md b.md", "c.txt"},
		"no front matter":   {map[string]string{"_books/a.md": weekPage, "_books/README.md": "# Weeks"}, "a.md", "README.md"},
		"unpublished":       {map[string]string{"_books/a.md": strings.Replace(weekPage, "title", "published: false\ntitle", 1), "_books/b.md": weekPage}, "b.md", "a.md"},
		"bad configuration": {map[string]string{"_config.yml": "exclude: [", "_books/a.md": weekPage}, "a.md", "_config.yml"},
		"nothing":           {map[string]string{"users.json": "[]"}, "", "users.json"},
	} {
		pages, skipped, err := ReadSite(siteOf(c.files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names, files []string
		for _, p := range pages {
			names = append(names, p.Name)
			if p.Err != nil || p.Week.Event.Title != "The Patient Ledger" {
				t.Errorf("%s: %+v", name, p)
			}
		}
		for _, s := range skipped {
			files = append(files, s.File)
		}
		if got := strings.Join(names, " "); got != c.pages {
			t.Errorf("%s: pages %q, want %q", name, got, c.pages)
		}
		if got := strings.Join(files, " "); got != c.skipped {
			t.Errorf("%s: skipped %q, want %q", name, got, c.skipped)
		}
	}
}

// TestAPageThatCannotBeReadIsNamed: the others are read.
func TestAPageThatCannotBeReadIsNamed(t *testing.T) {
	pages, _, err := ReadSite(siteOf(map[string]string{
		"_books/a.md": weekPage, "_books/b.md": "---\ntitle: [\n---\n", "_books/c.md": "---\ntitle: T\n---\n" + strings.Repeat("x", MaxInput),
	}))
	if err != nil || len(pages) != 3 || pages[0].Err != nil {
		t.Fatalf("%+v, %v", pages, err)
	}
	for _, p := range pages[1:] {
		if p.Err == nil || !strings.Contains(p.Err.Error(), p.Name) {
			t.Errorf("%s: %v", p.Name, p.Err)
		}
	}
}

// TestASiteHasLimits: also when it is packed small.
func TestASiteHasLimits(t *testing.T) {
	many := fstest.MapFS{}
	text := []byte(weekPage)
	for i := range maxPages + 1 {
		many[fmt.Sprintf("_books/%d.md", i)] = &fstest.MapFile{Data: text}
	}
	if _, _, err := ReadSite(many); err == nil || !strings.Contains(err.Error(), "at most 10000") {
		t.Errorf("%v", err)
	}
	large, big := fstest.MapFS{}, []byte("no front matter"+strings.Repeat("x", MaxInput-20))
	for i := range maxSite/len(big) + 1 {
		large["_books/"+strings.Repeat("a", i+1)+".md"] = &fstest.MapFile{Data: big}
	}
	if _, _, err := ReadSite(large); err == nil || !strings.Contains(err.Error(), "more than 256 MB") {
		t.Errorf("%v", err)
	}
}

// TestPeopleOfASite: pages are about people whom other pages name.
func TestPeopleOfASite(t *testing.T) {
	site := siteOf(map[string]string{"_books/a.md": weekPage, "_people/ilse.md": "---\nshort: ilse\ntitle: Ilse Marrow\n---\n"})
	pages, _, err := ReadSite(site)
	if err != nil || len(pages) != 1 || pages[0].Week.Event.Authors != "Ilse Marrow" {
		t.Errorf("%+v, %v", pages, err)
	}
}
