// Package document is the core of a document that takes changes from anybody: it
// decides what a change is, whether it may be part of the document, and what follows
// from it. It has no I/O, no clock and no goroutines; devices, relays and audits put
// those around it.
//
// A change passes two stages. An Inspector looks at its bytes alone: form, hash,
// signature, shape. Document.Add puts it in its place in the graph, or lets it wait for
// what it depends on, and holds it against the event's rules once its past is there.
// A Loader does the second stage for the rows of a ledger, which some version of this
// program has taken before.
package document

import (
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ErrInconsistent says that graph, policy and projection disagree, which is a fault of
// this program and no reason to refuse anything. The document must not be used any more.
var ErrInconsistent = errors.New("document: graph, policy and projection disagree")

// MaxRefusals is how many refused changes a document remembers unless Options say
// otherwise.
const MaxRefusals = 1 << 14

// Options of a Document. The zero value is an event's document without a projection.
type Options struct {
	// Open is for any Automerge document, without the rules of an event.
	Open bool
	// Projection keeps what pages show. A relay needs none.
	Projection bool
	// Validated is for readers of a ledger whose owner has validated every change:
	// changes are added in causal order, and the event's rules are not checked again.
	Validated bool
	// OneVersion refuses the second of two changes to which an actor gave one sequence
	// number, as stock Automerge clients do. Otherwise both are part of the document.
	OneVersion bool
	// Refusals are those to begin with, and are kept up to date: a document that is
	// loaded again need not refuse everything once more. nil: none.
	Refusals *Refusals
}

// Document is the changes of one document and what they add up to. It is not safe for
// concurrent use.
type Document struct {
	event      qa.EventID
	graph      *graph.Graph
	policy     *policy.Policy         // nil: open, or Options.Validated
	projection *projection.Projection // nil: without

	// pending holds the change being added, and those that wait in the graph.
	pending     map[wire.Hash]*Change
	unprojected []*Change // applied by the graph, and not yet by the projection
	refusals    *Refusals
	// excluded are rows of the ledger that are not part of the document: changes that the
	// event's rules refuse, with what depends on them.
	excluded map[wire.Hash]storage.Status
	// returning are rows that the ledger says are excluded, and that wait in the graph.
	returning map[wire.Hash]struct{}
}

// New returns a document without changes.
func New(event qa.EventID, o Options) *Document {
	d := &Document{
		event: event, refusals: o.Refusals,
		pending:  map[wire.Hash]*Change{},
		excluded: map[wire.Hash]storage.Status{}, returning: map[wire.Hash]struct{}{},
	}
	if d.refusals == nil {
		d.refusals = NewRefusals(MaxRefusals)
	}
	if o.Open {
		d.graph = graph.New(graph.Lenient)
		return d
	}
	options := []graph.Option{graph.Admit(d.admit)}
	if !o.OneVersion {
		options = append(options, graph.Forks)
	}
	d.graph = graph.New(options...)
	var roles *authority.Authority
	if o.Validated {
		roles = authority.New(d.graph)
	} else {
		d.policy = policy.New(event, d.graph)
		roles = d.policy.Authority()
	}
	if o.Projection {
		d.projection = projection.New(event, d.graph, roles)
	}
	return d
}

// Graph returns the graph of the changes. Changes are added to it through the document
// only.
func (d *Document) Graph() *graph.Graph { return d.graph }

// Policy returns the event's rules as they stand; nil for an open document and with
// Options.Validated.
func (d *Document) Policy() *policy.Policy { return d.policy }

// Projection returns what the changes add up to; nil of a document without.
func (d *Document) Projection() *projection.Projection { return d.projection }

// Excluded returns the rows of the ledger that are not part of the document, with the
// status that they have or should have on disk. It is not to be changed.
func (d *Document) Excluded() map[wire.Hash]storage.Status { return d.excluded }

// HasOrPending reports whether a change is part of the document, or waits to be.
func (d *Document) HasOrPending(h wire.Hash) bool { return d.graph.Has(h) || d.graph.IsPending(h) }

// Unwanted reports whether a change is not part of the document, and is not to be asked
// for: it was refused, or is excluded.
func (d *Document) Unwanted(h wire.Hash) bool {
	_, excluded := d.excluded[h]
	return excluded || d.refusals.Has(h)
}

// CanSkip reports whether nothing is to be done about a change that is offered: the
// document holds it, or does not want it. One that was refused for its signature may
// come again with the right one.
func (d *Document) CanSkip(h wire.Hash) bool {
	if r, refused := d.refusals.Get(h); refused && r.Code != policy.CodeSignature {
		return true
	}
	_, excluded := d.excluded[h]
	return excluded || d.HasOrPending(h)
}

// Added is what followed from adding a change.
type Added struct {
	// Applied are the changes that became part of the document, in a causal order: the
	// one that was added and those that waited for it. None when it has to wait.
	Applied []*Change
	// Refusal says why the change is refused; nil when it is not.
	Refusal *policy.Refusal
	// Rejected are changes that waited, and that were refused when their turn came or
	// because they depend on one that was.
	Rejected []Rejection

	returned map[wire.Hash]struct{} // of Applied, those that are excluded on disk
	err      error                  // what Refusal was made from
}

// Rejection is a change that waited, and that is refused.
type Rejection struct {
	Change  *Change
	Refusal *policy.Refusal
}

// AppendTo adds the applied changes to a batch for the ledger, as received at a time in
// ms since 1970 where they do not say otherwise.
func (a *Added) AppendTo(b *storage.Batch, now int64) {
	for _, c := range a.Applied {
		b.Entries = append(b.Entries, c.entry(now))
		if _, returned := a.returned[c.Meta.Hash]; returned {
			if b.Statuses == nil {
				b.Statuses = map[wire.Hash]storage.Status{}
			}
			b.Statuses[c.Meta.Hash] = storage.InDocument
		}
	}
}

// RefusalFromDeps returns why a change cannot be part of the document whatever it says:
// something that it depends on was refused, or is excluded. nil if there is no such thing.
func (d *Document) RefusalFromDeps(c *Change) *policy.Refusal {
	if slices.ContainsFunc(c.Meta.Deps, d.Unwanted) {
		return policy.RefusalOf(graph.ErrDependsOnRefused)
	}
	return nil
}

// Add adds a change that an Inspector has passed, or that was made here. What it refuses
// it remembers, see Refuse; what was refused before is the caller's to ask for, with
// RefusalFromDeps.
//
// An error says that nothing was added: graph.ErrPendingFull or graph.ErrFull, when the
// change may be offered again, or ErrInconsistent.
func (d *Document) Add(c *Change) (Added, error) {
	a, err := d.add(c)
	if err != nil {
		return a, err
	}
	if a.Refusal != nil {
		a.Rejected = d.Refuse(c.Meta.Hash, a.Refusal)
		return a, nil
	}
	a.Rejected, err = d.rejected()
	return a, err
}

// add adds a change and remembers no refusals.
func (d *Document) add(c *Change) (Added, error) {
	h := c.Meta.Hash
	d.pending[h] = c
	var a Added
	hashes, err := d.graph.Add(c.Meta)
	if fault := d.project(); fault != nil {
		err = fault
	}
	for _, h := range hashes {
		a.Applied = append(a.Applied, d.pending[h])
		delete(d.pending, h)
		if _, returns := d.returning[h]; returns || d.isExcluded(h) {
			delete(d.returning, h)
			delete(d.excluded, h)
			if a.returned == nil {
				a.returned = map[wire.Hash]struct{}{}
			}
			a.returned[h] = struct{}{}
		}
	}
	c.forgetDecoded()
	if err != nil || !d.graph.IsPending(h) {
		delete(d.pending, h)
	}
	if errors.Is(err, graph.ErrPendingFull) || errors.Is(err, graph.ErrFull) || errors.Is(err, ErrInconsistent) {
		return a, err
	}
	a.Refusal, a.err = policy.RefusalOf(err), err
	return a, nil
}

// rejected remembers and returns the changes that waited and that the graph has rejected.
// To be called whenever the graph may have done so: else a change could be taken for
// rejected that came again.
func (d *Document) rejected() (out []Rejection, err error) {
	for _, r := range d.graph.Rejected() {
		if errors.Is(r.Err, ErrInconsistent) {
			err = r.Err
		}
		why := policy.RefusalOf(r.Err)
		d.refusals.known.Put(r.Hash, why)
		if c, waited := d.pending[r.Hash]; waited {
			out = append(out, Rejection{c, why})
		}
		delete(d.pending, r.Hash)
		delete(d.returning, r.Hash)
	}
	return out, err
}

// admit is called by the graph before it applies a change, also one that waited.
// Those it was called for before are applied by now, so the projection takes them first,
// and no more than one is decoded at a time however many waited.
func (d *Document) admit(m graph.Meta) error {
	if err := d.project(); err != nil {
		return err
	}
	p, ok := d.pending[m.Hash]
	if !ok {
		return fmt.Errorf("%w: the graph applies a change that was not added", ErrInconsistent)
	}
	c, err := p.decode()
	if err != nil {
		return err
	}
	if d.policy != nil {
		if err := d.validate(c, p.stored); err != nil {
			return err
		}
	}
	if d.projection != nil {
		p.Decoded = c
		d.unprojected = append(d.unprojected, p)
	}
	return nil
}

// validate checks a change against the event's rules and adds it to the policy.
func (d *Document) validate(c *wire.Change, stored bool) error {
	check := d.policy.Validate
	if stored {
		check = d.policy.Recheck
	}
	if err := check(c); errors.Is(err, policy.ErrOrder) {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	} else if err != nil {
		return err
	}
	if err := d.policy.Add(c); err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	return nil
}

// project gives the projection what the graph has applied.
func (d *Document) project() error {
	for len(d.unprojected) > 0 {
		p := d.unprojected[0]
		d.unprojected = d.unprojected[1:]
		if err := d.projection.ApplyReceived(p.Decoded, p.ReceivedAtMillis); err != nil {
			return fmt.Errorf("%w: %w", ErrInconsistent, err)
		}
		p.forgetDecoded()
	}
	return nil
}

// Refuse remembers that a change is refused: it is not asked for, and what depends on it
// is refused too. It returns the changes that waited for it, which are refused with it.
func (d *Document) Refuse(h wire.Hash, why *policy.Refusal) []Rejection {
	d.refusals.known.Put(h, why)
	d.graph.Refuse(h)
	rejected, _ := d.rejected() // none was admitted meanwhile, so there is no error
	return rejected
}

// Forget takes a change that waits out of the document, as if it had never come.
func (d *Document) Forget(h wire.Hash) {
	d.graph.Forget(h)
	delete(d.pending, h)
	delete(d.returning, h)
}

// Touched returns the rows of the views that have changed since the last call.
func (d *Document) Touched() storage.ViewUpdate {
	t := d.projection.Touched()
	var v storage.ViewUpdate
	if t.Event {
		event := d.projection.Event()
		v.Event = &event
	}
	for _, id := range t.Posts {
		if p, ok := d.projection.Post(id); ok {
			v.Posts = append(v.Posts, p)
		}
	}
	for _, r := range t.Reactions {
		v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: r.Post, Reaction: r.Reaction, On: r.On})
	}
	for _, id := range t.People {
		if p, ok := d.projection.Person(id); ok {
			v.People = append(v.People, p)
		}
	}
	return v
}

// Views returns every row of the views. What Touched would have returned is among them.
func (d *Document) Views() storage.ViewUpdate {
	d.projection.Touched()
	if d.graph.Len() == 0 {
		return storage.ViewUpdate{}
	}
	event := d.projection.Event()
	v := storage.ViewUpdate{Event: &event, Posts: d.projection.Posts(), People: d.projection.People()}
	for _, p := range v.Posts {
		for _, r := range p.Reactions {
			v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: p.ID, Reaction: r, On: true})
		}
	}
	return v
}
