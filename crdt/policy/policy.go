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
	"flyleaf/crdt/register"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// ErrOrder is returned by Validate and Add for a change whose dependencies were not
// added: the caller made a mistake.
var ErrOrder = errors.New("policy: the dependencies of the change were not added")

// Policy holds what the rules need to know of an event's changes: who made which maps,
// which operations wrote which keys, and who was given which role. See DESIGN.md for
// the rules and for the cost in time and memory: about 300 bytes for a post, 250 for a
// reaction, and no bytes of their texts.
//
// It is not safe for concurrent use.
type Policy struct {
	event qa.EventID
	graph *graph.Graph

	founding founding // zero before the genesis

	actors         []writer
	actorIx        map[wire.ActorID]uint32
	tags           map[qa.PostIDActor]uint32 // the first actor with this tag
	objects        []object                  // ascending by the operations that made them
	keys           map[mapKey]uint32         // index into written
	names          map[string]uint32
	written        []keyHistory
	revisionPlaces map[graph.Op][]int32 // by revisions map: the places of the changes that added a revision to an existing post

	steps      int64    // see Steps
	longest    int      // the number of writes of the most written key
	added      []uint64 // the changes that were added, one bit for each place in the graph
	authority  *authority.Authority
	validation validation
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
	first int32 // head of the list of its keys: the newest key, as an index into Policy.written; -1: none
	slot  schema.Map
}

// mapKey is a key of a map: the operation that made the map, and the key's number in
// Policy.names.
type mapKey struct {
	in  graph.Op
	key uint32
}

// rootOp stands for the root map, which no operation made.
var rootOp = graph.Op{Place: -1}

// keyHistory is all writes of one key, in the order of arrival.
type keyHistory struct {
	writes   []graph.Op
	replaced *register.Register // which write replaced which; nil for a single write
	next     int32              // another key of the map, -1: none
}

// New returns the policy of an event, without any change. g is the event's graph.
func New(event qa.EventID, g *graph.Graph) *Policy {
	return &Policy{
		event: event, graph: g, authority: authority.New(g),
		actorIx: map[wire.ActorID]uint32{}, tags: map[qa.PostIDActor]uint32{},
		keys: map[mapKey]uint32{}, names: map[string]uint32{},
		revisionPlaces: map[graph.Op][]int32{},
	}
}

// Kind returns "event" or "club", "" before the genesis.
func (p *Policy) Kind() string { return p.founding.kind }

// Access returns "open" or "invited", "" before the genesis.
func (p *Policy) Access() string { return p.founding.access }

// HasNewerRules reports whether the event follows a later version of the rules. Then only the
// rules that keep automerge from aborting apply, and the event must be shown read-only.
func (p *Policy) HasNewerRules() bool { return p.founding.rules.newer() }

// LongestHistory returns the number of writes of the most written key, by all writers,
// concurrent writes included.
func (p *Policy) LongestHistory() int { return p.longest }

// Steps returns how many writes, keys and authority changes were examined so far: the
// cost that grows with the history of a key. The cost of finding a causal past is the
// graph's. Tests check it against bounds.
func (p *Policy) Steps() int64 { return p.steps + p.authority.Steps() }

// Founder returns the person who made the event, "" before the genesis.
func (p *Policy) Founder() qa.Identity {
	founder, known := p.authority.Founder()
	if !known {
		return ""
	}
	return founder.Identity()
}

// Add adds a change that Validate found valid, or one of this device's ledger. Adding
// it again changes nothing. The change must be in the graph, or be the next that the
// graph applies, as in graph's Admit. ErrOrder is returned, and nothing added, when a
// dependency was not added, or when the change writes into a map that does not exist.
func (p *Policy) Add(c *wire.Change) error {
	at, ok := p.graph.Place(c.Hash)
	if !ok {
		at = p.graph.Len()
	}
	if p.knows(at) {
		return nil
	}
	if len(c.Actor) != keys.ActorSize {
		return keys.ErrActor
	}
	follows := c.Seq == 1
	for _, d := range c.Deps {
		place, ok := p.graph.Place(d)
		if !ok || !p.knows(place) {
			return fmt.Errorf("%w: %s", ErrOrder, d)
		}
		follows = follows || p.graph.SeqAt(place) == c.Seq-1 && p.graph.ActorAt(place) == c.Actor
	}
	if !follows {
		return fmt.Errorf("%w: number %d of %s", ErrOrder, c.Seq, c.Actor)
	}
	past := p.graph.LazyPast(c.Deps)
	for k := range c.Ops {
		if o := c.Ops[k].Obj; o != (wire.OpID{}) && !c.IsOwn(o) {
			if _, ok := p.object(o, &past); !ok {
				return fmt.Errorf("%w: operation %d", ErrOrder, k)
			}
		}
	}
	p.noteActor(c.Actor)
	if len(c.Deps) == 0 {
		p.founding = foundingOf(c)
	}
	p.authority.Add(c)
	for k := range c.Ops {
		p.addOp(c, k, int32(at), &past)
	}
	for len(p.added) <= at/64 {
		p.added = append(p.added, 0)
	}
	p.added[at/64] |= 1 << (at % 64)
	return nil
}

func (p *Policy) knows(place int) bool {
	return place/64 < len(p.added) && p.added[place/64]&(1<<(place%64)) != 0
}

// founding is what only the genesis sets.
type founding struct {
	kind, access string
	rules        rulesVersion
}

// foundingOf reads a genesis. The version of the rules is 0 if it is missing, or if any write of
// it is not a version.
func foundingOf(genesis *wire.Change) (f founding) {
	wrong := false
	for k := range genesis.Ops {
		op := &genesis.Ops[k]
		if op.Obj != (wire.OpID{}) {
			continue
		}
		switch op.Key.Prop {
		case schema.KeyKind:
			f.kind, _ = op.Value.Str()
		case schema.KeyAccess:
			f.access, _ = op.Value.Str()
		case schema.KeyRulesVersion:
			n, _ := op.Value.Uint()
			f.rules, wrong = rulesVersion(n), wrong || n == 0
		}
	}
	if wrong {
		f.rules = 0
	}
	return f
}

// rulesVersion is the version of the rules that an event follows, 0 before the genesis.
type rulesVersion uint64

// newer reports whether this program does not know the rules.
func (r rulesVersion) newer() bool { return r > schema.RulesVersion }

// checksText reports whether the rules check the form of texts (R28).
func (r rulesVersion) checksText() bool { return r >= schema.TextRules }

// noteActor makes it possible to find posts of an actor by their IDs.
func (p *Policy) noteActor(a wire.ActorID) {
	if _, ok := p.actorIx[a]; ok {
		return
	}
	i := uint32(len(p.actors))
	a = wire.ActorID(strings.Clone(string(a)))
	n := writer{id: a, next: noActor}
	if first, ok := p.tags[qa.PostIDActorOf([]byte(a))]; ok {
		n.next = p.actors[first].next
		p.actors[first].next = i
	} else {
		p.tags[qa.PostIDActorOf([]byte(a))] = i
	}
	p.actors = append(p.actors, n)
	p.actorIx[a] = i
}

func (p *Policy) addOp(c *wire.Change, k int, at int32, past *graph.LazyPast) {
	op := &c.Ops[k]
	id := graph.Op{Place: at, Counter: uint32(c.StartOp) + uint32(k)}
	in, parent := rootOp, -1
	s := schema.MapRoot
	if op.Obj != (wire.OpID{}) {
		id, _ := p.resolve(c, op.Obj, at, past)
		i, ok := p.objectAt(id)
		if !ok {
			return // the object is an operation of this change that made no map
		}
		parent = i
		in, s = p.objects[i].op, p.objects[i].slot
		if s == schema.MapRevisions && in.Place != at {
			p.revisionPlaces[in] = append(p.revisionPlaces[in], at)
		}
	}
	var r *schema.Row
	if !p.HasNewerRules() {
		r = lookup(s, op.Key.Prop)
	}
	if !needsNoHistory(r) {
		if r == nil || !r.Keys.IsWords() {
			parent = -1 // keys are listed only for maps whose keys are counted
		}
		p.addWrite(parent, mapKey{in, p.name(op.Key.Prop)}, id, c, op.Pred, past)
	}
	if op.Action == wire.MakeMap {
		o := object{op: id, first: -1, slot: schema.Unknown}
		if r != nil && r.Map != schema.NoMap {
			o.slot = r.Map
		}
		p.addObject(o)
	}
}

// addObject adds a map. Changes are nearly always added in the order of the graph.
func (p *Policy) addObject(o object) {
	i := len(p.objects)
	if i > 0 && !before(p.objects[i-1].op, o.op) {
		i = p.search(o.op)
	}
	p.objects = slices.Insert(p.objects, i, o)
}

// needsNoHistory reports whether a valid change writes the key only while it makes the
// map or the event, or under the operation's own ID. No history is kept of such keys,
// because nobody ever replaces their values.
func needsNoHistory(r *schema.Row) bool {
	return r != nil && (r.When != schema.AnyTime || r.Keys == schema.ByOperation)
}

func (p *Policy) name(key string) uint32 {
	if n, ok := p.names[key]; ok {
		return n
	}
	n := uint32(len(p.names))
	p.names[strings.Clone(key)] = n
	return n
}

// addWrite records a write of a key. in is the map whose keys are listed, as an index
// into objects, or -1.
func (p *Policy) addWrite(in int, at mapKey, op graph.Op, c *wire.Change, preds []wire.OpID, past *graph.LazyPast) {
	k, ok := p.keys[at]
	if !ok {
		k = uint32(len(p.written))
		p.keys[at] = k
		n := keyHistory{next: -1}
		if in >= 0 {
			n.next, p.objects[in].first = p.objects[in].first, int32(k)
		}
		p.written = append(p.written, n)
	}
	w := &p.written[k]
	if len(w.writes) > 0 {
		if w.replaced == nil {
			w.replaced = &register.Register{}
			w.replaced.Add()
		}
		w.replaced.Add(p.replaced(w.writes, preds, c, op.Place, past)...)
	}
	w.writes = append(w.writes, op)
	p.longest = max(p.longest, len(w.writes))
}

// replaced resolves the preds of a change at a place to indexes into ws, the writes of
// the key.
func (p *Policy) replaced(ws []graph.Op, preds []wire.OpID, c *wire.Change, at int32, past *graph.LazyPast) []int32 {
	if len(preds) == 0 {
		return nil
	}
	find := func(id graph.Op) int {
		for i := len(ws) - 1; i >= 0; i-- {
			p.steps++
			if ws[i] == id {
				return i
			}
		}
		return -1
	}
	if len(preds) > 1 {
		p.steps += int64(len(ws))
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
	for _, pred := range preds {
		if id, ok := p.resolve(c, pred, at, past); ok {
			if i := find(id); i >= 0 {
				out = append(out, int32(i))
			}
		}
	}
	return out
}

// matchesID reports whether an operation, which is in the past of a change, has the ID
// that the change refers to.
func (p *Policy) matchesID(op graph.Op, named wire.OpID) bool {
	return uint64(op.Counter) == named.Counter && p.graph.ActorAt(int(op.Place)) == named.Actor
}

// writerOf returns the person who made the change at a place.
func (p *Policy) writerOf(place int32) authority.Person {
	return authority.PersonOf(p.graph.ActorAt(int(place)))
}

func before(a, b graph.Op) bool {
	return a.Place < b.Place || a.Place == b.Place && a.Counter < b.Counter
}

// search returns the index of the map of an operation in objects, or the index where it
// would be inserted.
func (p *Policy) search(op graph.Op) int {
	return sort.Search(len(p.objects), func(i int) bool { return !before(p.objects[i].op, op) })
}

// objectAt returns the map that an operation made, as an index into objects.
func (p *Policy) objectAt(op graph.Op) (int, bool) {
	i := p.search(op)
	return i, i < len(p.objects) && p.objects[i].op == op
}

// object returns the map to which an ID refers in a change with this past, as an index
// into objects.
func (p *Policy) object(id wire.OpID, past *graph.LazyPast) (int, bool) {
	op, ok := p.graph.Resolve(id, past)
	if !ok {
		return 0, false
	}
	return p.objectAt(op)
}

// resolve returns the operation to which an ID refers in a change at a place: one of
// the change itself, or one in its past.
func (p *Policy) resolve(c *wire.Change, id wire.OpID, at int32, past *graph.LazyPast) (graph.Op, bool) {
	if c.IsOwn(id) {
		return graph.Op{Place: at, Counter: uint32(id.Counter)}, true
	}
	return p.graph.Resolve(id, past)
}

// post returns the operation that made the post to which an ID refers in a change with
// this past, and whether there is such a post.
func (p *Policy) post(id string, past *graph.LazyPast) (op graph.Op, found bool) {
	t, counter, ok := qa.PostID(id).Operation()
	if !ok {
		return op, false
	}
	a, ok := p.tags[t]
	for ok && a != noActor {
		if op, found := p.graph.Resolve(wire.OpID{Counter: counter, Actor: p.actors[a].id}, past); found {
			if i, made := p.objectAt(op); made && p.objects[i].slot == schema.MapPost {
				return op, true
			}
		}
		a = p.actors[a].next
	}
	return op, false
}

// current appends the writes of a key that are current in a past, ignoring those that
// are void there. They are in the order of preds.
func (p *Policy) current(buf []graph.Op, k uint32, past *graph.Past) []graph.Op {
	w := &p.written[k]
	p.steps += int64(len(w.writes))
	counts := func(i int32) bool {
		place := int(w.writes[i].Place)
		return past.Has(place) && !p.graph.ForkedIn(place, past)
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
	slices.SortFunc(buf, p.graph.CompareOps)
	return buf
}

// writesBy returns how often a person wrote a key in a past.
func (p *Policy) writesBy(who authority.Person, k uint32, past *graph.Past) (n int) {
	p.steps += int64(len(p.written[k].writes))
	for _, w := range p.written[k].writes {
		if p.writerOf(w.Place) == who && past.Has(int(w.Place)) {
			n++
		}
	}
	return n
}

// keysIn returns how many keys of a map, an index into objects, have a write in a past,
// void or not. It counts to limit at most.
func (p *Policy) keysIn(i int, past *graph.Past, limit int) int {
	n := 0
	for k := p.objects[i].first; k >= 0 && n < limit; k = p.written[k].next {
		for _, w := range p.written[k].writes {
			p.steps++
			if past.Has(int(w.Place)) {
				n++
				break
			}
		}
	}
	return n
}
