package projection

import "flyleaf/qa"

// Contacts returns what winners wrote to the founder, encrypted, by who wrote it.
// What was taken back is left out.
func (f *Projection) Contacts() map[qa.Identity][]byte {
	contacts := child(&f.root, "contacts")
	if contacts == nil {
		return nil
	}
	out := map[qa.Identity][]byte{}
	for i := range contacts.props {
		id := contacts.props[i].key
		e := winner(contacts, id)
		if e == nil || e.made {
			continue
		}
		if b, ok := e.value().Bin(); ok && len(b) > 0 {
			out[qa.Identity(id)] = b
		}
	}
	return out
}
