package sqlite

import (
	"path/filepath"
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

// TestOpenRebuildsTheIndexOfAnEarlierVersion: the search index is rebuilt when an older file is
// opened.
func TestOpenRebuildsTheIndexOfAnEarlierVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flyleaf.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var posts []qa.Post
	for _, id := range []string{"thai", "other"} {
		text := map[string]string{"thai": "อยากถามเรื่องความรู้ทั่วไปครับ", "other": "An e-mail"}[id]
		posts = append(posts, storagetest.Post(id, text))
	}
	for i := range 2 * reindexBatch {
		posts = append(posts, storagetest.Post("p"+string(rune('a'+i%26))+string(rune('a'+i/26)), "nothing of it"))
	}
	event := qa.EventID("event")
	if err := s.Append(t.Context(), storage.Batch{Event: event, Views: storage.ViewUpdate{Posts: posts}}); err != nil {
		t.Fatal(err)
	}
	// The state that the earlier version wrote: a run without spaces is one word.
	err = s.update(t.Context(), func(tx *tx) error {
		for _, q := range []string{
			"INSERT OR REPLACE INTO search (rowid, words) SELECT id, 'อยากถามเรื่องความรู้ทั่วไปครับ' FROM posts WHERE post = 'thai'",
			"INSERT OR REPLACE INTO search (rowid, words) SELECT id, 'an e mail' FROM posts WHERE post = 'other'",
			"PRAGMA user_version = 2",
		} {
			if _, err := tx.exec(q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	find := func() (found []qa.PostID) {
		t.Helper()
		for _, query := range []string{"ความรู้", "email"} {
			ids, err := s.Search(t.Context(), event, query, 10)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, ids...)
		}
		return found
	}
	if got := find(); got != nil {
		t.Fatalf("the earlier index finds %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := find(); !slices.Equal(got, []qa.PostID{"thai", "other"}) {
		t.Errorf("found %v", got)
	}
}
