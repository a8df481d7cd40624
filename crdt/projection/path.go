package projection

import (
	"slices"

	"flyleaf/crdt/wire"
)

// Path returns the keys that lead from the root to an object, nil for the root.
// False is returned when there is no such object.
func (f *Projection) Path(obj wire.OpID) ([]string, bool) {
	o := f.object(obj)
	if o == nil {
		return nil, false
	}
	var path []string
	for ; o.up != nil; o = o.up {
		path = append(path, o.key)
	}
	slices.Reverse(path)
	return path, true
}
