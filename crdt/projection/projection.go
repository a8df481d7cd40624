package projection

import (
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Projection is the current state of an event, computed from its changes. A change is
// identified by its place in the graph, an operation by its graph.Op.
//
// It is not safe for concurrent use, not even for concurrent reads: reads fill caches.
type Projection struct {
	event   qa.EventID
	graph   *graph.Graph
	actors  []actorInfo
	actorIx map[wire.ActorID]uint32
	changes []changeInfo // by place in the graph
	applied int          // how many changes were applied
	writes  []keyOf      // the keys that changes wrote, in the order in which the changes were applied
	objects map[graph.Op]mapOf
	maps    uint32 // how many objects were made, and the root
	root    object
	names   map[string]string // interned keys

	founder   qa.Identity
	founded   int64 // ms since 1970: the founder's clock or the receipt, whichever is earlier
	authority *authority.Authority
	replies   map[string][]*object // by the ID of the post that they answer
	rewritten []keyOf              // keys that need a role and have a history
	// unsuperseded has, for the revisions map of each post that was edited, the revisions
	// that no later revision supersedes, as indexes into the map's props.
	unsuperseded map[*object][]int32
	steps        int64
	roots        int // applied changes without deps; a valid event has one
	edits        int // see qa.Event.Edits
	touched      touched
	pasts        map[int32]graph.Past // cache: closings and old openings, with their pasts
	drawn        *drawState           // cache, see drawState
	approval     *approval            // cache, see approvalSince
	drawnFor     int32                // the draw's closing at the last call of Touched: its place + 1, 0 for none
}

// actorInfo describes an actor.
type actorInfo struct {
	id       wire.ActorID
	identity qa.Identity // "" for an actor ID that is not 40 bytes long
	person   authority.Person
	voidFrom uint32 // the sequence number from which on its changes are void; 0: none is
}

// changeInfo describes a change. It is the zero value for a change in the graph that
// was not applied yet.
type changeInfo struct {
	millis   int64 // the writer's clock, since 1970
	received int64 // when this device received the change, in ms since 1970; 0: unknown
	actor    uint32
	// The keys that the change wrote: Projection.writes from writes up to writesEnd.
	writes, writesEnd uint32
	applied           bool
	edits             bool // counts as an edit of the event's own fields
}

// New returns an empty projection of an event. g is the event's graph; add each change
// to g before Apply. a is the event's authority over the same graph; Apply adds to it
// the changes that it does not have.
func New(event qa.EventID, g *graph.Graph, a *authority.Authority) *Projection {
	f := &Projection{
		event:     event,
		graph:     g,
		authority: a,
		actorIx:   map[wire.ActorID]uint32{},
		objects:   map[graph.Op]mapOf{},
		maps:      1, // the root
		names:     map[string]string{},
		replies:   map[string][]*object{},
		pasts:     map[int32]graph.Past{},

		unsuperseded: map[*object][]int32{},
		root:         object{slot: schema.MapRoot},
	}
	f.touched.reset()
	return f
}

// Steps returns how many writes were examined so far, to apply changes and to compute
// the draw: the cost that grows with the history of a key or the number of its
// concurrent values. Tests check it against bounds.
func (f *Projection) Steps() int64 { return f.steps }

// change returns the change at a place of the graph; false if it was not applied.
func (f *Projection) change(place int) (change int32, ok bool) {
	return int32(place), place < len(f.changes) && f.changes[place].applied
}

// hash returns the hash of a change.
func (f *Projection) hash(change int32) wire.Hash { return f.graph.HashAt(int(change)) }

// isVoid reports whether a change is void: its actor has written another change with
// the same sequence number, or with an earlier one that is used twice.
func (f *Projection) isVoid(change int32) bool {
	from := f.actors[f.changes[change].actor].voidFrom
	return from != 0 && f.graph.SeqAt(int(change)) >= uint64(from)
}

// when returns the time of a change, corrected if it cannot be true.
func (f *Projection) when(change int32, imported bool) int64 {
	c := &f.changes[change]
	return qa.PlausibleMillis(c.millis, c.received, f.founded, imported)
}

// by returns who wrote a change.
func (f *Projection) by(change int32) qa.Identity {
	return f.actors[f.changes[change].actor].identity
}

// personOf returns who wrote a change.
func (f *Projection) personOf(change int32) authority.Person {
	return f.actors[f.changes[change].actor].person
}

// actorOf returns the index of an actor in actors, and adds the actor if it is new.
func (f *Projection) actorOf(a wire.ActorID) uint32 {
	if i, ok := f.actorIx[a]; ok {
		return i
	}
	i := uint32(len(f.actors))
	a = wire.ActorID(strings.Clone(string(a)))
	f.actors = append(f.actors, actorInfo{id: a, identity: qa.IdentityOfActor([]byte(a)), person: authority.PersonOf(a)})
	f.actorIx[a] = i
	return i
}

// less reports whether operation a comes before b.
func (f *Projection) less(a, b graph.Op) bool { return f.graph.CompareOps(a, b) < 0 }

// compareWrites orders writes by their operations.
func (f *Projection) compareWrites(a, b *write) int { return f.graph.CompareOps(a.Op, b.Op) }

// isAncestor reports whether change a is in the past of change b. No change is in its
// own past.
func (f *Projection) isAncestor(a, b int32) bool {
	if a == 0 && f.roots == 1 {
		return b != 0 // the genesis is in the past of every other change
	}
	return f.graph.IsAncestor(f.hash(a), f.hash(b))
}

// inPast reports whether change a is b or in b's past. It is fast as long as b has few
// different values.
func (f *Projection) inPast(a, b int32) bool {
	return f.authority.InPast(f.hash(a), f.hash(b))
}

// pastOf returns the past of a change.
func (f *Projection) pastOf(change int32) *graph.Past {
	past := f.graph.Past(f.graph.Deps(nil, f.hash(change)))
	return &past
}
