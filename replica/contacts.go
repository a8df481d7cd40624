package replica

import (
	"context"

	"flyleaf/qa"
)

// Contacts returns what winners wrote to the event's founder, encrypted, by who
// wrote it.
func (n *Node) Contacts(ctx context.Context, id qa.EventID) (map[qa.Identity][]byte, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	return doc.contents.Projection().Contacts(), nil
}
