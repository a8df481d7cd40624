//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const aPage = "---\ntitle: %\nstart: 2026-03-09\nauthors: [ilsemarrow]\narchive:\n- name: Tino\n  text: When?\n---\n"

// Entries of a folder that are not pages are skipped: a pipe does not block, and links out of the
// folder are not followed.
func TestFolderOfPages(t *testing.T) {
	dir := t.TempDir()
	site, outside := filepath.Join(dir, "site"), filepath.Join(dir, "outside")
	write := func(path, body string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	books := filepath.Join(site, "_books")
	write(filepath.Join(books, "a.md"), strings.ReplaceAll(aPage, "%", "Week A"))
	write(filepath.Join(books, "2025", "b.md"), strings.ReplaceAll(aPage, "%", "Week B"))
	write(filepath.Join(outside, "c.md"), strings.ReplaceAll(aPage, "%", "Week C"))
	write(filepath.Join(outside, "ilsemarrow.md"), "---\ntitle: Somebody Else\n---\n")
	for link, to := range map[string]string{
		"out.md": filepath.Join(outside, "c.md"), "up.md": "../../outside/c.md", "folder": outside, "within.md": "2025/b.md", "gone.md": "nowhere.md", "round.md": "round.md",
	} {
		if err := os.Symlink(to, filepath.Join(books, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(site, "_people")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(books, "pipe.md"), 0o644); err != nil {
		t.Fatal(err)
	}
	pages, passed, err := readFolder(site)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, p := range pages {
		if p.err != nil {
			t.Errorf("%s: %v", p.file, p.err)
		}
		titles = append(titles, filepath.Base(p.file)+": "+p.week.Event.Title+" by "+p.week.Event.Authors)
	}
	if got := strings.Join(titles, ", "); got != "b.md: Week B by ilsemarrow, a.md: Week A by ilsemarrow, within.md: Week B by ilsemarrow" {
		t.Errorf("pages are %s", got)
	}
	reasons := map[string]string{}
	for _, p := range passed {
		reasons[filepath.Base(p.File)] = p.Reason
	}
	for name, says := range map[string]string{
		"out.md": "link to something that is not in this folder", "up.md": "not in this folder", "folder": "not in this folder", "gone.md": "not in this folder", "round.md": "not in this folder", "pipe.md": "a pipe",
	} {
		if !strings.Contains(reasons[name], says) {
			t.Errorf("%s: reason %q, want %q", name, reasons[name], says)
		}
	}
	if len(passed) != 6 {
		t.Errorf("skipped: %+v", passed)
	}

	// A pipe that replaces a page after the listing does not block either.
	f, err := openFolder(books)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Open("pipe.md"); !errors.Is(err, errNotRegular) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := f.Open("out.md"); err == nil {
		t.Error("a link out of the folder was read")
	}
	for _, name := range []string{"../site/_books/a.md", "/etc/hostname"} {
		if _, err := f.Open(name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// If _books is a link out of the site, it is not followed, and an error is returned.
func TestALinkOutOfTheSiteIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "site"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "outside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../outside", filepath.Join(dir, "site", "_books")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readFolder(filepath.Join(dir, "site")); err == nil || !strings.Contains(err.Error(), "import the folder that it points to") {
		t.Errorf("%v", err)
	}
	if _, _, err := readFolder(filepath.Join(dir, "site", "_books")); err != nil {
		t.Errorf("the link given as the folder: %v", err)
	}
}

// The people of a site are found for pages in any of its folders.
func TestPeopleAreFoundForASinglePage(t *testing.T) {
	site := filepath.Join(t.TempDir(), "site [2026] {a,b}*")
	for _, dir := range []string{"_books/2025/spring", "_people/authors"} {
		if err := os.MkdirAll(filepath.Join(site, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(site, "_people", "authors", "ilsemarrow.MD"), []byte("---\ntitle: Ilse Marrow\n---\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"_books/a.md", "_books/2025/b.md", "_books/2025/spring/c.md"} {
		if got := peopleForPage(filepath.Join(site, page)); got["ilsemarrow"] != "Ilse Marrow" {
			t.Errorf("for %s: %v", page, got)
		}
	}
	t.Chdir(filepath.Join(site, "_books"))
	if got := peopleForPage("a.md"); got["ilsemarrow"] != "Ilse Marrow" {
		t.Errorf("for a page in the working directory: %v", got)
	}
}
