package relay

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// graphFor returns the graph that a member is spoken to about: the document's own, or, of
// a client that does not take several versions of a change, the part of it with one. A
// client that has the version which was here first loses nothing that it has. The part
// takes about 100 bytes a change, in documents that have such a client and such versions.
// d.mu is held.
func (d *document) graphFor(m *member) *graph.Graph {
	if m.takesVersions || d.graph.Forks() == 0 {
		return d.graph
	}
	return d.oneVersion.Update(d.graph)
}

// keptFrom reports whether a change is in the document and not for a member.
func (d *document) keptFrom(m *member, h wire.Hash) bool {
	g := d.graphFor(m)
	return g != d.graph && d.graph.Has(h) && !g.Has(h)
}
