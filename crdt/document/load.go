package document

import (
	"errors"
	"maps"
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/storage"
)

// Loader builds a document from the rows of its ledger. They were validated when they were
// stored, so the Loader of Load checks them only against rules that earlier versions of this
// program did not have.
type Loader struct {
	document      *Document
	inspector     Inspector
	checked       bool // rows are inspected and validated like changes from a peer
	statuses      map[wire.Hash]storage.Status
	reasons       map[wire.Hash]*policy.Refusal
	excludedLater []wire.Hash
}

// Loaded lists the differences between a loaded document and its ledger.
type Loaded struct {
	// Statuses has the new status of each row whose status on disk is wrong: rows that the
	// rules of this version refuse, rows that depend on those, and rows that an earlier
	// version excluded and that are part of the document again.
	Statuses map[wire.Hash]storage.Status
	// Reasons has, by row, why the rules of this version refuse it.
	Reasons map[wire.Hash]*policy.Refusal
	// ExcludedLater has the rows for which Row returned a change, but that were excluded later in
	// the load, when their dependencies arrived.
	ExcludedLater []wire.Hash
	// Pending is the number of rows about which nothing is decided, because a row that they
	// depend on is missing or damaged.
	Pending int
}

// Excludes reports whether rows are excluded that are not excluded on disk.
func (l *Loaded) Excludes() bool {
	for _, status := range l.Statuses {
		if status != storage.InDocument {
			return true
		}
	}
	return false
}

// Load begins loading a document that has no changes yet. The given rows are excluded, with
// these statuses.
func (d *Document) Load(without map[wire.Hash]storage.Status) *Loader {
	maps.Copy(d.excluded, without)
	return &Loader{document: d, inspector: Inspector{Event: d.event, Open: d.open}, statuses: map[wire.Hash]storage.Status{}, reasons: map[wire.Hash]*policy.Refusal{}}
}

// LoadChecked is like Load, but inspects and validates each row like a change from a peer. It
// is for a document with the rules of an event.
func (d *Document) LoadChecked() *Loader {
	l := d.Load(nil)
	l.checked = true
	return l
}

// Row loads the next row of the ledger and returns its change; nil if the row is not part of
// the document. A row that depends on a damaged row stays pending until that one has been
// fetched again. An error concerns only this row: its bytes cannot be read, or too many rows
// are pending. Loading can continue after every error except ErrInconsistent.
func (l *Loader) Row(e *storage.Entry) (*Change, error) {
	d := l.document
	if d.isExcluded(e.Hash()) {
		return nil, nil
	}
	if e.Status != storage.InDocument && e.Status != storage.Excluded {
		return nil, l.keepExcluded(e.Hash(), e.Status)
	}
	c, refusal, err := l.readRow(e)
	if e.Status == storage.Excluded {
		if err != nil {
			return nil, l.keepExcluded(e.Hash(), e.Status)
		}
		return l.restore(c)
	}
	if err != nil {
		return nil, err
	}
	if refusal == nil && slices.ContainsFunc(c.Meta.Deps, d.isExcluded) {
		refusal = policy.RefusalOf(graph.ErrDependsOnRefused)
	}
	if refusal != nil {
		l.exclude(e.Hash(), refusal)
		return nil, l.excludeRejected()
	}
	c.stored = !l.checked
	a, err := d.add(c)
	if err != nil {
		return nil, err
	}
	l.noteReturned(a)
	if a.Refusal != nil {
		if !l.checked && !errors.As(a.err, &refusal) {
			return nil, a.err // no version would have accepted this row: the ledger is damaged
		}
		l.exclude(e.Hash(), a.Refusal)
		return nil, l.excludeRejected()
	}
	return c, l.excludeRejected()
}

// restore adds a row that an earlier version excluded because an actor had signed two changes
// with one sequence number. Earlier versions excluded both changes and all that depended on
// either. Such rows are valid now. A row that is invalid for another reason stays excluded.
func (l *Loader) restore(c *Change) (*Change, error) {
	d := l.document
	h := c.Meta.Hash
	valid := !slices.ContainsFunc(c.Meta.Deps, d.isExcluded) &&
		(d.policy == nil || keys.Verify(d.event, c.Meta.Actor, h, c.Signature) == nil)
	if valid {
		d.returning[h] = struct{}{}
		a, err := d.add(c)
		if errors.Is(err, ErrInconsistent) {
			return nil, err
		}
		l.noteReturned(a)
		if err == nil && a.Refusal == nil {
			return c, l.excludeRejected()
		}
		delete(d.returning, h)
	}
	return nil, l.keepExcluded(h, storage.Excluded)
}

// keepExcluded excludes a row that is excluded on disk.
func (l *Loader) keepExcluded(h wire.Hash, status storage.Status) error {
	l.document.excluded[h] = status
	l.document.graph.Refuse(h)
	return l.excludeRejected()
}

// readRow decodes a row, and inspects it if the Loader is that of LoadChecked.
func (l *Loader) readRow(e *storage.Entry) (*Change, *policy.Refusal, error) {
	if l.checked {
		found, err := l.inspector.InspectChunk(e.Chunk, e.Signature)
		if err != nil || found.Refusal != nil {
			return nil, found.Refusal, err
		}
		found.Change.fromLedger, found.Change.ReceivedAtMillis = true, e.ReceivedAtMillis
		return found.Change, nil, nil
	}
	decoded, err := e.Decode(l.inspector.Limits())
	if err != nil {
		return nil, nil, err
	}
	c := NewChange(decoded, e.Chunk, e.Signature, e.ReceivedAtMillis)
	c.fromLedger = true
	return c, nil, nil
}

func (d *Document) isExcluded(h wire.Hash) bool {
	_, excluded := d.excluded[h]
	return excluded
}

// noteReturned notes the applied rows that are excluded in the ledger.
func (l *Loader) noteReturned(a Added) {
	for h := range a.returned {
		l.statuses[h] = storage.InDocument
	}
}

// exclude excludes a row that is part of the document in the ledger. Call excludeRejected
// afterwards.
func (l *Loader) exclude(h wire.Hash, why *policy.Refusal) {
	status := storage.Refused
	if why.Code == policy.CodeDependsOn {
		status = storage.Excluded
	} else {
		l.reasons[h] = why
	}
	l.statuses[h] = status
	l.document.excluded[h] = status
	l.document.graph.Refuse(h)
}

// excludeRejected excludes the pending rows that the graph has rejected.
func (l *Loader) excludeRejected() error {
	d := l.document
	for {
		rejected := d.graph.Rejected()
		if len(rejected) == 0 {
			return nil
		}
		for _, r := range rejected {
			if errors.Is(r.Err, ErrInconsistent) {
				return r.Err
			}
			delete(d.pending, r.Hash)
			l.excludedLater = append(l.excludedLater, r.Hash)
			if _, returns := d.returning[r.Hash]; returns {
				delete(d.returning, r.Hash)
				d.excluded[r.Hash] = storage.Excluded
				d.graph.Refuse(r.Hash)
				continue
			}
			l.exclude(r.Hash, policy.RefusalOf(r.Err))
		}
	}
}

// Finish ends loading. Touched does not report what was loaded.
func (l *Loader) Finish() (Loaded, error) {
	d := l.document
	err := l.excludeRejected()
	if d.projection != nil {
		d.projection.Touched()
	}
	return Loaded{Statuses: l.statuses, Reasons: l.reasons, ExcludedLater: l.excludedLater, Pending: d.graph.PendingLen()}, err
}
