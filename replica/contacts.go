package replica

import (
	"context"

	"flyleaf/qa"
)

// Contacts returns what winners wrote to the event's founder, encrypted, by who
// wrote it.
func (n *Node) Contacts(ctx context.Context, id qa.EventID) (map[qa.Identity][]byte, error) {
	e, err := n.event(id)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	return e.fold.Contacts(), nil
}
