package projection

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

var (
	// ErrOrder is returned by Apply for a change that the graph has not applied, or
	// that comes before its actor's previous one.
	ErrOrder = errors.New("projection: the change comes before its past")
	// ErrCounter is returned by Apply for operation counters beyond 2^32-1.
	ErrCounter = errors.New("projection: operation counter out of range")
)

// opID is a wire.OpID with the actor as an index into Fold.actors.
type opID struct {
	counter uint32
	actor   uint32
}

// entry is one live operation on a key.
type entry struct {
	id     opID
	change uint32 // index into Fold.changes
	kind   wire.ValueKind
	made   bool // a make operation; obj is what it made
	// superseded, of a revision: a later one was written in sight of it.
	superseded bool
	raw        string // the value's bytes
	obj        *object
}

// prop is a key with its live operations, ascending. A key whose values were all
// deleted stays, with none.
type prop struct {
	key  string
	live []entry
}

// indexFrom is how many keys an object has before it is worth a map.
const indexFrom = 16

// object is a map of the document, or something else that was made on a map key,
// of which nothing is read.
type object struct {
	id     opID
	change uint32
	slot   schema.Map
	up     *object
	key    string // at which it was made in up
	props  []prop
	index  map[string]int32 // into props, from indexFrom keys on
}

func (o *object) find(key string) *prop {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return &o.props[i]
		}
		return nil
	}
	for i := range o.props {
		if o.props[i].key == key {
			return &o.props[i]
		}
	}
	return nil
}

func (o *object) add(key string) *prop {
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
	return &o.props[n-1]
}

// place is a key of an object.
type place struct {
	in  *object
	key string
}

// changeInfo is what is kept of a change.
type changeInfo struct {
	hash   wire.Hash
	millis int64
	// received is when this device received it, in ms; 0 where that is not known.
	received int64
}

// Fold is the sum of an event's changes. It is not safe for concurrent use, not
// even by readers alone: they share what they remember of the graph.
type Projection struct {
	event   qa.EventID
	graph   *graph.Graph
	actors  []wire.ActorID
	who     []qa.Identity      // by actor; "" where an actor is not of 40 bytes
	persons []authority.Person // by actor
	seqs    []uint64           // by actor: the last one applied
	actorIx map[wire.ActorID]uint32
	changes []changeInfo
	at      []uint32 // index into changes, by place in the graph
	objects map[opID]*object
	root    object
	names   map[string]string // one copy of each key that repeats

	founder     qa.Identity
	founderHash wire.Hash
	founded     int64 // ms, the founder's clock or the receipt, whichever was earlier
	authority   *authority.Authority
	ended       map[place][]entry // of keys that need a role: what was overwritten
	// unsuperseded are, of the revisions of posts that were edited, as indexes into the
	// map's keys, those that no later one was written in sight of.
	unsuperseded map[*object][]int32
	steps        int64
	roots        int // changes without deps; a valid event has one
	edits        int // changes, beside the first, to what the event says of itself
	touched      touched
	pasts        map[uint32]graph.Past // of closings, and of openings that name none
	drawn        *drawing              // worked out when asked; see drawing
	drawnFor     uint32                // the closing it was for when Touched was last asked: its change + 1, 0 for none
}

// New returns an empty fold of an event. g is the event's graph; a change is given
// to it before it is given to Apply. a is the event's authority, over the same graph;
// Apply gives it the changes that it was not given before.
func New(event qa.EventID, g *graph.Graph, a *authority.Authority) *Projection {
	f := &Projection{
		event:     event,
		graph:     g,
		authority: a,
		actorIx:   map[wire.ActorID]uint32{},
		objects:   map[opID]*object{},
		names:     map[string]string{},
		ended:     map[place][]entry{},
		pasts:     map[uint32]graph.Past{},

		unsuperseded: map[*object][]int32{},
		root:         object{slot: schema.MapRoot},
	}
	f.touched.reset()
	return f
}

// Steps returns how many values were looked at, since the beginning, to apply changes
// and to work out a draw: what grows with the history of a key or the number of its
// concurrent values. Tests hold it to bounds.
func (f *Projection) Steps() int64 { return f.steps }

// Apply adds a change, in any order in which none comes before its past. A change
// that was added before changes nothing. On an error nothing was added.
func (f *Projection) Apply(c *wire.Change) error { return f.ApplyReceived(c, 0) }

// ApplyReceived is Apply of a change that this device received at a moment of its own
// clock, in ms: times in the views that cannot be true are replaced by it. Nothing else
// depends on it.
func (f *Projection) ApplyReceived(c *wire.Change, receivedMillis int64) error {
	if c.StartOp > math.MaxUint32 || uint64(len(c.Ops)) > math.MaxUint32-c.StartOp {
		return ErrCounter
	}
	if !f.graph.Has(c.Hash) {
		return fmt.Errorf("%s is not in the graph: %w", c.Hash, ErrOrder)
	}
	actor := f.actorOf(c.Actor)
	switch last := f.seqs[actor]; {
	case c.Seq <= last:
		return nil
	case c.Seq != last+1:
		return fmt.Errorf("sequence number %d after %d: %w", c.Seq, last, ErrOrder)
	}
	f.authority.Add(c)
	f.seqs[actor] = c.Seq
	change := uint32(len(f.changes))
	f.changes = append(f.changes, changeInfo{hash: c.Hash, millis: qa.ClampMillis(c.TimeMillis), received: receivedMillis})
	place, _ := f.graph.Place(c.Hash)
	for len(f.at) <= place {
		f.at = append(f.at, 0)
	}
	f.at[place] = change
	if len(c.Deps) == 0 {
		f.roots++
	}
	if len(c.Deps) == 0 && (f.founderHash == (wire.Hash{}) || bytes.Compare(c.Hash[:], f.founderHash[:]) < 0) {
		// A valid event has one genesis. Should there be two, all agree on one.
		f.founderHash = c.Hash
		f.founded = c.TimeMillis
		if receivedMillis != 0 {
			f.founded = min(f.founded, receivedMillis)
		}
		f.founder = f.who[actor]
		f.touched.event = true
	}
	edits := f.edits
	for k := range c.Ops {
		f.apply(&c.Ops[k], opID{counter: uint32(c.StartOp) + uint32(k), actor: actor}, change)
	}
	// A change is one edit however many fields it sets, and the first is none.
	if f.edits = min(f.edits, edits+1); len(c.Deps) == 0 {
		f.edits = edits
	}
	return nil
}

// when returns the time of a change, as far as it can be true.
func (f *Projection) when(change uint32, imported bool) int64 {
	c := &f.changes[change]
	return qa.BelievedMillis(c.millis, c.received, f.founded, imported)
}

func (f *Projection) actorOf(a wire.ActorID) uint32 {
	if i, ok := f.actorIx[a]; ok {
		return i
	}
	i := uint32(len(f.actors))
	a = wire.ActorID(strings.Clone(string(a)))
	f.actors = append(f.actors, a)
	f.who = append(f.who, qa.IdentityOfActor([]byte(a)))
	f.persons = append(f.persons, authority.PersonOf(a))
	f.seqs = append(f.seqs, 0)
	f.actorIx[a] = i
	return i
}

// lookup turns an ID that an operation names into ours; false when its actor or
// counter cannot be known.
func (f *Projection) lookup(o wire.OpID) (opID, bool) {
	i, ok := f.actorIx[o.Actor]
	return opID{counter: uint32(o.Counter), actor: i}, ok && o.Counter <= math.MaxUint32
}

func (f *Projection) less(a, b opID) bool {
	if a.counter != b.counter {
		return a.counter < b.counter
	}
	return f.actors[a.actor] < f.actors[b.actor]
}

// apply adds one operation. Operations on lists and texts, and on objects that are
// not there, are passed over.
func (f *Projection) apply(op *wire.Op, id opID, change uint32) {
	if op.Key.Kind != wire.MapKey || op.Insert {
		return
	}
	o := &f.root
	if op.Obj != (wire.OpID{}) {
		at, ok := f.lookup(op.Obj)
		if !ok {
			return
		}
		if o = f.objects[at]; o == nil {
			return
		}
	}
	switch op.Action {
	case wire.Inc, wire.Mark: // neither ends nor adds a value
		return
	}
	if edits(o.slot) {
		f.edits++
	}
	p := o.find(op.Key.Prop)
	had := p != nil && len(p.live) > 0
	if p == nil {
		p = o.add(f.name(o, op.Key.Prop))
	}
	for _, pred := range op.Pred {
		if at, ok := f.lookup(pred); ok {
			f.end(o, p, at)
		}
	}
	e := entry{id: id, change: change}
	switch op.Action {
	case wire.MakeMap, wire.MakeList, wire.MakeText, wire.MakeTable:
		e.made = true
		e.obj = &object{id: id, change: change, up: o, key: p.key}
		if op.Action == wire.MakeMap {
			e.obj.slot = o.slot.Child(p.key)
		}
		f.objects[id] = e.obj
	case wire.Set:
		e.kind = op.Value.Kind
		if o.slot != schema.MapBlobs { // the ledger has those; see Blob
			e.raw = string(op.Value.Raw)
		}
	default: // Del, and actions that do not exist yet
		f.touch(o, p, nil, had)
		return
	}
	f.insert(p, e)
	f.touch(o, p, &e, had)
}

// end takes an operation off the live ones. Where writing needs a role it is still
// remembered: should the act that ended it turn out not to count, it stands again.
func (f *Projection) end(o *object, p *prop, id opID) {
	i := f.find(p, id)
	if i == len(p.live) || p.live[i].id != id {
		return
	}
	if r := o.slot.Row(p.key); r != nil && r.Remembered() && !p.live[i].made {
		k := place{in: o, key: p.key}
		f.ended[k] = append(f.ended[k], p.live[i])
	}
	p.live = append(p.live[:i], p.live[i+1:]...)
}

// find returns where an operation stands among the live ones of a key, or would.
func (f *Projection) find(p *prop, id opID) int {
	return sort.Search(len(p.live), func(i int) bool {
		f.steps++
		return !f.less(p.live[i].id, id)
	})
}

func (f *Projection) insert(p *prop, e entry) {
	if p.live == nil {
		p.live = []entry{e}
		return
	}
	i := f.find(p, e.id)
	p.live = append(p.live, entry{})
	copy(p.live[i+1:], p.live[i:])
	p.live[i] = e
}

// name returns the copy of a key that is kept. Keys that are made of operations do
// not repeat; identities, emoji and the schema's own do.
func (f *Projection) name(in *object, key string) string {
	if in.slot == schema.MapPosts || in.slot == schema.MapRevisions {
		return strings.Clone(key)
	}
	if n, ok := f.names[key]; ok {
		return n
	}
	key = strings.Clone(key)
	f.names[key] = key
	return key
}

// winner returns the value of a key that Automerge shows, nil when there is none.
func winner(o *object, key string) *entry {
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil || len(p.live) == 0 {
		return nil
	}
	return &p.live[len(p.live)-1]
}

// child returns the map that stands at a key, nil when none does.
func child(o *object, key string) *object {
	if e := winner(o, key); e != nil && e.made && e.obj.slot != schema.NoMap {
		return e.obj
	}
	return nil
}

// eachMap calls fn for every map that stands at a key: more than one where two
// devices of one person made it at the same time.
func eachMap(o *object, key string, fn func(*object)) {
	if o == nil {
		return
	}
	p := o.find(key)
	if p == nil {
		return
	}
	for i := range p.live {
		if e := &p.live[i]; e.made && e.obj.slot != schema.NoMap {
			fn(e.obj)
		}
	}
}

// said returns the value of a key in the map at id, which is one person's own to
// write. Where their devices made it more than once it is the value with the
// highest operation over all of them: what one device said is not lost because the
// other made its map a moment later.
func (f *Projection) said(o *object, id, key string) *entry {
	var best *entry
	eachMap(o, id, func(m *object) {
		if e := winner(m, key); e != nil && (best == nil || f.less(best.id, e.id)) {
			best = e
		}
	})
	return best
}

// eachSaid calls fn for every key of the maps at id, each once.
func eachSaid(o *object, id string, fn func(key string)) {
	var first *object
	var others []*object // hardly ever any
	eachMap(o, id, func(m *object) {
		for i := range m.props {
			key := m.props[i].key
			if first != nil && first.find(key) != nil ||
				slices.ContainsFunc(others, func(b *object) bool { return b.find(key) != nil }) {
				continue
			}
			fn(key)
		}
		if first == nil {
			first = m
		} else {
			others = append(others, m)
		}
	})
}

func (e *entry) value() wire.Value {
	v := wire.Value{Kind: e.kind}
	if e.raw != "" {
		v.Raw = []byte(e.raw)
	}
	return v
}

func (e *entry) str() string {
	if e == nil || e.made || e.kind != wire.String {
		return ""
	}
	return e.raw
}

func (e *entry) isTrue() bool { return e != nil && !e.made && e.kind == wire.True }

// millis returns a time, in ms since 1970, within the years that are shown.
func (e *entry) millis() int64 {
	if e == nil || e.made {
		return 0
	}
	n, _ := e.value().Int()
	return qa.ClampMillis(n)
}

func (e *entry) uint() uint64 {
	if e == nil || e.made {
		return 0
	}
	n, _ := e.value().Uint()
	return n
}

// Live is one live value of a key.
type Live struct {
	Op    wire.OpID
	Value wire.Value // of a scalar
	Made  bool       // an object; its ID is Op
}

// Values returns all live values of a key of an object, ascending: more than one
// is a conflict, and the last is the one that Automerge shows. The zero OpID is
// the root. nil is returned when there is no such object or key. Of blobs only the
// kind is known, not the bytes; see Blob.
func (f *Projection) Values(obj wire.OpID, key string) []Live {
	o := f.object(obj)
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil {
		return nil
	}
	var out []Live
	for i := range p.live {
		e := &p.live[i]
		out = append(out, Live{Op: f.wireID(e.id), Value: e.value(), Made: e.made})
	}
	return out
}

// Keys returns the keys of an object that have a live value, in no order.
func (f *Projection) Keys(obj wire.OpID) []string {
	o := f.object(obj)
	if o == nil {
		return nil
	}
	var out []string
	for i := range o.props {
		if len(o.props[i].live) > 0 {
			out = append(out, o.props[i].key)
		}
	}
	return out
}

// Object follows a path of maps from the root, by their winners. false is returned
// when something on the way is no map.
func (f *Projection) Object(path ...string) (wire.OpID, bool) {
	o := &f.root
	for _, key := range path {
		if o = child(o, key); o == nil {
			return wire.OpID{}, false
		}
	}
	if o == &f.root {
		return wire.OpID{}, true
	}
	return f.wireID(o.id), true
}

// Owner returns the identity that made an object, "" for the root and for what is
// not there.
func (f *Projection) Owner(obj wire.OpID) qa.Identity {
	o := f.object(obj)
	if o == nil || o == &f.root {
		return ""
	}
	return f.who[o.id.actor]
}

func (f *Projection) object(id wire.OpID) *object {
	if id == (wire.OpID{}) {
		return &f.root
	}
	if at, ok := f.lookup(id); ok {
		return f.objects[at]
	}
	return nil
}

func (f *Projection) wireID(id opID) wire.OpID {
	return wire.OpID{Counter: uint64(id.counter), Actor: f.actors[id.actor]}
}

func (f *Projection) opID(id opID) qa.OpID {
	return qa.OpID{Counter: uint64(id.counter), Actor: f.actors[id.actor].String()}
}
