package projection

import (
	"slices"

	"flyleaf/crdt/wire"
)

// Path returns the keys that lead from the root to the map that a change means by an ID,
// nil for the root. False is returned when the change's past has no such map. The change
// itself may be applied or not.
func (f *Projection) Path(by *wire.Change, obj wire.OpID) ([]string, bool) {
	if obj == (wire.OpID{}) {
		return nil, true
	}
	past := f.graph.LazyPast(by.Deps)
	id, ok := f.resolve(obj, &past)
	if !ok {
		return nil, false
	}
	m, ok := f.objects[id]
	if !ok {
		return nil, false
	}
	var path []string
	for o := m.object; o.up != nil; o = o.up {
		path = append(path, o.key)
	}
	slices.Reverse(path)
	return path, true
}
