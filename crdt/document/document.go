// Package document accepts or refuses the changes of one document, whoever sends them: it
// decodes and checks a change, decides whether the change may be part of the document, and
// reports what follows. It has no I/O, no clock and no goroutines; devices, relays and audits
// add those.
//
// A change passes two stages. An Inspector checks its bytes alone: form, hash, signature,
// shape. Document.Add adds it to the graph, where it stays pending while dependencies are
// missing, and validates it against the event's rules once they are there. A Loader does the
// second stage for the rows of a ledger, which some version of this program has accepted
// before.
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

// ErrInconsistent is returned if graph, policy and projection disagree. That is a bug of this
// program, and not a reason to refuse a change. Do not use the document any more.
var ErrInconsistent = errors.New("document: graph, policy and projection disagree")

// MaxRefusals is the number of refused changes that a document remembers by default.
const MaxRefusals = 1 << 14

// Options configure a Document. The zero value is for an event, without a projection.
type Options struct {
	// Open accepts any Automerge document, without the rules of an event.
	Open bool
	// Projection maintains the views. A relay needs none.
	Projection bool
	// Validated is for readers of a ledger whose owner has validated every change:
	// changes are added in causal order, and the event's rules are not checked again.
	Validated bool
	// OneVersion refuses the second of two changes with one actor and sequence number, as
	// stock Automerge clients do. Otherwise both are part of the document.
	OneVersion bool
	// Refusals are the refusals that are known already. The document adds to them, so that a
	// document that is loaded again need not refuse the same changes once more. nil: none.
	Refusals *Refusals
}

// Document holds the graph of one document's changes, and the policy and projection that
// follow from them. It is not safe for concurrent use.
type Document struct {
	event      qa.EventID
	open       bool // see Options.Open
	graph      *graph.Graph
	policy     *policy.Policy         // nil with Options.Open or Options.Validated
	projection *projection.Projection // nil without Options.Projection

	// pending has the change that is being added, and the changes that are pending in the
	// graph.
	pending     map[wire.Hash]*Change
	unprojected []*Change // applied by the graph but not yet by the projection
	refusals    *Refusals
	// excluded are rows of the ledger that are not part of the document: changes that the
	// event's rules refuse, and changes that depend on them.
	excluded map[wire.Hash]storage.Status
	// returning are rows that are excluded in the ledger and pending in the graph.
	returning map[wire.Hash]struct{}
}

// New returns a document without changes.
func New(event qa.EventID, o Options) *Document {
	d := &Document{
		event: event, open: o.Open, refusals: o.Refusals,
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

// Graph returns the graph of the changes. Add changes to it only through the document.
func (d *Document) Graph() *graph.Graph { return d.graph }

// Policy returns the event's policy; nil for an open document and with
// Options.Validated.
func (d *Document) Policy() *policy.Policy { return d.policy }

// Projection returns the event's projection; nil without Options.Projection.
func (d *Document) Projection() *projection.Projection { return d.projection }

// Excluded returns the rows of the ledger that are not part of the document, with the status
// that they should have on disk. Do not modify it.
func (d *Document) Excluded() map[wire.Hash]storage.Status { return d.excluded }

// HasOrPending reports whether a change is part of the document or pending.
func (d *Document) HasOrPending(h wire.Hash) bool { return d.graph.Has(h) || d.graph.IsPending(h) }

// Unwanted reports whether a change was refused or is excluded, so that it must not be
// requested.
func (d *Document) Unwanted(h wire.Hash) bool {
	_, excluded := d.excluded[h]
	return excluded || d.refusals.Has(h)
}

// CanSkip reports whether a change that a peer offers can be ignored: the document has it, or
// it is unwanted. A change that was refused for its signature cannot be ignored, because it
// may come with the right signature now.
func (d *Document) CanSkip(h wire.Hash) bool {
	if r, refused := d.refusals.Get(h); refused && r.Code != policy.CodeSignature {
		return true
	}
	_, excluded := d.excluded[h]
	return excluded || d.HasOrPending(h)
}

// Added is the result of adding a change.
type Added struct {
	// Applied are the changes that became part of the document, in causal order: the added
	// change and the pending changes that needed it. Empty if the change is pending.
	Applied []*Change
	// Refusal is the reason why the change is refused; nil if it is not.
	Refusal *policy.Refusal
	// Rejected are pending changes that were refused now that their dependencies are known.
	Rejected []Rejection

	returned map[wire.Hash]struct{} // the changes in Applied that are excluded on disk
	err      error                  // the error that Refusal describes
}

// Rejection is a pending change that was refused.
type Rejection struct {
	Change  *Change
	Refusal *policy.Refusal
}

// AppendTo adds the applied changes to a batch for the ledger. now, in ms since 1970, is the
// time of receipt of changes that have none.
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

// RefusalFromDeps returns a refusal if a dependency of the change was refused or is excluded;
// else nil.
func (d *Document) RefusalFromDeps(c *Change) *policy.Refusal {
	if slices.ContainsFunc(c.Meta.Deps, d.Unwanted) {
		return policy.RefusalOf(graph.ErrDependsOnRefused)
	}
	return nil
}

// Add adds a change that an Inspector has passed, or that this device made. It remembers
// changes that it refuses, see Refuse. It does not check whether dependencies were refused
// before; for that, call RefusalFromDeps first.
//
// On an error nothing was added. graph.ErrPendingFull and graph.ErrFull mean that the change
// can be added later. The other error is ErrInconsistent.
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

// add is Add without remembering refusals.
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

// rejected remembers and returns the pending changes that the graph has rejected. Call it
// whenever the graph may have rejected changes. Otherwise a change that comes again could be
// mistaken for a rejected one.
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

// admit validates a change. The graph calls it before it applies a change, also a pending one.
// The graph has applied all earlier admitted changes by then. So admit first projects these,
// and at most one change is decoded at a time, however many were pending.
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

// project applies to the projection the changes that the graph has applied.
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

// Refuse remembers that a change is refused, so that it is not requested and changes that
// depend on it are refused too. It returns the pending changes that are refused with it.
func (d *Document) Refuse(h wire.Hash, why *policy.Refusal) []Rejection {
	d.refusals.known.Put(h, why)
	d.graph.Refuse(h)
	rejected, _ := d.rejected() // no change was admitted, so there is no error
	return rejected
}

// Forget removes a pending change, as if it had never arrived.
func (d *Document) Forget(h wire.Hash) {
	d.graph.Forget(h)
	delete(d.pending, h)
	delete(d.returning, h)
}

// Touched returns the rows of the views that changed since the last call.
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

// Views returns all rows of the views, including those that Touched would return.
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
