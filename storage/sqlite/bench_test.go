package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

const event = qa.EventID("2akvofn6L1o4RMUEMQi7qzwRjKWZ")

// BenchmarkAppend1 measures what a person's post costs: one local change, its view, and fsync.
func BenchmarkAppend1(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	n := 0
	for b.Loop() {
		err := s.Append(b.Context(), storage.Batch{
			Event: event, Entries: storagetest.Entries("a", n, n+1, true),
			Views: storage.ViewUpdate{Posts: []qa.Post{storagetest.Post(fmt.Sprint("p", n), "How does one measure this?")}},
		})
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkAppend10000 measures storing a large event in one transaction.
func BenchmarkAppend10000(b *testing.B) {
	dir := b.TempDir()
	entries := storagetest.Entries("a", 0, 10_000, false)
	n := 0
	for b.Loop() {
		b.StopTimer()
		s := open(b, filepath.Join(dir, fmt.Sprint(n, ".db")))
		n++
		b.StartTimer()
		if err := s.Append(b.Context(), storage.Batch{Event: event, Entries: entries}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEntries10000 measures loading such an event, with a check of every change.
func BenchmarkEntries10000(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	if err := s.Append(b.Context(), storage.Batch{Event: event, Entries: storagetest.Entries("a", 0, 10_000, false)}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		err := s.Entries(b.Context(), event, 0, func(storage.Entry) error { n++; return nil })
		if err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
}

func manyPosts() []qa.Post {
	posts := make([]qa.Post, 10_000)
	for i := range posts {
		posts[i] = storagetest.Post(fmt.Sprintf("post-%d", i), fmt.Sprintf("Question %d: what would you have written differently, now that it is printed?", i))
	}
	return posts
}

// BenchmarkPosts10000 measures reading all 10,000 posts of an event, as a page does.
func BenchmarkPosts10000(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	if err := s.ReplaceViews(b.Context(), event, storage.ViewUpdate{Posts: manyPosts()}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		posts, err := s.Posts(b.Context(), event)
		if err != nil || len(posts) != 10_000 {
			b.Fatal(len(posts), err)
		}
	}
}

// BenchmarkReplaceViews10000 measures rebuilding the views.
func BenchmarkReplaceViews10000(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	posts := manyPosts()
	for b.Loop() {
		if err := s.ReplaceViews(b.Context(), event, storage.ViewUpdate{Posts: posts}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSearch10000 measures finding one of 10,000 posts by two words.
func BenchmarkSearch10000(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	if err := s.ReplaceViews(b.Context(), event, storage.ViewUpdate{Posts: manyPosts()}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ids, err := s.Search(b.Context(), event, "quest 7654", 20); err != nil || len(ids) != 1 {
			b.Fatal(ids, err)
		}
	}
}

// BenchmarkSetting measures the smallest read.
func BenchmarkSetting(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "f.db"))
	must(b, s.SetSetting(b.Context(), "k", "v"))
	for b.Loop() {
		if v, err := s.Setting(b.Context(), "k"); v != "v" || err != nil {
			b.Fatal(v, err)
		}
	}
}
