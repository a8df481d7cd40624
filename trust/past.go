package trust

import (
	"errors"
	"fmt"
	"sort"

	"flyleaf/crdt/fold"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// Errors of CheckPast.
var (
	// ErrObject is returned for an operation on an object that is no map in the
	// change's past.
	ErrObject = errors.New("trust: an operation works on a map that is not there")
	// ErrPred is returned for an operation that claims to replace one that is not
	// in the change's past, or stands at another key.
	ErrPred = errors.New("trust: an operation replaces one that is not there")
)

// CheckPast says whether what a change's operations refer to is in its causal
// past: the maps they work in, and the operations they replace, at the same key.
// It is to be asked when all of c's deps are in g and in f, and c is not. change
// returns any change that is in g.
//
// What does not hold here is taken by automerge-go without an error and makes a
// document that cannot be loaded again.
func CheckPast(c *wire.Change, g *graph.Graph, f *fold.Fold, change func(wire.Hash) (*wire.Change, error)) error {
	p := past{c: c, g: g, f: f, change: change}
	for k := range c.Ops {
		if err := p.object(k); err != nil {
			return err
		}
		for _, pred := range c.Ops[k].Pred {
			if err := p.pred(k, pred); err != nil {
				return err
			}
		}
	}
	return nil
}

// past is one change that is being held against its past.
type past struct {
	c      *wire.Change
	g      *graph.Graph
	f      *fold.Fold
	change func(wire.Hash) (*wire.Change, error)
	walks  int        // searches of the graph for single operations
	all    *graph.Set // the whole past, once there were too many of them
}

// walksAtMost is how many searches a change may cause before its whole past is
// written down. Most changes need one or two, which end soon; a hostile one could
// cause a million that go through the whole graph.
const walksAtMost = 16

// has reports whether h is among the change's deps or in their past.
func (p *past) has(h wire.Hash) bool {
	for _, d := range p.c.Deps {
		if p.all != nil {
			break
		}
		if d == h {
			return true
		}
		if p.walks++; p.walks > walksAtMost {
			all := p.g.Ancestors(p.c.Deps)
			p.all = &all
			break
		}
		if p.g.IsAncestor(h, d) {
			return true
		}
	}
	return p.all != nil && p.all.Has(h)
}

// own returns the place in the change of one of its own operations.
func (p *past) own(id wire.OpID) (int, bool) {
	if id.Actor != p.c.Actor || id.Counter < p.c.StartOp {
		return 0, false
	}
	return int(min(id.Counter-p.c.StartOp, uint64(len(p.c.Ops)))), true
}

func (p *past) object(k int) error {
	obj := p.c.Ops[k].Obj
	if obj == (wire.OpID{}) {
		return nil
	}
	if at, ok := p.own(obj); ok {
		if at < k && p.c.Ops[at].Action == wire.MakeMap {
			return nil
		}
		return fmt.Errorf("operation %d: %w", k, ErrObject)
	}
	if p.f.Owner(obj) == "" {
		return fmt.Errorf("operation %d: %w", k, ErrObject)
	}
	if _, ok := p.before(obj); !ok {
		return fmt.Errorf("operation %d: %w", k, ErrObject)
	}
	return nil
}

func (p *past) pred(k int, pred wire.OpID) error {
	op := &p.c.Ops[k]
	if at, ok := p.own(pred); ok {
		if at < k && sameKey(&p.c.Ops[at], op) {
			return nil
		}
		return fmt.Errorf("operation %d: %w", k, ErrPred)
	}
	h, ok := p.before(pred)
	if !ok {
		return fmt.Errorf("operation %d: %w", k, ErrPred)
	}
	if op.Key.Kind == wire.MapKey {
		for _, live := range p.f.Values(op.Obj, op.Key.Prop) {
			if live.Op == pred {
				return nil
			}
		}
	}
	// It is not live any more, because somebody else replaced it too; what it was
	// stands in the change that made it.
	c, err := p.change(h)
	if err != nil {
		return err
	}
	if at := pred.Counter - c.StartOp; !sameKey(&c.Ops[at], op) {
		return fmt.Errorf("operation %d: %w", k, ErrPred)
	}
	return nil
}

func sameKey(a, b *wire.Op) bool { return a.Obj == b.Obj && a.Key == b.Key }

// before returns the change that an operation is in, if that is in the past.
func (p *past) before(id wire.OpID) (wire.Hash, bool) {
	// The last of the actor's changes that begins at or before the operation.
	seqs := int(p.g.SeqOf(id.Actor))
	n := sort.Search(seqs, func(i int) bool {
		h, _ := p.g.BySeq(id.Actor, uint64(i)+1)
		m, _ := p.g.Node(h)
		return m.StartOp > id.Counter
	})
	if n == 0 {
		return wire.Hash{}, false
	}
	h, _ := p.g.BySeq(id.Actor, uint64(n))
	if m, ok := p.g.Node(h); !ok || id.Counter > m.MaxOp {
		return wire.Hash{}, false
	}
	if id.Actor == p.c.Actor {
		return h, true // an actor's changes are a chain
	}
	if p.has(h) {
		return h, true
	}
	return wire.Hash{}, false
}
