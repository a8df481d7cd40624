package projection

import (
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// weeks returns what a club lists, nil when this is none. A week whose title is
// empty has been taken off the list: keys are never deleted.
func (f *Projection) weeks() []qa.ListedWeek {
	weeks := child(&f.root, "weeks")
	if weeks == nil {
		return nil
	}
	var out []qa.ListedWeek
	for i := range weeks.props {
		id := weeks.props[i].key
		of := child(weeks, id)
		w := qa.ListedWeek{ID: qa.EventID(id)}
		for _, r := range schema.MapWeek.Values() {
			qa.SetField(&w, r.Field, f.effective(of, r.Key, "", r.By).as(r))
		}
		if w.Title == "" {
			continue
		}
		if qa.CheckRelay(w.Relay) != nil { // an address that is none is as good as none given
			w.Relay = ""
		}
		out = append(out, w)
	}
	return qa.TrimWeeks(out)
}

// Blob returns the change that holds the bytes of a blob, false when there is none
// of that key. The bytes themselves are not kept: they stand in the ledger.
func (f *Projection) Blob(key string) (wire.Hash, bool) {
	blobs := child(&f.root, "blobs")
	if blobs == nil || key == "" {
		return wire.Hash{}, false
	}
	e := winner(blobs, key)
	if e == nil || e.made || e.kind != wire.Bytes {
		return wire.Hash{}, false
	}
	return f.changes[e.change].hash, true
}
