package replica

import (
	"slices"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
)

// stateView implements crdt.State: the contents without the withheld changes. crdt.FromState
// writes local changes from it. mu is held and the document is loaded.
type stateView struct{ doc *document }

// Heads implements crdt.State.
func (w stateView) Heads() []wire.Hash { return w.doc.headsWithoutWithheld() }

// MaxOp implements crdt.State. It returns the highest counter in the past of Heads.
func (w stateView) MaxOp() (top uint64) {
	if len(w.doc.withheld) == 0 {
		return w.doc.contents.Graph().MaxOp()
	}
	for _, h := range w.Heads() {
		if m, ok := w.doc.contents.Graph().Node(h); ok {
			top = max(top, m.MaxOp)
		}
	}
	return top
}

// Last implements crdt.State.
func (w stateView) Last(actor wire.ActorID) (uint64, wire.Hash) {
	seq := w.doc.contents.Graph().SeqOf(actor)
	h, _ := w.doc.contents.Graph().BySeq(actor, seq)
	return seq, h
}

// Values implements crdt.State.
func (w stateView) Values(in wire.OpID, key string) []crdt.StateValue {
	live := w.doc.contents.Projection().Values(in, key)
	out := make([]crdt.StateValue, 0, len(live))
	for _, v := range live {
		if !w.withheld(v.Op) {
			out = append(out, crdt.StateValue{Op: v.Op, Value: v.Value, Map: v.IsObject, NotInEffect: !v.InEffect})
		}
	}
	return out
}

// Keys implements crdt.State.
func (w stateView) Keys(in wire.OpID) []string {
	keys := w.doc.contents.Projection().Keys(in)
	if len(w.doc.withheld) == 0 {
		return keys
	}
	return slices.DeleteFunc(keys, func(key string) bool { return len(w.Values(in, key)) == 0 })
}

// withheld reports whether an operation belongs to a withheld change.
func (w stateView) withheld(op wire.OpID) bool {
	if len(w.doc.withheld) == 0 {
		return false
	}
	g := w.doc.contents.Graph()
	past := g.LazyPast(g.Heads())
	at, ok := g.Resolve(op, &past)
	return ok && w.doc.withheld[g.HashAt(int(at.Place))]
}
