package graph

import "sync/atomic"

// steps counts units of work, so that tests can check bounds: a node or an edge
// visited, a head or a pending change moved. A nil *steps, as outside of tests, counts
// nothing.
type steps struct{ n atomic.Int64 }

func (s *steps) add(n int) {
	if s != nil {
		s.n.Add(int64(n))
	}
}
