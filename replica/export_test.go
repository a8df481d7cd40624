package replica

// Loaded counts the events with a graph and with an engine in memory, and those
// that are attached to a relay.
func (n *Node) Loaded() (graphs, engines, attached int) {
	n.mu.Lock()
	events := make([]*document, 0, len(n.documents))
	for _, doc := range n.documents {
		events = append(events, doc)
	}
	n.mu.Unlock()
	attached = len(n.client.AllAttached())
	for _, doc := range events {
		doc.mu.Lock()
		if doc.contents != nil {
			graphs++
		}
		if doc.engine.doc != nil {
			engines++
		}
		doc.mu.Unlock()
	}
	return graphs, engines, attached
}

// MaxEngines is how many engines are in memory at once.
const MaxEngines = maxEngines

// BeforeEngineWork has f called before an engine does what may take long, without any
// lock. It is set before the node is used.
func (n *Node) BeforeEngineWork(f func()) { n.engineWork = f }
