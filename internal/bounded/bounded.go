// Package bounded implements a map with a maximum number of keys.
package bounded

import "iter"

// Map is a map with a maximum number of keys. When it is full, a new key replaces the key that
// was added first. A Map is not safe for concurrent use.
type Map[K comparable, V any] struct {
	max   int
	known map[K]slot[V]
	order []K // a ring buffer once it is full; removed keys are still in it
	next  int // the place in order that is overwritten next
}

type slot[V any] struct {
	value V
	at    int // the key's place in order
}

// New returns an empty Map of at most max keys, which must be 1 or more.
func New[K comparable, V any](max int) *Map[K, V] {
	return &Map[K, V]{max: max, known: map[K]slot[V]{}}
}

// Len returns the number of keys.
func (m *Map[K, V]) Len() int { return len(m.known) }

// Has reports whether the map has a key.
func (m *Map[K, V]) Has(k K) bool {
	_, ok := m.known[k]
	return ok
}

// Get returns the value of a key.
func (m *Map[K, V]) Get(k K) (V, bool) {
	s, ok := m.known[k]
	return s.value, ok
}

// Put sets the value of a key. An existing key keeps its place in the order.
func (m *Map[K, V]) Put(k K, v V) {
	if s, ok := m.known[k]; ok {
		m.known[k] = slot[V]{v, s.at}
		return
	}
	if len(m.order) < m.max {
		m.known[k] = slot[V]{v, len(m.order)}
		m.order = append(m.order, k)
		return
	}
	// The oldest key may have been removed, and even added again at another place.
	if oldest := m.order[m.next]; m.Has(oldest) && m.known[oldest].at == m.next {
		delete(m.known, oldest)
	}
	m.known[k] = slot[V]{v, m.next}
	m.order[m.next] = k
	m.next = (m.next + 1) % m.max
}

// Take removes a key and returns its value.
func (m *Map[K, V]) Take(k K) (V, bool) {
	s, ok := m.known[k]
	delete(m.known, k)
	return s.value, ok
}

// All yields the keys and values in no particular order. Keys may be removed during the
// iteration.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, s := range m.known {
			if !yield(k, s.value) {
				return
			}
		}
	}
}
