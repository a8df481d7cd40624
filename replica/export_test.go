package replica

import (
	"context"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Loaded returns how many events have a graph in memory, how many have an engine, and how
// many are attached to a relay.
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

// MaxEngines is how many engines are in memory at the same time.
const MaxEngines = maxEngines

// BeforeEngineWork makes the node call f before engine work for which the document is
// unlocked. f is called without any lock. It must be set before the node is used.
func (n *Node) BeforeEngineWork(f func()) { n.engineWork = f }

// FillRefused refuses as many changes as an event remembers.
func (n *Node) FillRefused(id qa.EventID) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	for i := range maxRefused {
		doc.contents.Refuse(wire.Hash{1, byte(i), byte(i >> 8)}, &policy.Refusal{Code: policy.CodeRole})
	}
	return nil
}

// Exclude excludes a change, and returns how many local acts are known to be ineffective before and
// after.
func (n *Node) Exclude(ctx context.Context, id qa.EventID, h wire.Hash) (before, after int, err error) {
	doc, err := n.document(id)
	if err != nil {
		return 0, 0, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return 0, 0, err
	}
	before = len(doc.excluded.ineffective)
	_, err = doc.exclude(ctx, map[wire.Hash]storage.Status{h: storage.Refused})
	return before, len(doc.excluded.ineffective), err
}

// ReadWeek is Week without what was read before.
func (n *Node) ReadWeek(ctx context.Context, id qa.EventID) (qa.Week, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.Week{}, err
	}
	doc.week.drop()
	return n.Week(ctx, id)
}
