package projection

import (
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// weeks returns the weeks that a club lists, nil if this is not a club. Keys are never
// deleted: a week with an empty title was removed from the list.
func (f *Projection) weeks() []qa.ListedWeek {
	weeks := child(&f.root, schema.KeyWeeks)
	if weeks == nil {
		return nil
	}
	var out []qa.ListedWeek
	for i := range weeks.props {
		id := weeks.props[i].key
		of := child(weeks, id)
		w := qa.ListedWeek{ID: qa.EventID(id)}
		for _, r := range schema.MapWeek.Values() {
			qa.SetField(&w, r.Field, f.effective(of, r.Key).schemaValue(r))
		}
		if w.Title == "" {
			continue
		}
		if qa.CheckRelay(w.Relay) != nil { // an invalid address is shown as none
			w.Relay = ""
		}
		out = append(out, w)
	}
	return qa.TrimWeeks(out)
}

// Blob returns the change that contains the bytes of a blob, false if there is no blob with
// this key. The projection does not keep the bytes; read them from the ledger.
func (f *Projection) Blob(key string) (wire.Hash, bool) {
	blobs := child(&f.root, schema.KeyBlobs)
	if blobs == nil || key == "" {
		return wire.Hash{}, false
	}
	e := currentValue(blobs, key)
	if e == nil || e.made || e.kind != wire.Bytes {
		return wire.Hash{}, false
	}
	return f.hash(e.Place), true
}
