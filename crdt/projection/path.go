package projection

import (
	"slices"

	"flyleaf/crdt/wire"
)

// Path returns the keys that lead from the root to the map that an applied change means
// by an ID, nil for the root. False is returned when there is no such map.
func (f *Projection) Path(by *wire.Change, obj wire.OpID) ([]string, bool) {
	if obj == (wire.OpID{}) {
		return nil, true
	}
	place, ok := f.graph.Place(by.Hash)
	if !ok {
		return nil, false
	}
	change, ok := f.applied(place)
	if !ok {
		return nil, false
	}
	a := applying{f: f, c: by, change: change, past: f.graph.LazyPast(by.Deps)}
	id, ok := a.resolve(obj)
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
