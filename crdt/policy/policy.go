// Package policy decides whether a change may be part of an event. The answer
// depends on the change and its causal past alone, so all replicas agree, in any
// order of arrival. DESIGN.md numbers the rules.
//
// The package does no I/O and has no clock.
package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/register"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// ErrOrder is returned by Validate and Add for a change whose deps the policy has not
// been given: a fault of the caller.
var ErrOrder = errors.New("policy: the policy was not given what the change builds on")

// Policy holds what the rules need to know of an event's changes: who made which
// maps, which operations stand at which keys, and who was given which role. See
// DESIGN.md for the rules, and for what it takes of time and memory: about 300
// bytes for a post, 250 for a reaction, and nothing of their texts.
//
// It is not safe for concurrent use.
type Policy struct {
	event qa.EventID
	graph *graph.Graph

	kind, access string
	newer        bool // the event's rules are of a later version
	forms        bool // and hold strings to the forms of texts: version 2
	founder      authority.Person
	genesis      bool // it has come

	actors  []writer
	actorIx map[wire.ActorID]uint32
	tags    map[tag]uint32   // the first actor with this tag
	objects []object         // ascending by their operations
	keys    map[place]uint32 // index into written
	names   map[string]uint32
	written []written
	revised map[graph.Op][]int32 // by the map of revisions: the places of the changes that added one to a post after it was made

	steps     int64    // see Steps
	longest   int      // writes of the key that was written most often
	added     []uint64 // by place in the graph, one bit each: the changes that are in
	authority *authority.Authority
	judging   judging
}

// tag is what a post ID says of the actor: the first 8 bytes of the identity, and
// the last 8 of the actor.
type tag [16]byte

func tagOf(a wire.ActorID) (t tag) {
	copy(t[:8], a)
	copy(t[8:], a[len(a)-8:])
	return t
}

// writer is an actor that has written.
type writer struct {
	id   wire.ActorID
	next uint32 // another actor with the same tag, none: noActor
}

const noActor = ^uint32(0)

// object is a map, made by an operation.
type object struct {
	op    graph.Op
	first int32 // the key in it that was first written last, as an index into written; -1: none
	slot  schema.Map
}

// place is a key of a map: the operation that made the map, and the key's number in
// Policy.names.
type place struct {
	in  graph.Op
	key uint32
}

// rootOp stands for the root map, which no operation made.
var rootOp = graph.Op{Place: -1}

// written is what was ever written at a key, in the order of arrival.
type written struct {
	writes   []graph.Op
	replaced *register.Register // which write replaced which; nil for a single write
	next     int32              // another key of the map, -1: none
}

// New returns the policy of an event, without any change. g is the event's graph.
func New(event qa.EventID, g *graph.Graph) *Policy {
	return &Policy{
		event: event, graph: g, authority: authority.New(g),
		actorIx: map[wire.ActorID]uint32{}, tags: map[tag]uint32{},
		keys: map[place]uint32{}, names: map[string]uint32{},
		revised: map[graph.Op][]int32{},
	}
}

// Kind returns "event" or "club", "" before the genesis.
func (g *Policy) Kind() string { return g.kind }

// Access returns "open" or "invited", "" before the genesis.
func (g *Policy) Access() string { return g.access }

// Newer reports whether the event follows rules of a later version. Its changes are
// held only against what keeps automerge alive then; it is to be shown read-only.
func (g *Policy) Newer() bool { return g.newer }

// LongestHistory returns how often the key was written that was written most often,
// by whomever, concurrent writes included.
func (g *Policy) LongestHistory() int { return g.longest }

// Steps returns how many writes, keys and authority changes were looked at since the beginning:
// what grows with the history of a key. What it costs to find a causal past is the
// graph's. Tests hold it to bounds.
func (g *Policy) Steps() int64 { return g.steps + g.authority.Steps() }

// Founder returns who made the event, "" before the genesis.
func (g *Policy) Founder() qa.Identity {
	if !g.genesis {
		return ""
	}
	return g.founder.Identity()
}

// Add takes a change into the policy: one that Validate found valid, or one of the
// device's own ledger. Adding again changes nothing. c is in the graph, or is the
// next that the graph applies, as within graph's Admit. ErrOrder is returned when
// one that it builds on was not added, or when it works in a map that is not
// there; nothing was added then.
func (g *Policy) Add(c *wire.Change) error {
	at, ok := g.graph.Place(c.Hash)
	if !ok {
		at = g.graph.Len()
	}
	if g.knows(at) {
		return nil
	}
	if len(c.Actor) != keys.ActorSize {
		return keys.ErrActor
	}
	follows := c.Seq == 1
	for _, d := range c.Deps {
		p, ok := g.graph.Place(d)
		if !ok || !g.knows(p) {
			return fmt.Errorf("%w: %s", ErrOrder, d)
		}
		follows = follows || g.graph.SeqAt(p) == c.Seq-1 && g.graph.ActorAt(p) == c.Actor
	}
	if !follows {
		return fmt.Errorf("%w: number %d of %s", ErrOrder, c.Seq, c.Actor)
	}
	past := g.graph.LazyPast(c.Deps)
	for k := range c.Ops {
		if o := c.Ops[k].Obj; o != (wire.OpID{}) && !(o.Actor == c.Actor && o.Counter >= c.StartOp) {
			if _, ok := g.object(o, &past); !ok {
				return fmt.Errorf("%w: operation %d", ErrOrder, k)
			}
		}
	}
	g.noteActor(c.Actor)
	if len(c.Deps) == 0 {
		g.begin(c)
	}
	g.authority.Add(c)
	for k := range c.Ops {
		g.addOp(c, k, int32(at), &past)
	}
	for len(g.added) <= at/64 {
		g.added = append(g.added, 0)
	}
	g.added[at/64] |= 1 << (at % 64)
	return nil
}

func (g *Policy) knows(place int) bool {
	return place/64 < len(g.added) && g.added[place/64]&(1<<(place%64)) != 0
}

// begin notes what the genesis says once for all.
func (g *Policy) begin(c *wire.Change) {
	g.genesis = true
	copy(g.founder[:], c.Actor)
	for k := range c.Ops {
		op := &c.Ops[k]
		if op.Obj != (wire.OpID{}) {
			continue
		}
		switch op.Key.Prop {
		case schema.KeyKind:
			g.kind, _ = op.Value.Str()
		case schema.KeyAccess:
			g.access, _ = op.Value.Str()
		case schema.KeyGate:
			n, _ := op.Value.Uint()
			g.newer, g.forms = n > schema.RulesVersion, n >= schema.TextRules
		}
	}
}

// noteActor lets posts of an actor be found by their IDs.
func (g *Policy) noteActor(a wire.ActorID) {
	if _, ok := g.actorIx[a]; ok {
		return
	}
	i := uint32(len(g.actors))
	a = wire.ActorID(strings.Clone(string(a)))
	n := writer{id: a, next: noActor}
	if first, ok := g.tags[tagOf(a)]; ok {
		n.next = g.actors[first].next
		g.actors[first].next = i
	} else {
		g.tags[tagOf(a)] = i
	}
	g.actors = append(g.actors, n)
	g.actorIx[a] = i
}

func (g *Policy) addOp(c *wire.Change, k int, at int32, past *graph.LazyPast) {
	op := &c.Ops[k]
	id := graph.Op{Place: at, Counter: uint32(c.StartOp) + uint32(k)}
	in, parent := rootOp, -1
	s := schema.MapRoot
	if op.Obj != (wire.OpID{}) {
		id, _ := g.resolve(c, op.Obj, at, past)
		i, ok := g.objectAt(id)
		if !ok {
			return // of an operation of this change that made no map
		}
		parent = i
		in, s = g.objects[i].op, g.objects[i].slot
		if s == schema.MapRevisions && in.Place != at {
			g.revised[in] = append(g.revised[in], at)
		}
	}
	var r *schema.Row
	if !g.newer {
		r = lookup(s, op.Key.Prop)
	}
	if !writtenOnce(r) {
		if r == nil || !r.Keys.IsWords() {
			parent = -1 // only where keys are counted are they listed
		}
		g.addWrite(parent, place{in, g.name(op.Key.Prop)}, id, c, op.Pred, past)
	}
	if op.Action == wire.MakeMap {
		o := object{op: id, first: -1, slot: schema.Unknown}
		if r != nil && r.Map != schema.NoMap {
			o.slot = r.Map
		}
		g.addObject(o)
	}
}

// addObject adds a map. Changes are nearly always added in the order of the graph.
func (g *Policy) addObject(o object) {
	i := len(g.objects)
	if i > 0 && !before(g.objects[i-1].op, o.op) {
		i = g.search(o.op)
	}
	g.objects = slices.Insert(g.objects, i, o)
}

// writtenOnce reports whether a valid change writes the key only while it makes
// the map or the event, or under the operation's own name: nothing is kept of it,
// since nobody ever replaces it.
func writtenOnce(r *schema.Row) bool {
	return r != nil && (r.When != schema.AnyTime || r.Keys == schema.ByOperation)
}

func (g *Policy) name(key string) uint32 {
	if n, ok := g.names[key]; ok {
		return n
	}
	n := uint32(len(g.names))
	g.names[strings.Clone(key)] = n
	return n
}

// addWrite notes a write at a key. in is the map whose keys are listed, as an index
// into objects, or -1.
func (g *Policy) addWrite(in int, at place, op graph.Op, c *wire.Change, preds []wire.OpID, past *graph.LazyPast) {
	k, ok := g.keys[at]
	if !ok {
		k = uint32(len(g.written))
		g.keys[at] = k
		n := written{next: -1}
		if in >= 0 {
			n.next, g.objects[in].first = g.objects[in].first, int32(k)
		}
		g.written = append(g.written, n)
	}
	w := &g.written[k]
	if len(w.writes) > 0 {
		if w.replaced == nil {
			w.replaced = &register.Register{}
			w.replaced.Add()
		}
		w.replaced.Add(g.replaced(w.writes, preds, c, op.Place, past)...)
	}
	w.writes = append(w.writes, op)
	g.longest = max(g.longest, len(w.writes))
}

// replaced returns which writes of a key a change, which is being added at a place,
// means by these IDs.
func (g *Policy) replaced(ws []graph.Op, preds []wire.OpID, c *wire.Change, at int32, past *graph.LazyPast) []int32 {
	if len(preds) == 0 {
		return nil
	}
	find := func(id graph.Op) int {
		for i := len(ws) - 1; i >= 0; i-- {
			g.steps++
			if ws[i] == id {
				return i
			}
		}
		return -1
	}
	if len(preds) > 1 {
		g.steps += int64(len(ws))
		by := make(map[graph.Op]int, len(ws))
		for i := range ws {
			by[ws[i]] = i
		}
		find = func(id graph.Op) int {
			if i, ok := by[id]; ok {
				return i
			}
			return -1
		}
	}
	out := make([]int32, 0, 4)
	for _, p := range preds {
		if id, ok := g.resolve(c, p, at, past); ok {
			if i := find(id); i >= 0 {
				out = append(out, int32(i))
			}
		}
	}
	return out
}

// is reports whether an operation is the one that a change names, of those that the
// change has in its past.
func (g *Policy) is(op graph.Op, named wire.OpID) bool {
	return uint64(op.Counter) == named.Counter && g.graph.ActorAt(int(op.Place)) == named.Actor
}

// writerOf returns who made a change, by its place.
func (g *Policy) writerOf(place int32) authority.Person {
	return authority.PersonOf(g.graph.ActorAt(int(place)))
}

func before(a, b graph.Op) bool {
	return a.Place < b.Place || a.Place == b.Place && a.Counter < b.Counter
}

// search returns where the map of an operation stands in objects, or would.
func (g *Policy) search(op graph.Op) int {
	return sort.Search(len(g.objects), func(i int) bool { return !before(g.objects[i].op, op) })
}

// objectAt finds the map that an operation made, as an index into objects.
func (g *Policy) objectAt(op graph.Op) (int, bool) {
	i := g.search(op)
	return i, i < len(g.objects) && g.objects[i].op == op
}

// object finds the map that an operation made, by the ID that a change with this past
// names it by.
func (g *Policy) object(id wire.OpID, past *graph.LazyPast) (int, bool) {
	op, ok := g.graph.Resolve(id, past)
	if !ok {
		return 0, false
	}
	return g.objectAt(op)
}

// resolve returns which operation a change, which is being added at a place, means by
// an ID: one of its own, or one of its past.
func (g *Policy) resolve(c *wire.Change, id wire.OpID, at int32, past *graph.LazyPast) (graph.Op, bool) {
	if id.Actor == c.Actor && id.Counter >= c.StartOp {
		return graph.Op{Place: at, Counter: uint32(id.Counter)}, true
	}
	return g.graph.Resolve(id, past)
}

// post returns the operation that made a post, by the ID that a change with this past
// names it by. is says whether there is such a post.
func (g *Policy) post(id string, past *graph.LazyPast) (op graph.Op, is bool) {
	t, counter, ok := postOp(id)
	if !ok {
		return op, false
	}
	a, ok := g.tags[t]
	for ok && a != noActor {
		if op, found := g.graph.Resolve(wire.OpID{Counter: counter, Actor: g.actors[a].id}, past); found {
			if i, made := g.objectAt(op); made && g.objects[i].slot == schema.MapPost {
				return op, true
			}
		}
		a = g.actors[a].next
	}
	return op, false
}

// live appends the operations that stand at a key for whoever has this past: those
// in it that are not void there, and that none such has replaced. Ascending, as
// changes name them.
func (g *Policy) live(buf []graph.Op, k uint32, past *graph.Past) []graph.Op {
	w := &g.written[k]
	g.steps += int64(len(w.writes))
	counts := func(i int32) bool {
		place := int(w.writes[i].Place)
		return past.Has(place) && !g.graph.ForkedIn(place, past)
	}
	if w.replaced == nil {
		if counts(0) {
			buf = append(buf, w.writes[0])
		}
		return buf
	}
	var few [16]int32
	for _, i := range w.replaced.Current(few[:0], counts) {
		buf = append(buf, w.writes[i])
	}
	slices.SortFunc(buf, g.compare)
	return buf
}

// writesBy returns how often somebody wrote a key in a past.
func (g *Policy) writesBy(who authority.Person, k uint32, past *graph.Past) (n int) {
	g.steps += int64(len(g.written[k].writes))
	for _, w := range g.written[k].writes {
		if g.writerOf(w.Place) == who && past.Has(int(w.Place)) {
			n++
		}
	}
	return n
}

// compare orders operations as changes name them: of those that stand in one past no
// two have one counter and actor.
func (g *Policy) compare(a, b graph.Op) int {
	if a.Counter != b.Counter {
		return cmp.Compare(a.Counter, b.Counter)
	}
	return strings.Compare(string(g.graph.ActorAt(int(a.Place))), string(g.graph.ActorAt(int(b.Place))))
}

// keysIn returns how many keys of a map, an index into objects, have something in a
// past, void or not; no more than limit are counted.
func (g *Policy) keysIn(i int, past *graph.Past, limit int) int {
	n := 0
	for k := g.objects[i].first; k >= 0 && n < limit; k = g.written[k].next {
		for _, w := range g.written[k].writes {
			g.steps++
			if past.Has(int(w.Place)) {
				n++
				break
			}
		}
	}
	return n
}
