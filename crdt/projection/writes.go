package projection

import (
	"slices"
	"sort"
	"strings"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/register"
	"flyleaf/crdt/wire"
	"flyleaf/schema"
)

// write is an operation that wrote a key.
type write struct {
	graph.Op
	in      uint32 // the number of the map that it wrote into, see mapOf
	kind    wire.ValueKind
	made    bool // it made an object
	deleted bool // it left no value
	// superseded is set for a revision in whose sight a later revision was written.
	superseded bool
	raw        string // the value's bytes
}

// prop is a key with its current writes, ascending. A key whose value was deleted stays,
// without current writes.
type prop struct {
	key     string
	current []write
	history *history // nil while no write was replaced and none is void
	obj     *object  // the object made at the key
}

// history is all writes of a key, in the order in which they were applied.
type history struct {
	replaced register.Register
	all      []write
	index    map[graph.Op]int32 // into all; nil up to indexFrom writes
}

func (h *history) add(e write, replaced ...int32) {
	h.replaced.Add(replaced...)
	h.all = append(h.all, e)
	n := len(h.all)
	if h.index != nil {
		h.index[e.Op] = int32(n - 1)
	} else if n > indexFrom {
		h.index = make(map[graph.Op]int32, 2*n)
		for i := range h.all {
			h.index[h.all[i].Op] = int32(i)
		}
	}
}

// find returns the index of an operation in all, -1 if it is not there.
func (h *history) find(id graph.Op) int32 {
	if h.index != nil {
		if i, ok := h.index[id]; ok {
			return i
		}
		return -1
	}
	return int32(slices.IndexFunc(h.all, func(e write) bool { return e.Op == id }))
}

// indexFrom is the number of keys of an object, or of writes of a key, above which a Go
// map finds them faster than a scan.
const indexFrom = 16

// object is what was made at a key. It merges all maps that were ever made there, void
// ones included, because others may have written into any of them. An object that is not
// a map has slot NoMap and no props.
type object struct {
	graph.Op // that made the first of the maps, by operation; of two versions, by hash
	slot     schema.Map
	up       *object
	key      string // in up
	props    []prop
	index    map[string]int32 // into props; nil up to indexFrom keys

	// For a post: the change that created it. If several did, which only an equivocating
	// actor can do, the one whose position in the conversation the post keeps.
	position              int32
	hasPosition, question bool // whether position is set, and is that of a question
}

// find returns a key of the object, nil if it has no such key.
func (o *object) find(key string) *prop {
	if i := o.at(key); i >= 0 {
		return &o.props[i]
	}
	return nil
}

// at returns the index of a key in props, -1 if it is not there.
func (o *object) at(key string) int32 {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range o.props {
		if o.props[i].key == key {
			return int32(i)
		}
	}
	return -1
}

// add adds a key, which must be new, and returns its index in props.
func (o *object) add(key string) int32 {
	o.props = append(o.props, prop{key: key})
	n := len(o.props)
	if o.index != nil {
		o.index[key] = int32(n - 1)
	} else if n > indexFrom {
		o.index = make(map[string]int32, 2*n)
		for i := range o.props {
			o.index[o.props[i].key] = int32(i)
		}
	}
	return int32(n - 1)
}

// keyOf identifies a key of an object.
type keyOf struct {
	in  *object
	key int32 // index into props
}

// mapOf is one map, as a single operation made it: the object that it is part of, and
// its number.
type mapOf struct {
	object *object
	number uint32
}

// startHistory gives a key a history, unless it has one. The current writes of a key
// without a history have replaced nothing.
func (f *Projection) startHistory(at keyOf) *prop {
	p := &at.in.props[at.key]
	if p.history != nil {
		return p
	}
	p.history = &history{}
	for _, e := range p.current {
		p.history.add(e)
	}
	if r := at.in.slot.Row(p.key); r != nil && r.Revocable() {
		f.rewritten = append(f.rewritten, at)
	}
	return p
}

// recomputeCurrent computes the current writes of a key from its history.
func (f *Projection) recomputeCurrent(p *prop) {
	p.current = nil
	for _, e := range f.currentIf(p, func(*write) bool { return true }) {
		p.current = append(p.current, *e)
	}
}

// currentIf returns the current writes of a key, ascending, when only some writes count:
// those that count and that no counting write has replaced. Void writes never count.
func (f *Projection) currentIf(p *prop, counts func(*write) bool) []*write {
	out := make([]*write, 0, 1)
	h := p.history
	if h == nil {
		for i := range p.current {
			if counts(&p.current[i]) {
				out = append(out, &p.current[i])
			}
		}
		return out
	}
	f.steps += int64(len(h.all))
	var few [16]int32
	for _, i := range h.replaced.Current(few[:0], func(i int32) bool { e := &h.all[i]; return !f.isVoid(e.Place) && counts(e) }) {
		if !h.all[i].deleted {
			out = append(out, &h.all[i])
		}
	}
	slices.SortFunc(out, f.compareWrites)
	return out
}

// removeCurrent removes an operation from the current writes of a key, if it is there.
func (f *Projection) removeCurrent(p *prop, id graph.Op) {
	if i := f.searchCurrent(p, id); i < len(p.current) && p.current[i].Op == id {
		p.current = append(p.current[:i], p.current[i+1:]...)
	}
}

// searchCurrent returns the index of an operation in the current writes of a key, or the
// index where it would be inserted.
func (f *Projection) searchCurrent(p *prop, id graph.Op) int {
	return sort.Search(len(p.current), func(i int) bool {
		f.steps++
		return !f.less(p.current[i].Op, id)
	})
}

func (f *Projection) insertCurrent(p *prop, e write) {
	if p.current == nil {
		p.current = []write{e}
		return
	}
	i := f.searchCurrent(p, e.Op)
	p.current = append(p.current, write{})
	copy(p.current[i+1:], p.current[i:])
	p.current[i] = e
}

// allWrites yields all values that a key ever had, void ones included, in no order.
func (f *Projection) allWrites(p *prop) func(func(*write) bool) {
	all := p.current
	if p.history != nil {
		all = p.history.all
	}
	return func(yield func(*write) bool) {
		for i := range all {
			if e := &all[i]; !e.made && !e.deleted && !yield(e) {
				return
			}
		}
	}
}

// intern returns a copy of a key that does not keep the change's memory. Keys that repeat
// (identities, emoji, the schema's own keys) are stored once.
func (f *Projection) intern(in *object, key string) string {
	if in.slot == schema.MapPosts || in.slot == schema.MapRevisions { // an ID of an operation does not repeat
		return strings.Clone(key)
	}
	if n, ok := f.names[key]; ok {
		return n
	}
	key = strings.Clone(key)
	f.names[key] = key
	return key
}
