package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// mergeStep is how many changes of a bundle are processed in one transaction.
const mergeStep = 1000

// Errors of Bundle and Merge.
var (
	// ErrNothingToBundle is returned by Bundle for an event of which this device has no
	// changes yet.
	ErrNothingToBundle = errors.New("this event has not been fetched from its relay yet, so there is nothing to save")
	// ErrNoFirstChange is returned by Merge for an event that this device does not
	// follow, when the bundle does not begin with the event's first change.
	ErrNoFirstChange = errors.New("the bundle does not begin with the first change of its event; nothing was changed")
)

// MergeResult is the result of a merge, with the number of changes of each kind.
type MergeResult struct {
	Event               qa.EventID
	Added               int       // new on this device
	Known               int       // on this device before
	MissingDependencies int       // waiting for a dependency that is neither in the bundle nor on this device
	Excluded            int       // in the ledger, but refused by the rules, or dependent on such a change
	Refused             []Refusal // refused, in the order of the bundle
}

// Bundle writes an event as one file: its changes with their signatures. It leaves out
// changes that are excluded or refused, and anonymous questions that no relay has yet: a
// file from this device would reveal who asks. ErrNothingToBundle is returned for an event
// that has not been fetched.
func (n *Node) Bundle(ctx context.Context, id qa.EventID, w io.Writer) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	err = doc.load(ctx)
	withheld := maps.Clone(doc.withheld)
	doc.mu.Unlock()
	if err != nil {
		return err
	}
	b, err := bundle.NewWriter(w, id)
	if err != nil {
		return err
	}
	written := false
	err = n.store.Entries(ctx, id, 0, func(en storage.Entry) error {
		if en.Status != storage.InDocument || withheld[en.Hash()] {
			return nil
		}
		written = true
		return b.Add(bundle.Change{Bytes: en.Bytes(), Signature: en.Signature})
	})
	if err != nil {
		return err
	}
	if !written {
		return ErrNothingToBundle
	}
	return b.Close()
}

// Merge adds the changes of a bundle to their event, with the same checks as for changes
// from a relay, and follows the event from then on. It needs no network. Merging the same
// bundle again adds nothing. After an error some of the changes may have been added: these
// are valid, and merging again adds the rest.
func (n *Node) Merge(ctx context.Context, id qa.EventID, changes []bundle.Change) (MergeResult, error) {
	if _, err := qa.ParseEventID(string(id)); err != nil {
		return MergeResult{}, err
	}
	doc, err := n.document(id)
	if errors.Is(err, ErrUnknownEvent) {
		doc, err = n.followBundle(ctx, id, changes)
	}
	if err != nil {
		return MergeResult{}, err
	}
	doc.mu.Lock()
	doc.refused.ForgetRetryable() // as for a new connection: this bundle may have the valid signature
	doc.mu.Unlock()
	out := MergeResult{Event: id}
	for len(changes) > 0 {
		step := changes[:min(mergeStep, len(changes))]
		changes = changes[len(step):]
		if err := doc.merge(ctx, step, &out); err != nil {
			return out, err
		}
	}
	if out.Added == 0 {
		return out, nil
	}
	n.updated(id)
	return out, doc.runAutomatic(ctx)
}

// followBundle follows the event of a bundle, if it begins with that event's first
// change.
func (n *Node) followBundle(ctx context.Context, id qa.EventID, changes []bundle.Change) (*document, error) {
	if len(changes) == 0 {
		return nil, ErrNoFirstChange
	}
	first := (<-inspect(id, func([]inspected) {}, [][]byte{changes[0].Bytes}, changes[0].Signature, newInflation()))[0]
	if first.Refusal != nil || !first.Change.IsGenesis() {
		return nil, ErrNoFirstChange
	}
	if err := n.follow(ctx, n.newDocument(id), ""); err != nil {
		return nil, err
	}
	return n.document(id)
}

// merge processes some of a bundle's changes.
func (doc *document) merge(ctx context.Context, changes []bundle.Change, out *MergeResult) error {
	chunks := make([][]byte, len(changes))
	signatures := make([]byte, 0, len(changes)*keys.SignatureSize)
	for i, c := range changes {
		chunks[i] = c.Bytes
		signature := c.Signature
		if len(signature) != keys.SignatureSize {
			signature = make([]byte, keys.SignatureSize)
		}
		signatures = append(signatures, signature...)
	}
	doc.mu.Lock()
	err := doc.load(ctx)
	doc.mu.Unlock()
	if err != nil {
		return err
	}
	found := <-inspect(doc.id, doc.markKnown, chunks, signatures, newInflation())
	doc.mu.Lock()
	update, err := doc.mergeInspected(ctx, found, out)
	doc.mu.Unlock()
	if update.Status || len(update.Posts) > 0 {
		doc.node.subs.notify(update)
	}
	return err
}

func (doc *document) mergeInspected(ctx context.Context, found []inspected, out *MergeResult) (Update, error) {
	if err := doc.load(ctx); err != nil {
		return Update{}, err
	}
	known := map[wire.Hash]bool{}
	for i := range found {
		known[found[i].Hash] = doc.contents.Graph().Has(found[i].Hash)
	}
	waitingBefore := doc.contents.Graph().PendingLen()
	update, err := doc.addInspected(ctx, found)
	if err != nil {
		return update, fmt.Errorf("adding the changes of a bundle: %w", err)
	}
	for i := range found {
		h := found[i].Hash
		why, refused := doc.refused.Get(h)
		_, excluded := doc.contents.Excluded()[h]
		switch {
		case excluded:
			out.Excluded++
		case refused:
			out.Refused = append(out.Refused, refusalOf(h, why))
		case known[h]:
			out.Known++
		case doc.contents.Graph().Has(h):
			out.Added++
			known[h] = true // in case the bundle has it twice
		}
	}
	out.MissingDependencies += doc.contents.Graph().PendingLen() - waitingBefore
	update.Posts = append(update.Posts, doc.noteSeen()...)
	return update, nil
}
