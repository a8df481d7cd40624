package importer

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestSitePages(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{
		"a.md", "b.markdown", "c.MD", "d.mkdn", "e.Mkd", "f.mkdown", "2025/g.md", "2025/deep/h.md", "[x]*.md", "2025/_drafts/jekyll-takes-it.md",
		"_template.md", ".hidden.md", "#auto.md#", "#half.md", "~lock.md", "i.md~", "2025/_template.md", "_drafts/j.md", "k.html", "cover.jpg", "Makefile", "l.md.", "m.txt",
		"out.md", "dir.md/n.md",
	} {
		files[name] = &fstest.MapFile{Data: []byte("---\ntitle: T\n---\n")}
	}
	files["pipe.md"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	files["socket.md"] = &fstest.MapFile{Mode: fs.ModeSocket}
	read := func(config string) ([]string, map[string]string) {
		c, err := ReadSiteConfig("_config.yml", []byte(config))
		if err != nil {
			t.Fatal(err)
		}
		pages, passed, err := SitePages(files, "_books", c)
		if err != nil {
			t.Fatal(err)
		}
		reasons := map[string]string{}
		for _, p := range passed {
			reasons[p.File] = p.Reason
		}
		if n := len(files); config == "" && len(pages)+len(passed) != n {
			t.Errorf("%d pages and %d passed over, of %d files", len(pages), len(passed), n)
		}
		return pages, reasons
	}
	pages, reasons := read("")
	want := []string{"2025/_drafts/jekyll-takes-it.md", "2025/deep/h.md", "2025/g.md", "[x]*.md", "a.md", "b.markdown", "c.MD", "d.mkdn", "dir.md/n.md", "e.Mkd", "f.mkdown", "out.md"}
	if !slices.Equal(pages, want) {
		t.Errorf("pages are %q", pages)
	}
	for name, says := range map[string]string{
		"_template.md": "begin with _", "2025/_template.md": "begin with _", ".hidden.md": "begin with .", "#auto.md#": "begin with #", "~lock.md": "begin with ~",
		"i.md~": "end with ~", "_drafts/": "begin with _", "k.html": "Markdown", "cover.jpg": "Markdown", "Makefile": "Markdown", "l.md.": "full stop",
		"pipe.md": "pipe", "socket.md": "pipe, a socket",
	} {
		if !strings.Contains(reasons[name], says) {
			t.Errorf("%s: %q is said, want %q", name, reasons[name], says)
		}
	}
	pages, reasons = read("exclude: [_books/2025, '_books/[a-c].*', 'o*t.md', '*.mkdn']\ninclude: [_template.md]\nmarkdown_ext: 'md,txt,markdown,mkd'\n")
	want = []string{"2025/_template.md", "[x]*.md", "_template.md", "dir.md/n.md", "e.Mkd", "m.txt", "out.md"}
	if !slices.Equal(pages, want) {
		t.Errorf("with a configuration pages are %q", pages)
	}
	if reasons["a.md"] != "the site's _config.yml excludes it" {
		t.Errorf("%q", reasons["a.md"])
	}
	if c, err := ReadSiteConfig("_config.yml", []byte("a: [\n")); err == nil || len(c.MarkdownExt) == 0 {
		t.Errorf("a broken configuration: %+v, %v", c, err)
	}
	if c, _ := ReadSiteConfig("_config.yml", []byte("collections_dir: ../../x\nexclude: one\n")); c.CollectionsDir != "x" || !slices.Equal(c.Exclude, []string{"one"}) {
		t.Errorf("%+v", c)
	}
}
