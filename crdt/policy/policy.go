// Package policy decides whether a change may be part of an event. The answer
// depends on the change and its causal past alone, so all replicas agree, in any
// order of arrival. DESIGN.md numbers the rules.
//
// The package does no I/O and has no clock.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// ErrOrder is returned by Validate and Add for a change whose deps the gate has not
// been given: a fault of the caller.
var ErrOrder = errors.New("policy: the gate was not given what the change builds on")

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
	tags    map[tag]uint32 // the first actor with this tag
	objects []object
	keys    map[place]uint32 // index into written
	names   map[string]uint32
	written []written
	merged  map[mergeAt][]uint32 // what a write replaced, where it was more than one
	revised map[uint32][]int32   // by the map of revisions, as an index into objects: the changes that added one to a post after it was made

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

// writer is an actor with what it made.
type writer struct {
	id     wire.ActorID
	who    authority.Person
	made   []uint32 // indexes into Policy.objects, by counter ascending
	next   uint32   // another actor with the same tag, none: noActor
	latest uint64   // sequence number of its last change here
}

const noActor = ^uint32(0)

// object is a map that a change made.
type object struct {
	counter uint32
	actor   uint32
	change  int32 // place of the change in the graph
	first   int32 // the key in it that was first written last, as an index into written; -1: none
	slot    schema.Map
}

// opID is a wire.OpID with the actor as an index.
type opID struct{ counter, actor uint32 }

// place is a key of a map: the map's operation and the key's number in Policy.names.
type place struct {
	in  opID
	key uint32
}

// rootOp stands for the root map, which no operation made.
var rootOp = opID{0, noActor}

// write is an operation on a key. What it replaced is told by its index in the
// key's writes, -1 for nothing, many for what stands in Policy.merged.
type write struct {
	id       opID
	change   int32
	replaced int32
}

const many = -2

// written is what was ever written at a key, in the order of arrival.
type written struct {
	writes []write
	next   int32 // another key of the map, -1: none
}

type mergeAt struct{ key, write uint32 }

// New returns the gate of an event, without any change. g is the event's graph.
func New(event qa.EventID, g *graph.Graph) *Policy {
	return &Policy{
		event: event, graph: g, authority: authority.New(g),
		actorIx: map[wire.ActorID]uint32{}, tags: map[tag]uint32{},
		keys: map[place]uint32{}, names: map[string]uint32{}, merged: map[mergeAt][]uint32{},
		revised: map[uint32][]int32{},
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

// Steps returns how many writes, keys and rulings were looked at since the beginning:
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
	for _, d := range c.Deps {
		if p, ok := g.graph.Place(d); !ok || !g.knows(p) {
			return fmt.Errorf("%w: %s", ErrOrder, d)
		}
	}
	who := g.actorOf(c.Actor)
	if c.Seq != g.actors[who].latest+1 {
		return fmt.Errorf("%w: number %d of %s", ErrOrder, c.Seq, c.Actor)
	}
	for k := range c.Ops {
		if o := c.Ops[k].Obj; o != (wire.OpID{}) && !(o.Actor == c.Actor && o.Counter >= c.StartOp) {
			if _, ok := g.object(o); !ok {
				return fmt.Errorf("%w: operation %d", ErrOrder, k)
			}
		}
	}
	g.actors[who].latest = c.Seq
	if len(c.Deps) == 0 {
		g.begin(c)
	}
	g.authority.Add(c)
	for k := range c.Ops {
		g.addOp(c, k, who, int32(at))
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

func (g *Policy) actorOf(a wire.ActorID) uint32 {
	if i, ok := g.actorIx[a]; ok {
		return i
	}
	i := uint32(len(g.actors))
	a = wire.ActorID(strings.Clone(string(a)))
	n := writer{id: a, next: noActor}
	copy(n.who[:], a)
	if first, ok := g.tags[tagOf(a)]; ok {
		n.next = g.actors[first].next
		g.actors[first].next = i
	} else {
		g.tags[tagOf(a)] = i
	}
	g.actors = append(g.actors, n)
	g.actorIx[a] = i
	return i
}

func (g *Policy) addOp(c *wire.Change, k int, who uint32, at int32) {
	op := &c.Ops[k]
	id := opID{uint32(c.StartOp) + uint32(k), who}
	in, parent := rootOp, (*object)(nil)
	s := schema.MapRoot
	if op.Obj != (wire.OpID{}) {
		i, ok := g.object(op.Obj)
		if !ok {
			return // of an operation of this change that made no map
		}
		parent = &g.objects[i]
		in, s = opID{parent.counter, parent.actor}, parent.slot
		if s == schema.MapRevisions && parent.change != at {
			g.revised[i] = append(g.revised[i], at)
		}
	}
	var r *schema.Row
	if !g.newer {
		r = lookup(s, op.Key.Prop)
	}
	if op.Action == wire.MakeMap {
		o := object{counter: id.counter, actor: id.actor, change: at, first: -1, slot: schema.Unknown}
		if r != nil && r.Map != schema.NoMap {
			o.slot = r.Map
		}
		g.actors[who].made = append(g.actors[who].made, uint32(len(g.objects)))
		g.objects = append(g.objects, o)
	}
	if writtenOnce(r) {
		return
	}
	if r == nil || !r.Keys.IsWords() {
		parent = nil // only where keys are counted are they listed
	}
	g.addWrite(parent, place{in, g.name(op.Key.Prop)}, write{id: id, change: at}, op.Pred)
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

func (g *Policy) addWrite(in *object, at place, w write, preds []wire.OpID) {
	k, ok := g.keys[at]
	if !ok {
		k = uint32(len(g.written))
		g.keys[at] = k
		n := written{next: -1}
		if in != nil {
			n.next, in.first = in.first, int32(k)
		}
		g.written = append(g.written, n)
	}
	ws := g.written[k].writes
	w.replaced = -1
	switch len(preds) {
	case 0:
	case 1:
		for i := len(ws) - 1; i >= 0; i-- {
			g.steps++
			if g.is(ws[i].id, preds[0]) {
				w.replaced = int32(i)
				break
			}
		}
	default:
		g.steps += int64(len(ws))
		by := make(map[opID]uint32, len(ws))
		for i := range ws {
			by[ws[i].id] = uint32(i)
		}
		var replaced []uint32
		for _, p := range preds {
			a, known := g.actorIx[p.Actor]
			if i, ok := by[opID{uint32(p.Counter), a}]; ok && known {
				replaced = append(replaced, i)
			}
		}
		w.replaced = many
		g.merged[mergeAt{k, uint32(len(ws))}] = replaced
	}
	g.written[k].writes = append(ws, w)
	g.longest = max(g.longest, len(ws)+1)
}

// is reports whether an operation is the one that a change names.
func (g *Policy) is(id opID, named wire.OpID) bool {
	return uint64(id.counter) == named.Counter && g.actors[id.actor].id == named.Actor
}

// object finds the map that an operation made.
func (g *Policy) object(id wire.OpID) (uint32, bool) {
	a, ok := g.actorIx[id.Actor]
	if !ok {
		return 0, false
	}
	made := g.actors[a].made
	i := sort.Search(len(made), func(i int) bool { return uint64(g.objects[made[i]].counter) >= id.Counter })
	if i == len(made) || uint64(g.objects[made[i]].counter) != id.Counter {
		return 0, false
	}
	return made[i], true
}

// post finds a post by its ID.
func (g *Policy) post(id string) (*object, bool) {
	t, counter, ok := postOp(id)
	if !ok {
		return nil, false
	}
	a, ok := g.tags[t]
	for ok && a != noActor {
		if i, found := g.object(wire.OpID{Counter: counter, Actor: g.actors[a].id}); found && g.objects[i].slot == schema.MapPost {
			return &g.objects[i], true
		}
		a = g.actors[a].next
	}
	return nil, false
}

// live appends the operations that stand at a key for whoever has this past: those
// in it that none in it has replaced. Ascending, as changes name them.
func (g *Policy) live(buf []opID, k uint32, past *graph.Past) []opID {
	ws := g.written[k].writes
	g.steps += int64(len(ws))
	if len(ws) == 1 {
		if past.Has(int(ws[0].change)) {
			buf = append(buf, ws[0].id)
		}
		return buf
	}
	var replaced []uint64
	if len(ws) <= 64 {
		var small [1]uint64
		replaced = small[:]
	} else {
		replaced = make([]uint64, (len(ws)+63)/64)
	}
	// A write comes after all that it replaced.
	for i := len(ws) - 1; i >= 0; i-- {
		w := &ws[i]
		if !past.Has(int(w.change)) {
			continue
		}
		if replaced[i/64]&(1<<(i%64)) == 0 {
			buf = append(buf, w.id)
		}
		switch {
		case w.replaced >= 0:
			replaced[w.replaced/64] |= 1 << (w.replaced % 64)
		case w.replaced == many:
			for _, r := range g.merged[mergeAt{k, uint32(i)}] {
				replaced[r/64] |= 1 << (r % 64)
			}
		}
	}
	slices.SortFunc(buf, g.compare)
	return buf
}

// writesBy returns how often somebody wrote a key in a past.
func (g *Policy) writesBy(who authority.Person, k uint32, past *graph.Past) (n int) {
	g.steps += int64(len(g.written[k].writes))
	for _, w := range g.written[k].writes {
		if g.actors[w.id.actor].who == who && past.Has(int(w.change)) {
			n++
		}
	}
	return n
}

func (g *Policy) compare(a, b opID) int {
	switch {
	case a.counter != b.counter:
		if a.counter < b.counter {
			return -1
		}
		return 1
	case a.actor == b.actor:
		return 0
	}
	return strings.Compare(string(g.actors[a.actor].id), string(g.actors[b.actor].id))
}

// keysIn returns how many keys of a map have something in a past; no more than
// limit are counted.
func (g *Policy) keysIn(id wire.OpID, past *graph.Past, limit int) int {
	i, ok := g.object(id)
	if !ok {
		return 0
	}
	n := 0
	for k := g.objects[i].first; k >= 0 && n < limit; k = g.written[k].next {
		for _, w := range g.written[k].writes {
			g.steps++
			if past.Has(int(w.change)) {
				n++
				break
			}
		}
	}
	return n
}
