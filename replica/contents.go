package replica

import (
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// contents is what the changes of a document add up to, in memory: which changes there
// are, which wait for others, who may do what, and what pages show. It has no I/O and no
// clock; the document reads the ledger into it, and stores what it applied.
type contents struct {
	graph      *graph.Graph
	policy     *policy.Policy
	projection *projection.Projection
	// pending holds the change being added and those that wait for others. The ledger
	// has none of them yet.
	pending map[wire.Hash]pendingChange
	applied []pendingChange // by the graph, not yet by the projection
}

// pendingChange is a change on its way into the contents.
type pendingChange struct {
	change    *wire.Change
	bytes     []byte
	signature []byte
	stored    bool  // it is from the ledger, so it was valid once
	received  int64 // ms, this device's clock
}

// errInconsistent says that graph, policy and projection disagree, which is a fault of
// this program and no reason to refuse anything.
var errInconsistent = errors.New("replica: graph, policy and projection disagree")

// newContents returns the contents of a document without changes.
func newContents(event qa.EventID) *contents {
	c := &contents{pending: map[wire.Hash]pendingChange{}}
	c.graph = graph.New(graph.Forks, graph.Admit(c.admit))
	c.policy = policy.New(event, c.graph)
	c.projection = projection.New(event, c.graph, c.policy.Authority())
	return c
}

// admit is called by the graph before it applies a change, also one that waited.
// Those it was called for before are applied by now, so the projection takes them first:
// it has to know the past of what is validated.
func (c *contents) admit(m graph.Meta) error {
	if err := c.project(); err != nil {
		return err
	}
	p, ok := c.pending[m.Hash]
	if !ok {
		return fmt.Errorf("%w: the graph applies a change that was not added", errInconsistent)
	}
	if p.stored {
		if err := c.policy.Recheck(p.change); err != nil {
			return err
		}
	} else if err := c.policy.Validate(p.change); errors.Is(err, policy.ErrOrder) {
		return fmt.Errorf("%w: %w", errInconsistent, err)
	} else if err != nil {
		return err
	}
	if err := c.policy.Add(p.change); err != nil {
		return fmt.Errorf("%w: %w", errInconsistent, err)
	}
	c.applied = append(c.applied, p)
	return nil
}

// project gives the projection what the graph has applied.
func (c *contents) project() error {
	for len(c.applied) > 0 {
		p := c.applied[0]
		c.applied = c.applied[1:]
		if err := c.projection.ApplyReceived(p.change, p.received); err != nil {
			return fmt.Errorf("%w: %w", errInconsistent, err)
		}
	}
	return nil
}

// add adds a change. It returns what was applied, in causal order: the change and those
// that waited for it; none when the change has to wait.
func (c *contents) add(p pendingChange) ([]pendingChange, error) {
	h := p.change.Hash
	c.pending[h] = p
	added, err := c.graph.Add(graph.MetaOf(p.change))
	if fault := c.project(); fault != nil {
		err = fault
	}
	applied := make([]pendingChange, 0, len(added))
	for _, h := range added {
		applied = append(applied, c.pending[h])
		delete(c.pending, h)
	}
	if err != nil || !c.graph.Waiting(h) {
		delete(c.pending, h)
	}
	return applied, err
}

// rejection is a change that waited, and that the graph rejected when its turn came.
type rejection struct {
	pendingChange
	hash wire.Hash
	err  error
}

// rejected returns the changes that were rejected since the last call.
func (c *contents) rejected() []rejection {
	var out []rejection
	for _, r := range c.graph.Rejected() {
		out = append(out, rejection{c.pending[r.Hash], r.Hash, r.Err})
		delete(c.pending, r.Hash)
	}
	return out
}

// views returns the rows of what was touched since the last call.
func (c *contents) views() storage.ViewUpdate {
	t := c.projection.Touched()
	var v storage.ViewUpdate
	if t.Event {
		event := c.projection.Event()
		v.Event = &event
	}
	for _, id := range t.Posts {
		if p, ok := c.projection.Post(id); ok {
			v.Posts = append(v.Posts, p)
		}
	}
	for _, r := range t.Reactions {
		v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: r.Post, Reaction: r.Reaction, On: r.On})
	}
	for _, id := range t.People {
		if p, ok := c.projection.Person(id); ok {
			v.People = append(v.People, p)
		}
	}
	return v
}

// allViews returns every row.
func (c *contents) allViews() storage.ViewUpdate {
	if c.graph.Len() == 0 {
		return storage.ViewUpdate{}
	}
	event := c.projection.Event()
	v := storage.ViewUpdate{Event: &event, Posts: c.projection.Posts(), People: c.projection.People()}
	for _, p := range v.Posts {
		for _, r := range p.Reactions {
			v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: p.ID, Reaction: r, On: true})
		}
	}
	return v
}
