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
// stored, so the Loader checks them only against rules that earlier versions of this program
// did not have.
type Loader struct {
	document      *Document
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
	return &Loader{document: d, statuses: map[wire.Hash]storage.Status{}, reasons: map[wire.Hash]*policy.Refusal{}}
}

// Row loads the next row of the ledger and returns its change; nil if the row is not part of
// the document. A row that depends on a damaged row stays pending until that one has been
// fetched again. An error concerns only this row: its bytes cannot be read, or too many rows
// are pending. Loading can continue after every error except ErrInconsistent.
func (l *Loader) Row(e *storage.Entry) (*Change, error) {
	d := l.document
	if d.isExcluded(e.Hash) {
		return nil, nil
	}
	if e.Status != storage.InDocument && e.Status != storage.Excluded {
		return nil, l.keepExcluded(e.Hash, e.Status)
	}
	c, err := d.readRow(e)
	if e.Status == storage.Excluded {
		if err != nil {
			return nil, l.keepExcluded(e.Hash, e.Status)
		}
		return l.restore(c)
	}
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.Meta.Deps, d.isExcluded) {
		l.exclude(c, policy.RefusalOf(graph.ErrDependsOnRefused))
		return nil, nil
	}
	c.stored = true
	a, err := d.add(c)
	if err != nil {
		return nil, err
	}
	l.noteReturned(a)
	if a.Refusal != nil {
		var refusal *policy.Refusal
		if !errors.As(a.err, &refusal) {
			return nil, a.err // no version would have accepted this row: the ledger is damaged
		}
		l.exclude(c, a.Refusal)
		return nil, nil
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

// readRow decodes a row. It returns storage.ErrDamaged if the bytes are those of another
// change.
func (d *Document) readRow(e *storage.Entry) (*Change, error) {
	limits := wire.EventLimits
	if d.policy == nil {
		limits = wire.OpenLimits
	}
	decoded, err := wire.DecodeChangeLimits(e.Bytes, limits)
	if err != nil {
		return nil, err
	}
	if decoded.Hash != e.Hash {
		return nil, storage.ErrDamaged
	}
	c := NewChange(decoded, e.Bytes, e.Signature, e.ReceivedAtMillis)
	c.fromLedger = true
	return c, nil
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

// exclude excludes a row that is part of the document in the ledger.
func (l *Loader) exclude(c *Change, why *policy.Refusal) {
	h, status := c.Meta.Hash, storage.Refused
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
			c := d.pending[r.Hash]
			delete(d.pending, r.Hash)
			l.excludedLater = append(l.excludedLater, r.Hash)
			if _, returns := d.returning[r.Hash]; returns {
				delete(d.returning, r.Hash)
				d.excluded[r.Hash] = storage.Excluded
				d.graph.Refuse(r.Hash)
				continue
			}
			l.exclude(c, policy.RefusalOf(r.Err))
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
	return Loaded{Statuses: l.statuses, Reasons: l.reasons, ExcludedLater: l.excludedLater}, err
}
