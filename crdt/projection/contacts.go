package projection

import (
	"flyleaf/qa"
	"flyleaf/schema"
)

// Contacts returns the encrypted messages of winners to the founder, by writer, without
// those that were withdrawn.
func (f *Projection) Contacts() map[qa.Identity][]byte {
	contacts := child(&f.root, schema.KeyContacts)
	if contacts == nil {
		return nil
	}
	out := map[qa.Identity][]byte{}
	for i := range contacts.props {
		id := contacts.props[i].key
		e := currentValue(contacts, id)
		if e == nil || e.made {
			continue
		}
		if b, ok := e.value().Bin(); ok && len(b) > 0 {
			out[qa.Identity(id)] = b
		}
	}
	return out
}
