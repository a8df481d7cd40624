package importer

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/weekfile"
)

// made returns n weeks of generated text, as Jekyll pages of the archive's usual size: 18 questions and 36
// replies of about 200 bytes each.
func made(t testing.TB, n int) [][]byte {
	t.Helper()
	words := bytes.Repeat([]byte("Words about the tides & how to read them, at night and by day. "), 3)
	out := make([][]byte, n)
	for i := range out {
		im := qa.Imported{Format: string(weekfile.FormatJekyll), Event: qa.Event{
			Title: "Volume " + strconv.Itoa(i), Authors: "Orla Quist", StartsAtMillis: 1_600_041_600_000 + int64(i)*7*24*3600_000,
		}}
		for q := range 18 {
			at := len(im.Posts)
			im.Posts = append(im.Posts, qa.ImportedPost{Parent: -1, Name: fmt.Sprint("Reader ", q), Text: fmt.Sprint("Why ", q, "? ", string(words))})
			im.Posts = append(
				im.Posts,
				qa.ImportedPost{Parent: at, Name: "Orla Quist", Text: fmt.Sprint("Because ", q, ". ", string(words))},
				qa.ImportedPost{Parent: at, Name: fmt.Sprint("Reader ", q), Text: "Thanks " + string(words)},
			)
		}
		if err := finish("made", &im); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := publish.WriteJekyll(&b, testfixture.AsWeek(im)); err != nil {
			t.Fatal(err)
		}
		out[i] = b.Bytes()
	}
	return out
}

// BenchmarkReadJekyll reads weeks: those of the archive, if it is beside the checkout, and generated ones in
// growing numbers. The time for each week must not grow.
func BenchmarkReadJekyll(b *testing.B) {
	bench := func(name string, pages [][]byte, people map[string]string) {
		b.Run(name, func(b *testing.B) {
			size := 0
			for _, p := range pages {
				size += len(p)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				for _, p := range pages {
					if _, err := ReadJekyll("x", p, people); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(pages)), "µs/week")
		})
	}
	for _, n := range []int{10, 100, 1000} {
		bench(fmt.Sprint(n), made(b, n), nil)
	}
	b.Run("archive", func(b *testing.B) {
		files, people := corpusFiles(b), corpusPeople(b)
		for b.Loop() {
			for name, page := range files {
				if _, err := ReadJekyll(name, page, people); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(files)), "µs/week")
	})
}

// BenchmarkWrite writes a hundred generated weeks in each format.
func BenchmarkWrite(b *testing.B) {
	var weeks []qa.Week
	for _, page := range made(b, 100) {
		im, err := ReadJekyll("x", page, nil)
		if err != nil {
			b.Fatal(err)
		}
		weeks = append(weeks, testfixture.AsWeek(im))
	}
	formats := map[string]func(*bytes.Buffer, qa.Week) error{
		"jekyll":   func(w *bytes.Buffer, week qa.Week) error { return publish.WriteJekyll(w, week) },
		"json":     func(w *bytes.Buffer, week qa.Week) error { return publish.WriteJSON(w, week) },
		"csv":      func(w *bytes.Buffer, week qa.Week) error { return publish.WriteCSV(w, week) },
		"markdown": func(w *bytes.Buffer, week qa.Week) error { return publish.WriteMarkdown(w, week) },
	}
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, week := range weeks {
					var buf bytes.Buffer
					if err := formats[name](&buf, week); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(weeks)), "µs/week")
		})
	}
}
