package replica

// Loaded counts the events with a graph and with a document in memory, and those
// that are on a link.
func (n *Node) Loaded() (graphs, documents, linked int) {
	n.mu.Lock()
	events := make([]*document, 0, len(n.documents))
	for _, doc := range n.documents {
		events = append(events, doc)
	}
	n.mu.Unlock()
	linked = len(n.client.AllAttached())
	for _, doc := range events {
		doc.mu.Lock()
		if doc.graph != nil {
			graphs++
		}
		if doc.engine != nil {
			documents++
		}
		doc.mu.Unlock()
	}
	return graphs, documents, linked
}

// TurnsAtOnce is how many weeks at rest are on a link at once.
const (
	TurnsAtOnce  = turnsAtOnce
	MaxDocuments = maxDocuments
)

// BeforeEngineWork has f called before an engine does what may take long, without any
// lock. It is set before the node is used.
func (n *Node) BeforeEngineWork(f func()) { n.engineWork = f }
