package graph

// OneVersion is the part of a graph with Forks that Automerge's own libraries can load,
// where an actor has one change with each number: of several versions of a change the
// one that was taken first, without what builds on the others. The zero value is empty.
type OneVersion struct {
	graph *Graph
	seen  int // of the whole graph
}

// Take adds a change unless it is a second version or builds on what was left out, and
// reports whether it was added. Changes are taken in a causal order.
func (v *OneVersion) Take(c Meta) bool {
	if v.graph == nil {
		v.graph = New()
	}
	if v.graph.Check(c) != nil {
		return false
	}
	added, err := v.graph.Add(c)
	return err == nil && len(added) == 1
}

// Of takes what a whole graph has applied since it was last given, and returns the part.
// It is to be given the same graph each time.
func (v *OneVersion) Of(whole *Graph) *Graph {
	if v.graph == nil {
		v.graph = New()
	}
	for ; v.seen < whole.Len(); v.seen++ {
		c, _ := whole.Node(whole.HashAt(v.seen))
		v.Take(c)
	}
	return v.graph
}
