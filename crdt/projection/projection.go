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
	"flyleaf/crdt/register"
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

// opID names an operation by its change, an index into Projection.changes, and its
// counter: two changes of an actor that equivocates share counters.
type opID struct {
	counter uint32
	change  uint32
}

// entry is an operation on a key.
type entry struct {
	opID
	in   uint32 // the map that it was written into, an index into Projection.maps
	kind wire.ValueKind
	made bool // a make operation
	none bool // it left nothing there
	// superseded, of a revision: a later one was written in sight of it.
	superseded bool
	raw        string // the value's bytes
}

// prop is a key with what stands at it, ascending. A key at which nothing stands any
// more stays, with none.
type prop struct {
	key     string
	live    []entry
	history *history // nil while nothing has been replaced and nothing is void
	obj     *object  // of maps that were made there
}

// history is all that was ever written at a key, in the order of arrival.
type history struct {
	replaced register.Register
	all      []entry
	index    map[opID]int32 // into all, from indexFrom writes on
}

func (h *history) add(e entry, replaced ...int32) {
	h.replaced.Add(replaced...)
	h.all = append(h.all, e)
	n := len(h.all)
	if h.index != nil {
		h.index[e.opID] = int32(n - 1)
	} else if n > indexFrom {
		h.index = make(map[opID]int32, 2*n)
		for i := range h.all {
			h.index[h.all[i].opID] = int32(i)
		}
	}
}

// find returns where an operation stands among all, -1 when it is not there.
func (h *history) find(id opID) int32 {
	if h.index != nil {
		if i, ok := h.index[id]; ok {
			return i
		}
		return -1
	}
	return int32(slices.IndexFunc(h.all, func(e entry) bool { return e.opID == id }))
}

// indexFrom is how many keys an object has, or writes a key, before a map is worth it.
const indexFrom = 16

// object is what was made at a key: all maps together that ever were, void ones
// included, since others may have written into any of them; or something else, of
// which nothing is read.
type object struct {
	opID  // of the map that was made first: by operation, of two versions by hash
	slot  schema.Map
	up    *object
	key   string // at which it was made in up
	props []prop
	index map[string]int32 // into props, from indexFrom keys on

	// Of a post: the change that made it, of several the one whose place it keeps, and
	// whether it is a question there.
	place            uint32
	placed, question bool
}

func (o *object) find(key string) *prop {
	if i := o.at(key); i >= 0 {
		return &o.props[i]
	}
	return nil
}

// at returns where a key stands in props, -1 when it is not there.
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

// place is a key of an object.
type place struct {
	in  *object
	key int32 // index into props
}

// mapOf is a map that an operation made: the object that it is part of, and its number.
type mapOf struct {
	object *object
	number uint32
}

// changeInfo is what is kept of a change.
type changeInfo struct {
	hash   wire.Hash
	millis int64
	// received is when this device received it, in ms; 0 where that is not known.
	received int64
	actor    uint32
	seq      uint32
	writes   uint32 // where its writes begin in Projection.writes; they end where the next one's begin
	edits    bool   // it changes what the event says of itself
}

// Projection is the sum of an event's changes. It is not safe for concurrent use, not
// even by readers alone: they share what they remember of the graph.
type Projection struct {
	event    qa.EventID
	graph    *graph.Graph
	actors   []wire.ActorID
	who      []qa.Identity      // by actor; "" where an actor is not of 40 bytes
	persons  []authority.Person // by actor
	voidFrom []uint32           // by actor: the sequence number from which on its changes are void, 0 for none
	actorIx  map[wire.ActorID]uint32
	changes  []changeInfo
	at       []uint32 // index into changes + 1, by place in the graph; 0: not applied
	writes   []place  // of all changes, one after the other
	objects  map[opID]mapOf
	maps     uint32 // how many maps there are
	root     object
	names    map[string]string // one copy of each key that repeats

	founder     qa.Identity
	founderHash wire.Hash
	founded     int64 // ms, the founder's clock or the receipt, whichever was earlier
	authority   *authority.Authority
	replies     map[string][]*object // by the post that they answer
	rewritten   []place              // keys that need a role and have a history
	// unsuperseded are, of the revisions of posts that were edited, as indexes into the
	// map's keys, those that no later one was written in sight of.
	unsuperseded map[*object][]int32
	steps        int64
	roots        int // changes without deps; a valid event has one
	edits        int // changes, beside the first, to what the event says of itself, and those of them that turned out void
	touched      touched
	pasts        map[uint32]graph.Past // of closings, and of openings that name none
	drawn        *drawing              // worked out when asked; see drawing
	drawnFor     uint32                // the closing it was for when Touched was last asked: its change + 1, 0 for none
}

// New returns an empty projection of an event. g is the event's graph; a change is given
// to it before it is given to Apply. a is the event's authority, over the same graph;
// Apply gives it the changes that it was not given before.
func New(event qa.EventID, g *graph.Graph, a *authority.Authority) *Projection {
	f := &Projection{
		event:     event,
		graph:     g,
		authority: a,
		actorIx:   map[wire.ActorID]uint32{},
		objects:   map[opID]mapOf{},
		maps:      1, // the root
		names:     map[string]string{},
		replies:   map[string][]*object{},
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
//
// A change by which its actor has used a sequence number twice makes void what the
// actor wrote from there on. That costs what taking these changes again would.
func (f *Projection) Apply(c *wire.Change) error { return f.ApplyReceived(c, 0) }

// ApplyReceived is Apply of a change that this device received at a moment of its own
// clock, in ms: times in the views that cannot be true are replaced by it. Nothing else
// depends on it.
func (f *Projection) ApplyReceived(c *wire.Change, receivedMillis int64) error {
	if c.StartOp > math.MaxUint32 || uint64(len(c.Ops)) > math.MaxUint32-c.StartOp {
		return ErrCounter
	}
	at, ok := f.graph.Place(c.Hash)
	if !ok {
		return fmt.Errorf("%s is not in the graph: %w", c.Hash, ErrOrder)
	}
	if _, again := f.applied(at); again {
		return nil
	}
	for _, d := range c.Deps {
		p, ok := f.graph.Place(d)
		if _, known := f.applied(p); !ok || !known {
			return fmt.Errorf("%s comes before %s: %w", c.Hash, d, ErrOrder)
		}
	}
	actor := f.actorOf(c.Actor)
	f.authority.Add(c)
	if fork := uint32(f.graph.Fork(c.Actor)); fork != 0 && (f.voidFrom[actor] == 0 || fork < f.voidFrom[actor]) {
		f.makeVoid(actor, fork)
	}
	change := uint32(len(f.changes))
	f.changes = append(f.changes, changeInfo{
		hash: c.Hash, millis: qa.ClampMillis(c.TimeMillis), received: receivedMillis,
		actor: actor, seq: uint32(c.Seq), writes: uint32(len(f.writes)),
	})
	for len(f.at) <= at {
		f.at = append(f.at, 0)
	}
	f.at[at] = change + 1
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
	a := applying{f: f, c: c, change: change, void: f.isVoid(change), past: f.graph.LazyPast(c.Deps)}
	for k := range c.Ops {
		a.apply(k)
	}
	// A change is one edit however many fields it sets, and the first is none.
	if f.changes[change].edits = a.edits && len(c.Deps) > 0; f.changes[change].edits {
		f.edits++
		if a.void {
			f.edits++
		}
		f.touched.event = true
	}
	return nil
}

// applied returns the change at a place of the graph, false when it was not applied.
func (f *Projection) applied(place int) (change uint32, ok bool) {
	if place >= len(f.at) || f.at[place] == 0 {
		return 0, false
	}
	return f.at[place] - 1, true
}

// isVoid reports whether a change is void: its actor has written another one with its
// sequence number, or with an earlier one.
func (f *Projection) isVoid(change uint32) bool {
	c := &f.changes[change]
	from := f.voidFrom[c.actor]
	return from != 0 && c.seq >= from
}

// makeVoid makes void what an actor wrote from a sequence number on.
func (f *Projection) makeVoid(actor uint32, from uint32) {
	var again []uint32
	for _, p := range f.graph.ChangesFrom(f.actors[actor], uint64(from)) {
		if change, ok := f.applied(int(p)); ok && !f.isVoid(change) {
			again = append(again, change)
		}
	}
	f.voidFrom[actor] = from
	if len(again) == 0 {
		return
	}
	// What a change wrote, and which revisions stand beside those that it wrote.
	keys, revisions := map[place]struct{}{}, map[*object]struct{}{}
	for _, change := range again {
		c := &f.changes[change]
		if c.edits {
			f.edits++
		}
		end := uint32(len(f.writes))
		if int(change)+1 < len(f.changes) {
			end = f.changes[change+1].writes
		}
		for _, at := range f.writes[c.writes:end] {
			keys[at] = struct{}{}
			if at.in.slot == schema.MapRevisions {
				revisions[at.in] = struct{}{}
			}
		}
	}
	for at := range keys {
		p := f.remember(at)
		f.stand(p)
		f.touch(at.in, p, nil)
	}
	for o := range revisions {
		f.superseded(o)
	}
}

// when returns the time of a change, as far as it can be true.
func (f *Projection) when(change uint32, imported bool) int64 {
	c := &f.changes[change]
	return qa.BelievedMillis(c.millis, c.received, f.founded, imported)
}

// by returns who wrote a change.
func (f *Projection) by(change uint32) qa.Identity { return f.who[f.changes[change].actor] }

// personOf returns who wrote a change.
func (f *Projection) personOf(change uint32) authority.Person {
	return f.persons[f.changes[change].actor]
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
	f.voidFrom = append(f.voidFrom, 0)
	f.actorIx[a] = i
	return i
}

// less orders operations as Automerge does; two of one ID, which only an actor that
// equivocates has, by the hashes of their changes.
func (f *Projection) less(a, b opID) bool {
	if a.counter != b.counter {
		return a.counter < b.counter
	}
	if a.change == b.change {
		return false
	}
	x, y := &f.changes[a.change], &f.changes[b.change]
	if x.actor != y.actor {
		return f.actors[x.actor] < f.actors[y.actor]
	}
	return bytes.Compare(x.hash[:], y.hash[:]) < 0
}

// applying is a change that is being applied.
type applying struct {
	f      *Projection
	c      *wire.Change
	change uint32
	void   bool
	edits  bool // an operation changes what the event says of itself
	past   graph.LazyPast
}

// resolve returns the operation that the change means by an ID: one of its own or of
// its past. False when there is none.
func (a *applying) resolve(id wire.OpID) (opID, bool) {
	if id.Actor == a.c.Actor && id.Counter >= a.c.StartOp {
		return opID{uint32(id.Counter), a.change}, id.Counter <= math.MaxUint32
	}
	return a.f.resolve(id, &a.past)
}

// resolve returns the operation that a change with this past means by an ID.
func (f *Projection) resolve(id wire.OpID, past *graph.LazyPast) (opID, bool) {
	op, ok := f.graph.Resolve(id, past)
	if !ok {
		return opID{}, false
	}
	change, ok := f.applied(int(op.Place))
	return opID{op.Counter, change}, ok
}

// apply adds one operation. Operations on lists and texts, and on objects that are
// not there, are passed over.
func (a *applying) apply(k int) {
	f, op := a.f, &a.c.Ops[k]
	if op.Key.Kind != wire.MapKey || op.Insert {
		return
	}
	in := mapOf{object: &f.root}
	if op.Obj != (wire.OpID{}) {
		id, ok := a.resolve(op.Obj)
		if !ok {
			return
		}
		if in, ok = f.objects[id]; !ok {
			return
		}
	}
	o := in.object
	if op.Action == wire.Inc || op.Action == wire.Mark { // neither ends nor adds a value
		return
	}
	a.edits = a.edits || edits(o.slot, op.Key.Prop)
	i := o.at(op.Key.Prop)
	if i < 0 {
		i = o.add(f.name(o, op.Key.Prop))
	}
	p := &o.props[i]
	f.writes = append(f.writes, place{o, i})
	e := entry{opID: opID{uint32(a.c.StartOp) + uint32(k), a.change}, in: in.number}
	switch op.Action {
	case wire.MakeMap, wire.MakeList, wire.MakeText, wire.MakeTable:
		e.made = true
		made := &object{opID: e.opID, up: o, key: p.key}
		if op.Action == wire.MakeMap {
			made.slot = o.slot.Child(p.key)
		}
		switch {
		case p.obj == nil:
			p.obj = made
		case p.obj.slot != schema.NoMap && made.slot != schema.NoMap:
			if made = p.obj; f.less(e.opID, made.opID) {
				made.opID = e.opID
			}
		case made.slot != schema.NoMap:
			p.obj = made // in place of a list, of which nothing is read
		}
		f.objects[e.opID] = mapOf{made, f.maps}
		f.maps++
		if o.slot == schema.MapPosts && made.slot == schema.MapPost {
			f.keepPlace(made, a.change, false) // it may turn out to be a question
		}
	case wire.Set:
		e.kind = op.Value.Kind
		if o.slot != schema.MapBlobs { // the ledger has those; see Blob
			e.raw = string(op.Value.Raw)
		}
		if o.slot == schema.MapPost && p.key == schema.KeyParent {
			f.keepPlace(o, a.change, e.raw == "")
			if e.raw != "" {
				f.replies[e.raw] = append(f.replies[e.raw], o)
			}
		}
	default: // Del, and actions that do not exist yet
		e.none = true
	}
	a.write(place{o, i}, e, op.Pred)
	switch {
	case !a.void:
		f.touch(o, p, &e)
	case o.slot == schema.MapPeople: // that they have a map is all there is to see of it
		f.touched.people[p.key] = struct{}{}
	}
}

// write adds an operation to a key, with what it replaced.
func (a *applying) write(at place, e entry, preds []wire.OpID) {
	f, p := a.f, &at.in.props[at.key]
	if len(preds) == 0 && p.history == nil && !a.void && !e.none {
		f.insert(p, e)
		return
	}
	f.remember(at)
	h := p.history
	replaced := make([]int32, 0, 4)
	behindVoid := false // it replaces something void, so perhaps also what that had replaced
	for _, pred := range preds {
		if id, ok := a.resolve(pred); ok {
			if i := h.find(id); i >= 0 {
				replaced = append(replaced, i)
				behindVoid = behindVoid || f.isVoid(h.all[i].change)
			}
		}
	}
	h.add(e, replaced...)
	switch {
	case a.void:
	case behindVoid:
		f.stand(p)
	default:
		for _, i := range replaced {
			f.end(p, h.all[i].opID)
		}
		if !e.none {
			f.insert(p, e)
		}
	}
}

// remember begins the history of a key, unless it has one. What stands there so far has
// replaced nothing.
func (f *Projection) remember(at place) *prop {
	p := &at.in.props[at.key]
	if p.history != nil {
		return p
	}
	p.history = &history{}
	for _, e := range p.live {
		p.history.add(e)
	}
	if r := at.in.slot.Row(p.key); r != nil && r.Revocable() {
		f.rewritten = append(f.rewritten, at)
	}
	return p
}

// stand works out what stands at a key from all that was ever written there.
func (f *Projection) stand(p *prop) {
	p.live = nil
	for _, e := range f.standing(p, func(*entry) bool { return true }) {
		p.live = append(p.live, *e)
	}
}

// standing returns what stands at a key for whoever counts only some writes, ascending:
// those that count and that nothing which counts has replaced. What is void never
// counts.
func (f *Projection) standing(p *prop, counts func(*entry) bool) []*entry {
	out := make([]*entry, 0, 1)
	h := p.history
	if h == nil {
		for i := range p.live {
			if counts(&p.live[i]) {
				out = append(out, &p.live[i])
			}
		}
		return out
	}
	f.steps += int64(len(h.all))
	var few [16]int32
	for _, i := range h.replaced.Current(few[:0], func(i int32) bool { e := &h.all[i]; return !f.isVoid(e.change) && counts(e) }) {
		if !h.all[i].none {
			out = append(out, &h.all[i])
		}
	}
	slices.SortFunc(out, f.byID)
	return out
}

// end takes an operation off those that stand.
func (f *Projection) end(p *prop, id opID) {
	if i := f.find(p, id); i < len(p.live) && p.live[i].opID == id {
		p.live = append(p.live[:i], p.live[i+1:]...)
	}
}

// find returns where an operation stands among the live ones of a key, or would.
func (f *Projection) find(p *prop, id opID) int {
	return sort.Search(len(p.live), func(i int) bool {
		f.steps++
		return !f.less(p.live[i].opID, id)
	})
}

func (f *Projection) insert(p *prop, e entry) {
	if p.live == nil {
		p.live = []entry{e}
		return
	}
	i := f.find(p, e.opID)
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

// winner returns the value of a key with the highest operation, nil when there is none.
func winner(o *object, key string) *entry {
	if o == nil {
		return nil
	}
	return o.find(key).last()
}

// last returns the value with the highest operation of those that stand.
func (p *prop) last() *entry {
	if p == nil || len(p.live) == 0 {
		return nil
	}
	return &p.live[len(p.live)-1]
}

// keys yields the keys of a map.
func keys(o *object) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; o != nil && i < len(o.props) && yield(o.props[i].key); i++ {
		}
	}
}

// child returns the maps that were made at a key as one, nil when none was. A void map
// holds what others wrote into it, so it is read too.
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

// as returns the value that stands at a row of the schema, or the one that absence
// stands for: a string, int64, uint64 or bool.
func (e *entry) as(r *schema.Row) any {
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

// Live is one live value of a key.
type Live struct {
	Op    wire.OpID
	Value wire.Value // of a scalar
	Made  bool       // an object; its ID is Op
}

// Values returns all values that stand at a key of a map, ascending: more than one is a
// conflict, and the last is the one that Automerge shows. The zero OpID is the root.
// nil is returned when there is no such map or key. Of blobs only the kind is known,
// not the bytes; see Blob.
func (f *Projection) Values(obj wire.OpID, key string) []Live {
	m, ok := f.mapAt(obj)
	if !ok {
		return nil
	}
	p := m.object.find(key)
	if p == nil {
		return nil
	}
	var out []Live
	for i := range p.live {
		if e := &p.live[i]; e.in == m.number {
			out = append(out, f.liveOf(e))
		}
	}
	return out
}

// ValuesAt is Values at the end of a path, of all maps that were made on the way.
func (f *Projection) ValuesAt(path ...string) []Live {
	o := &f.root
	for len(path) > 1 {
		if o = child(o, path[0]); o == nil {
			return nil
		}
		path = path[1:]
	}
	p := o.find(path[0])
	if p == nil {
		return nil
	}
	var out []Live
	for i := range p.live {
		out = append(out, f.liveOf(&p.live[i]))
	}
	return out
}

func (f *Projection) liveOf(e *entry) Live {
	return Live{Op: f.wireID(e.opID), Value: e.value(), Made: e.made}
}

// Keys returns the keys of a map at which something stands, in no order.
func (f *Projection) Keys(obj wire.OpID) []string {
	m, ok := f.mapAt(obj)
	if !ok {
		return nil
	}
	var out []string
	for i := range m.object.props {
		p := &m.object.props[i]
		if slices.ContainsFunc(p.live, func(e entry) bool { return e.in == m.number }) {
			out = append(out, p.key)
		}
	}
	return out
}

// Object follows a path of maps from the root, each the one that Automerge shows.
// False is returned when something on the way is no map.
func (f *Projection) Object(path ...string) (wire.OpID, bool) {
	var at wire.OpID
	for _, key := range path {
		values := f.Values(at, key)
		if len(values) == 0 || !values[len(values)-1].Made {
			return wire.OpID{}, false
		}
		at = values[len(values)-1].Op
		if m, ok := f.mapAt(at); !ok || m.object.slot == schema.NoMap {
			return wire.OpID{}, false
		}
	}
	return at, true
}

// Owner returns the identity that made an object, "" for the root and for what is
// not there.
func (f *Projection) Owner(obj wire.OpID) qa.Identity {
	if _, ok := f.mapAt(obj); !ok || obj == (wire.OpID{}) {
		return ""
	}
	return qa.IdentityOfActor([]byte(obj.Actor))
}

// mapAt returns the map that an operation made, by the ID that one who knows all
// changes means it by.
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

func (f *Projection) wireID(id opID) wire.OpID {
	return wire.OpID{Counter: uint64(id.counter), Actor: f.actors[f.changes[id.change].actor]}
}

func (f *Projection) qaID(id opID) qa.OpID { return asQA(f.wireID(id)) }

func asQA(id wire.OpID) qa.OpID {
	return qa.OpID{Counter: id.Counter, Actor: id.Actor.String()}
}
