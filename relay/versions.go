package relay

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// oneVersion is a document without second versions of a change, and without what builds
// on them: what a client can load that knows Automerge alone, where an actor has one
// change with each number. Of several versions it has the one that was here first, so a
// client that has that one loses nothing that it has.
type oneVersion struct {
	graph *graph.Graph // nil while nobody has asked, or there is no second version
	seen  int          // changes of the document's graph that were looked at
}

// graphFor returns the graph that a member is spoken to about: the document's own, or, of
// a client that does not take several versions of a change, the one without them. It
// takes about 100 bytes a change, in documents that have such a client and such versions.
// d.mu is held.
func (d *document) graphFor(m *member) *graph.Graph {
	if m.takesVersions || d.graph.Forks() == 0 {
		return d.graph
	}
	v := &d.oneVersion
	if v.graph == nil {
		v.graph = graph.New()
	}
	for ; v.seen < d.graph.Len(); v.seen++ {
		c, _ := d.graph.Node(d.graph.HashAt(v.seen))
		if v.graph.Check(c) == nil {
			_, _ = v.graph.Add(c) // what was checked is added
		}
	}
	return v.graph
}

// keptFrom reports whether a change is in the document and not for a member.
func (d *document) keptFrom(m *member, h wire.Hash) bool {
	g := d.graphFor(m)
	return g != d.graph && d.graph.Has(h) && !g.Has(h)
}
