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

// Loader builds a document from the rows of its ledger. They were validated when they
// were stored, so they are held only against rules that an earlier version of this
// program may not have had.
type Loader struct {
	document *Document
	statuses map[wire.Hash]storage.Status
	reasons  map[wire.Hash]*policy.Refusal
	late     []wire.Hash
}

// Loaded is where a document that was loaded differs from its ledger.
type Loaded struct {
	// Statuses are those of the rows whose status on disk is another: rows that the rules
	// of this version refuse, with what depends on them, and rows that an earlier version
	// had excluded and that are part of the document again.
	Statuses map[wire.Hash]storage.Status
	// Reasons say why rows are refused by the rules of this version.
	Reasons map[wire.Hash]*policy.Refusal
	// Late are rows that Row said are part of the document, and that are excluded since
	// what they waited for has come.
	Late []wire.Hash
}

// Excludes reports whether rows are excluded that are not on disk.
func (l *Loaded) Excludes() bool {
	for _, status := range l.Statuses {
		if status != storage.InDocument {
			return true
		}
	}
	return false
}

// Load begins to load a document, which has no changes yet, without the rows that are
// given: they are excluded, with these statuses.
func (d *Document) Load(without map[wire.Hash]storage.Status) *Loader {
	maps.Copy(d.excluded, without)
	return &Loader{document: d, statuses: map[wire.Hash]storage.Status{}, reasons: map[wire.Hash]*policy.Refusal{}}
}

// Row takes the next row of the ledger and returns its change; nil when the row is not
// part of the document. A row that depends on a damaged one waits until that one has been
// fetched again. An error is about the row alone: its bytes cannot be read,
// or too many rows wait; except for ErrInconsistent, loading may go on after it.
func (l *Loader) Row(e *storage.Entry) (*Change, error) {
	d := l.document
	if d.isExcluded(e.Hash) {
		return nil, nil
	}
	if e.Status != storage.InDocument && e.Status != storage.Excluded {
		return nil, l.stay(e.Hash, e.Status)
	}
	c, err := d.readRow(e)
	if e.Status == storage.Excluded {
		if err != nil {
			return nil, l.stay(e.Hash, e.Status)
		}
		return l.takeBack(c)
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
			return nil, a.err // no version's rules would have let it in: the ledger is at fault
		}
		l.exclude(c, a.Refusal)
		return nil, nil
	}
	return c, l.excludeRejected()
}

// takeBack adds a row that an earlier version excluded because an actor had given one
// sequence number to two changes: that excluded both, and all that depended on either.
// Such rows are valid now. What an exclusion still holds for stays excluded.
func (l *Loader) takeBack(c *Change) (*Change, error) {
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
	return nil, l.stay(h, storage.Excluded)
}

// stay excludes a row as it is on disk.
func (l *Loader) stay(h wire.Hash, status storage.Status) error {
	l.document.excluded[h] = status
	l.document.graph.Refuse(h)
	return l.excludeRejected()
}

// readRow decodes a row. storage.ErrDamaged is returned when its bytes are another
// change's.
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

// noteReturned notes the rows among those applied that the ledger says are excluded.
func (l *Loader) noteReturned(a Added) {
	for h := range a.returned {
		l.statuses[h] = storage.InDocument
	}
}

// exclude notes that a row which the ledger has as part of the document is not.
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

// excludeRejected excludes the rows that waited and were rejected.
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
			l.late = append(l.late, r.Hash)
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

// Finish ends the loading: the document has all that the ledger has, so nothing of it is
// Touched.
func (l *Loader) Finish() (Loaded, error) {
	d := l.document
	err := l.excludeRejected()
	if d.projection != nil {
		d.projection.Touched()
	}
	return Loaded{Statuses: l.statuses, Reasons: l.reasons, Late: l.late}, err
}
