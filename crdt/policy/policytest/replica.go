package policytest

import (
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// Replica takes changes as a relay and a device do: decoded, signed, in their place
// in the graph, valid. What comes before its past waits.
type Replica struct {
	Event   qa.EventID
	Graph   *graph.Graph
	Policy  *policy.Policy
	Taken   []*wire.Change // in the order they were applied
	pending map[wire.Hash]*wire.Change
}

// NewReplica returns a replica without changes.
func NewReplica(event qa.EventID) *Replica {
	r := &Replica{Event: event, pending: map[wire.Hash]*wire.Change{}}
	r.Graph = graph.New(graph.Forks, graph.Admit(r.admit))
	r.Policy = policy.New(event, r.Graph)
	return r
}

func (r *Replica) admit(m graph.Meta) error {
	c := r.pending[m.Hash]
	if err := r.Policy.Validate(c); err != nil {
		return err
	}
	if err := r.Policy.Add(c); err != nil {
		return fmt.Errorf("what was judged cannot be added: %w", err)
	}
	r.Taken = append(r.Taken, c)
	return nil
}

// Take takes a change as it travels. A *policy.Refusal is returned when it is not
// taken, nil when it is or when it waits.
func (r *Replica) Take(s Signed) error {
	c, err := wire.DecodeChange(s.Bytes)
	if err == nil {
		err = keys.Verify(r.Event, c.Actor, c.Hash, s.Signature)
	}
	if err != nil {
		return policy.RefusalOf(err)
	}
	return r.TakeChange(c)
}

// TakeChange is Take for a change that was decoded and whose signature was checked.
func (r *Replica) TakeChange(c *wire.Change) error {
	r.pending[c.Hash] = c
	if _, err := r.Graph.Add(graph.MetaOf(c)); err != nil {
		return policy.RefusalOf(err)
	}
	return nil
}
