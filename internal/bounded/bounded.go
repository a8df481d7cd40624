// Package bounded has a map that holds a bounded number of keys.
package bounded

import "iter"

// Map holds at most so many keys, each with a value. When it is full, the key that was
// put first makes room for a new one. A Map is not safe for concurrent use.
type Map[K comparable, V any] struct {
	most  int
	known map[K]slot[V]
	order []K // a ring once it is full; keys that were taken are still in it
	next  int // where the ring is overwritten next
}

type slot[V any] struct {
	value V
	at    int // the key's place in order
}

// New returns a Map of at most so many keys, 1 or more.
func New[K comparable, V any](most int) *Map[K, V] {
	return &Map[K, V]{most: most, known: map[K]slot[V]{}}
}

// Len returns how many keys there are.
func (m *Map[K, V]) Len() int { return len(m.known) }

// Has reports whether a key is there.
func (m *Map[K, V]) Has(k K) bool {
	_, ok := m.known[k]
	return ok
}

// Get returns the value of a key.
func (m *Map[K, V]) Get(k K) (V, bool) {
	s, ok := m.known[k]
	return s.value, ok
}

// Put sets the value of a key. A key that is there keeps its place in the order.
func (m *Map[K, V]) Put(k K, v V) {
	if s, ok := m.known[k]; ok {
		m.known[k] = slot[V]{v, s.at}
		return
	}
	if len(m.order) < m.most {
		m.known[k] = slot[V]{v, len(m.order)}
		m.order = append(m.order, k)
		return
	}
	// The oldest key may have been taken, and even put again, at another place.
	if oldest := m.order[m.next]; m.Has(oldest) && m.known[oldest].at == m.next {
		delete(m.known, oldest)
	}
	m.known[k] = slot[V]{v, m.next}
	m.order[m.next] = k
	m.next = (m.next + 1) % m.most
}

// Take removes a key and returns its value.
func (m *Map[K, V]) Take(k K) (V, bool) {
	s, ok := m.known[k]
	delete(m.known, k)
	return s.value, ok
}

// All yields the keys and their values, in no order. Keys may be taken meanwhile.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for k, s := range m.known {
			if !yield(k, s.value) {
				return
			}
		}
	}
}
