package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flyleaf/importer"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/weekfile"
)

// corpusWeeks returns the weeks of the archive, ready to publish.
func corpusWeeks(t testing.TB) []Week {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "corpus")
	pages, _ := filepath.Glob(filepath.Join(dir, "books", "*.md"))
	if len(pages) == 0 {
		t.Skipf("%s is not there: the archive of real weeks stands beside the checkout, not in it", dir)
	}
	people := map[string][]byte{}
	files, _ := filepath.Glob(filepath.Join(dir, "people", "*.md"))
	for _, f := range files {
		people[filepath.Base(f)] = read(t, f)
	}
	names := importer.PeopleFromFiles(people)
	weeks := make([]Week, 0, len(pages))
	for _, page := range pages {
		im, err := importer.ReadJekyll(filepath.Base(page), read(t, page), names)
		if err != nil {
			t.Fatal(err)
		}
		weeks = append(weeks, Week{Key: im.Source, Published: publish.Publish(testfixture.AsWeek(im))})
	}
	return weeks
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestArchiveAsSite publishes the archive: every post is on its page and in the index, and every
// page is well formed.
func TestArchiveAsSite(t *testing.T) {
	weeks := corpusWeeks(t)
	s, files := build(t, config, weeks)
	posts := 0
	for _, w := range weeks {
		page := files[s.Pages[w.Key]]
		parsePage(t, s.Pages[w.Key], page)
		for _, th := range w.Published.Threads {
			posts++
			if n := strings.Count(page, `id="`+weekfile.Anchor(th.ID)+`"`); n != 1 {
				t.Errorf("%s: the question %s stands %d times", s.Pages[w.Key], th.ID, n)
			}
			for _, r := range th.Replies {
				posts++
				if n := strings.Count(page, `id="`+weekfile.Anchor(r.ID)+`"`); n != 1 {
					t.Errorf("%s: the reply %s stands %d times", s.Pages[w.Key], r.ID, n)
				}
			}
		}
	}
	if want := fmt.Sprintf(`"docs":%d`, posts+len(weeks)); !strings.Contains(files["search/about.js"], want) {
		t.Errorf("the index does not say %s: %.100s", want, files["search/about.js"])
	}
	size := 0
	for _, f := range s.Files {
		size += len(f.Body)
	}
	t.Logf("%d weeks, %d posts, %d files, %d bytes", len(weeks), posts, len(s.Files), size)
}

// many returns n weeks made from the given ones, each with its own key and days.
func many(weeks []Week, n int) []Week {
	out := make([]Week, n)
	for i := range out {
		out[i] = weeks[i%len(weeks)]
		out[i].Key = fmt.Sprintf("week-%05d", i)
		e := &out[i].Published.Event
		e.StartsAtMillis = time.Date(2005, 1, 3+7*i, 0, 0, 0, 0, time.UTC).UnixMilli()
		e.EndsAtMillis = e.StartsAtMillis + 5*24*3600*1000 - 1000
	}
	return out
}

// BenchmarkBuild measures publishing archives of several sizes: the first time, when every picture is
// drawn, and again, when the pictures are kept.
func BenchmarkBuild(b *testing.B) {
	weeks := corpusWeeks(b)
	for _, n := range []int{len(weeks), 100, 300, 1000} {
		all := many(weeks, n)
		first, err := Build(config, all)
		if err != nil {
			b.Fatal(err)
		}
		files := map[string][]byte{}
		size, index := 0, 0
		for _, f := range first.Files {
			files[f.Path] = f.Body
			size += len(f.Body)
			if strings.HasPrefix(f.Path, "search/") {
				index += len(f.Body)
			}
		}
		again := config
		again.Memory, again.Unmodified = first.Memory, func(p string) []byte { return files[p] }
		for name, c := range map[string]publish.SiteConfig{"first": config, "again": again} {
			b.Run(fmt.Sprintf("weeks=%d/%s", n, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := Build(c, all); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(first.Files)), "files")
				b.ReportMetric(float64(size)/1e6, "MB")
				b.ReportMetric(float64(index)/1e6, "index-MB")
			})
		}
	}
}
