package graph

// OneVersion is the subgraph that Automerge's own libraries can load, in which an actor
// has one change with each number. Where an actor signed several versions of a change,
// it keeps the one that was applied first and drops the others with their dependents.
// The zero value is empty.
type OneVersion struct {
	graph *Graph
	seen  int // how many changes of the whole graph were considered
}

// Add adds a change unless it is a second version or depends on a dropped change, and
// reports whether it was added. Add changes in causal order.
func (v *OneVersion) Add(c Meta) bool {
	if v.graph == nil {
		v.graph = New()
	}
	if v.graph.Check(c) != nil {
		return false
	}
	added, err := v.graph.Add(c)
	return err == nil && len(added) == 1
}

// Update adds the changes that whole has applied since the last call, and returns the
// subgraph. Always pass the same graph.
func (v *OneVersion) Update(whole *Graph) *Graph {
	if v.graph == nil {
		v.graph = New()
	}
	for ; v.seen < whole.Len(); v.seen++ {
		c, _ := whole.Node(whole.HashAt(v.seen))
		v.Add(c)
	}
	return v.graph
}
