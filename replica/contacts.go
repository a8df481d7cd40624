package replica

import (
	"context"

	"flyleaf/qa"
)

// Contacts returns the encrypted contact details that winners sent to the event's founder,
// by winner.
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
