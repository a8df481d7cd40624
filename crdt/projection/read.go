package projection

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// currentValue returns the current value of a key with the highest operation, nil if there
// is none.
func currentValue(o *object, key string) *write {
	if o == nil {
		return nil
	}
	return o.find(key).highest()
}

// highest returns the current write with the highest operation, nil if there is none.
func (p *prop) highest() *write {
	if p == nil || len(p.current) == 0 {
		return nil
	}
	return &p.current[len(p.current)-1]
}

// keys yields the keys of a map.
func keys(o *object) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; o != nil && i < len(o.props) && yield(o.props[i].key); i++ {
		}
	}
}

// child returns the map at a key, all maps that were made there merged; nil if none was. A
// void map is included, because it may contain what others wrote into it.
func child(o *object, key string) *object {
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil || p.obj == nil || p.obj.slot == schema.NoMap {
		return nil
	}
	return p.obj
}

func (e *write) value() wire.Value {
	v := wire.Value{Kind: e.kind}
	if e.raw != "" {
		v.Raw = []byte(e.raw)
	}
	return v
}

// The methods below return the value if it has the right type, else the zero value. e may
// be nil.

func (e *write) str() string {
	if e == nil || e.made || e.kind != wire.String {
		return ""
	}
	return e.raw
}

func (e *write) isTrue() bool { return e != nil && !e.made && e.kind == wire.True }

func (e *write) bytes() []byte {
	if e == nil || e.made || e.kind != wire.Bytes {
		return nil
	}
	return []byte(e.raw)
}

// millis returns a time in ms since 1970, clamped to the years that pages show.
func (e *write) millis() int64 {
	if e == nil || e.made {
		return 0
	}
	n, _ := e.value().Int()
	return qa.ClampMillis(n)
}

func (e *write) uint() uint64 {
	if e == nil || e.made {
		return 0
	}
	n, _ := e.value().Uint()
	return n
}

// schemaValue returns the value with the type of its row in the schema: a string, int64,
// uint64 or bool.
func (e *write) schemaValue(r *schema.Row) any {
	switch r.Type {
	case schema.Time:
		return e.millis()
	case schema.Number:
		return e.uint()
	case schema.Flag:
		return e.isTrue()
	}
	return e.str()
}

// CurrentValue is one current value of a key.
type CurrentValue struct {
	Op       wire.OpID
	Value    wire.Value // if it is not an object
	IsObject bool       // then Op is the object's ID
	InEffect bool       // its writer was allowed to write it, by all known changes
}

// Values returns all current values at a key of a map, ascending. Several values are a
// conflict; Automerge shows the last one. The zero OpID is the root. Values returns nil if
// there is no such map or key. Of a blob it returns only the kind, not the bytes; see Blob.
func (f *Projection) Values(obj wire.OpID, key string) []CurrentValue {
	m, ok := f.mapAt(obj)
	if !ok {
		return nil
	}
	p := m.object.find(key)
	if p == nil {
		return nil
	}
	var out []CurrentValue
	for i := range p.current {
		if e := &p.current[i]; e.in == m.number {
			out = append(out, f.currentValueOf(m.object, key, e))
		}
	}
	return out
}

func (f *Projection) currentValueOf(o *object, key string, e *write) CurrentValue {
	r := o.slot.Row(key)
	return CurrentValue{
		Op: f.graph.ID(e.Op), Value: e.value(), IsObject: e.made,
		InEffect: r == nil || f.inEffect(e.Place, r, f.by(o.Place)),
	}
}

// Keys returns the keys of a map that have a current value, in no order.
func (f *Projection) Keys(obj wire.OpID) []string {
	m, ok := f.mapAt(obj)
	if !ok {
		return nil
	}
	var out []string
	for i := range m.object.props {
		p := &m.object.props[i]
		if slices.ContainsFunc(p.current, func(e write) bool { return e.in == m.number }) {
			out = append(out, p.key)
		}
	}
	return out
}

// Object follows a path of maps from the root. At each key it takes the map that Automerge
// shows. It returns false if a key of the path has no map.
func (f *Projection) Object(path ...string) (wire.OpID, bool) {
	var at wire.OpID
	for _, key := range path {
		values := f.Values(at, key)
		if len(values) == 0 || !values[len(values)-1].IsObject {
			return wire.OpID{}, false
		}
		at = values[len(values)-1].Op
		if m, ok := f.mapAt(at); !ok || m.object.slot == schema.NoMap {
			return wire.OpID{}, false
		}
	}
	return at, true
}

// Owner returns the identity that made an object, "" for the root and for an unknown ID.
func (f *Projection) Owner(obj wire.OpID) qa.Identity {
	if _, ok := f.mapAt(obj); !ok || obj == (wire.OpID{}) {
		return ""
	}
	return qa.IdentityOfActor([]byte(obj.Actor))
}

// mapAt returns the map to which an ID refers in a change that depends on all heads.
func (f *Projection) mapAt(id wire.OpID) (mapOf, bool) {
	if id == (wire.OpID{}) {
		return mapOf{object: &f.root}, true
	}
	past := f.graph.LazyPast(f.graph.Heads())
	at, ok := f.resolve(id, &past)
	if !ok {
		return mapOf{}, false
	}
	m, ok := f.objects[at]
	return m, ok
}

// Path returns the keys that lead from the root to the map to which an ID refers in a
// change; nil for the root. It returns false if the change's past has no such map. The
// change itself need not be applied.
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

// qaID returns the ID of an operation as qa writes it.
func (f *Projection) qaID(id graph.Op) qa.OpID { return asQA(f.graph.ID(id)) }

func asQA(id wire.OpID) qa.OpID {
	return qa.OpID{Counter: id.Counter, Actor: id.Actor.String()}
}
