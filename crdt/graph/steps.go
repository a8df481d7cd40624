package graph

import "sync/atomic"

// steps counts what the work on a graph is made of, for the tests that hold its
// bounds: a node or an edge looked at, a head or a waiting change moved. Nil, which
// it is outside of tests, counts nothing.
type steps struct{ n atomic.Int64 }

func (s *steps) add(n int) {
	if s != nil {
		s.n.Add(int64(n))
	}
}
