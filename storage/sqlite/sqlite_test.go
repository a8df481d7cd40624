package sqlite

import (
	"path/filepath"
	"testing"

	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (storage.Store, func() storage.Store) {
		// The path contains characters with a meaning in a URI.
		path := filepath.Join(t.TempDir(), "a b%20?c#d&e.db")
		s := open(t, path)
		return s, func() storage.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			return s
		}
	})
}
