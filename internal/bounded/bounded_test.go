package bounded_test

import (
	"testing"

	"flyleaf/internal/bounded"
)

// TestAFullMapDropsTheOldestKey: a map never exceeds its maximum; a full map drops its oldest key.
func TestAFullMapDropsTheOldestKey(t *testing.T) {
	const most = 100
	m := bounded.New[int, int](most)
	for i := range 3 * most {
		m.Put(i, i)
		m.Put(i, i+1) // does not make the key newer
		if m.Len() != min(i+1, most) {
			t.Fatalf("%d keys after %d", m.Len(), i+1)
		}
	}
	for i := range 3 * most {
		if v, ok := m.Get(i); ok != (i >= 2*most) || ok && v != i+1 {
			t.Errorf("key %d: %d, %v", i, v, ok)
		}
	}
	n := 0
	for k, v := range m.All() {
		if n++; v != k+1 {
			t.Errorf("key %d has %d", k, v)
		}
	}
	if n != most {
		t.Errorf("%d keys were yielded", n)
	}
}

// TestARemovedKeyIsNewWhenAddedAgain: a key that was removed and added again counts as the newest key, and its old
// place in the order does not make the map drop another key.
func TestARemovedKeyIsNewWhenAddedAgain(t *testing.T) {
	m := bounded.New[string, int](3)
	for _, k := range []string{"a", "b", "c"} {
		m.Put(k, 1)
	}
	if v, ok := m.Take("a"); v != 1 || !ok || m.Has("a") {
		t.Fatalf("took %d, %v", v, ok)
	}
	if _, ok := m.Take("a"); ok {
		t.Error("taken twice")
	}
	m.Put("a", 2) // over its own old place
	m.Put("d", 1) // over b
	m.Put("e", 1) // over c
	if v, _ := m.Get("a"); v != 2 || m.Has("b") || m.Has("c") || !m.Has("d") || !m.Has("e") {
		t.Error("the dropped key is not the oldest")
	}
	m.Take("d")
	m.Put("d", 2) // over a
	m.Put("f", 1) // over d's old place, and d stays
	if !m.Has("d") || !m.Has("e") || !m.Has("f") || m.Has("a") {
		t.Error("a stale place displaced a key")
	}
}
