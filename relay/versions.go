package relay

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// graphFor returns the graph used to sync with a member: the full graph, or, for a
// client that does not accept several versions of a change, the OneVersion subgraph. A
// client keeps everything that it has, because the subgraph has the version that was
// here first. The subgraph takes about 100 bytes a change, in documents that have such
// a client and such versions. d.mu is held.
func (d *document) graphFor(m *member) *graph.Graph {
	if m.acceptsVersions || d.graph.Forks() == 0 {
		return d.graph
	}
	return d.oneVersion.Update(d.graph)
}

// hiddenFrom reports whether a change is in the document but not in the member's graph.
func (d *document) hiddenFrom(m *member, h wire.Hash) bool {
	g := d.graphFor(m)
	return g != d.graph && d.graph.Has(h) && !g.Has(h)
}
