package policytest

import (
	core "flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// Replica accepts changes as a relay or a device does: a change must decode, be signed, fit
// into the graph and be valid. A change that arrives before its dependencies stays pending.
type Replica struct {
	Event   qa.EventID
	Graph   *graph.Graph
	Policy  *policy.Policy
	Applied []*wire.Change // in the order of application
	// Rejected are pending changes that were refused once their dependencies had arrived.
	Rejected []core.Rejection

	document  *core.Document
	inspector core.Inspector
}

// NewReplica returns a replica without changes.
func NewReplica(event qa.EventID) *Replica {
	d := core.New(event, core.Options{})
	return &Replica{Event: event, Graph: d.Graph(), Policy: d.Policy(), document: d, inspector: core.Inspector{Event: event}}
}

// Apply adds a change as a peer would send it. It returns a *policy.Refusal if the change is
// refused, and nil if it was applied or is pending.
func (r *Replica) Apply(s Signed) error {
	found, err := r.inspector.Inspect(s.Bytes, s.Signature)
	if err != nil {
		return err
	}
	if found.Refusal != nil {
		return found.Refusal
	}
	return r.add(found.Change)
}

// ApplyChange is Apply for a decoded change whose signature was checked.
func (r *Replica) ApplyChange(c *wire.Change) error {
	return r.add(core.NewChange(c, wire.Chunk{}, nil, 0))
}

func (r *Replica) add(c *core.Change) error {
	added, err := r.document.Add(c)
	if err != nil {
		return policy.RefusalOf(err)
	}
	r.Rejected = append(r.Rejected, added.Rejected...)
	for _, a := range added.Applied {
		if err := a.Decode(); err != nil {
			return err
		}
		r.Applied = append(r.Applied, a.Decoded)
	}
	if added.Refusal != nil {
		return added.Refusal
	}
	return nil
}
