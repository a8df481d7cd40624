//go:build js && wasm

package idb_test

import (
	"context"
	"testing"

	"flyleaf/storage"
	"flyleaf/storage/idb"
	"flyleaf/storage/storagetest"
)

// fresh opens an empty database.
func fresh(t *testing.T) *idb.Store {
	t.Helper()
	if err := idb.Delete(t.Context(), t.Name()); err != nil {
		t.Fatal(err)
	}
	return open(t)
}

// open opens the test's database.
func open(t *testing.T) *idb.Store {
	t.Helper()
	return openNamed(t, t.Name())
}

func openNamed(t *testing.T, name string) *idb.Store {
	t.Helper()
	s, err := idb.Open(context.Background(), name)
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
		s := fresh(t)
		return s, func() storage.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t)
			return s
		}
	})
}
