// Package graph is the graph of one document's changes: dependencies, heads, ancestry,
// and the changes that wait for missing dependencies.
//
// It guarantees that every applied change has all its deps applied, that each actor's
// changes form one chain without gaps or repeats, each change naming the actor's
// previous one as a dep, and that operation counters rise along every edge. A change
// that breaks these rules is refused with a named error and leaves no trace. Adding is
// idempotent, and independent of the order in which changes arrive: a change that
// arrives before its deps is held in a pending buffer of bounded size.
//
// It never holds the bytes of changes, never checks signatures or operations,
// and does no I/O. A Graph is not safe for concurrent use; methods that only
// read may run concurrently.
//
// Memory: an applied change takes about 100 bytes (32 its hash, 8 to 16 its
// place in the index, 28 fixed fields, 8 for each dep, and slack of growing
// slices); an actor about 150 more.
package graph

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"

	"flyleaf/crdt/wire"
)

// Bounds. Beyond them Add returns ErrMalformed, ErrFull or ErrPendingFull.
const (
	MaxDeps         = 1 << 16        // deps of one change; events allow fewer, see wire.MaxDeps
	MaxCounter      = math.MaxUint32 // of an operation; automerge cannot count further
	MaxActor        = 1024           // bytes of an actor ID
	MaxChanges      = 1 << 24        // applied changes
	MaxPending      = 8192           // changes in the pending buffer
	MaxPendingBytes = 8 << 20        // memory they may take, as counted by pendingSize
)

var (
	// ErrMalformed is returned for a change that no correct writer produces: no seq or
	// no startOp, counters out of range, deps that are unsorted, repeated or too many.
	ErrMalformed = errors.New("graph: malformed change")
	// ErrMissingDeps is returned by Check when not all deps are applied. Add keeps such
	// a change pending instead.
	ErrMissingDeps = errors.New("graph: deps are missing")
	// ErrDuplicateSeq is returned when the actor already has another change with this
	// seq: the actor forked its own history. With the option Forks it is returned only
	// when that other change lies in the past of this one.
	ErrDuplicateSeq = errors.New("graph: actor used this sequence number before")
	// ErrSeqGap is returned when the actor's previous change is not applied
	// though all deps are.
	ErrSeqGap = errors.New("graph: gap in the actor's sequence numbers")
	// ErrOwnPrevious is returned when a change does not name its actor's
	// previous change among its deps.
	ErrOwnPrevious = errors.New("graph: the actor's previous change is not among the deps")
	// ErrStartOp is returned when startOp is not one more than the highest
	// counter in the change's past; from a Lenient graph only when it is lower.
	ErrStartOp = errors.New("graph: wrong startOp")
	// ErrPendingFull is returned when a change would have to wait and the pending
	// buffer is full. The change can be sent again later.
	ErrPendingFull = errors.New("graph: too many changes wait for dependencies")
	// ErrFull is returned when the graph holds MaxChanges changes.
	ErrFull = errors.New("graph: too many changes")
	// ErrDependsOnRefused is the reason in Rejected for a pending change that depends
	// on a refused one.
	ErrDependsOnRefused = errors.New("graph: depends on a refused change")
)

// Meta is the part of a change that the graph uses. MaxOp of a change without
// operations is StartOp-1.
type Meta struct {
	Hash           wire.Hash
	Deps           []wire.Hash // ascending
	Actor          wire.ActorID
	Seq            uint64
	StartOp, MaxOp uint64
}

// MetaOf returns the Meta of a change; it shares c's deps.
func MetaOf(c *wire.Change) Meta {
	return Meta{Hash: c.Hash, Deps: c.Deps, Actor: c.Actor, Seq: c.Seq, StartOp: c.StartOp, MaxOp: c.MaxOp()}
}

// Rejection is a pending change that was refused once its deps had arrived.
type Rejection struct {
	Hash wire.Hash
	Err  error
}

// node holds the fixed fields of an applied change. Its index in Graph.nodes is its
// place in the applied order, so a dep always has a lower index.
type node struct {
	actor          int32
	seq            uint32
	startOp, maxOp uint32
	deps           uint32 // where its deps begin in Graph.edges; they end where the next node's begin
	lastDependent  int32  // the newest edge that points here, -1: none (a head)
}

// edge is one dep of one change. The edges that point to the same change form a linked
// list.
type edge struct {
	to   int32
	next int32 // index of an older edge to the same change, -1: none
}

// Graph is the graph of one document's changes. Use New.
type Graph struct {
	lenient    bool
	forks      bool
	admit      func(Meta) error
	maxChanges int // changes; MaxChanges outside of tests

	hashes []wire.Hash
	nodes  []node
	edges  []edge
	index  index
	actors []actor
	actor  map[wire.ActorID]int32
	heads  headList
	maxOp  uint64
	forked []int32 // actors that reused a sequence number, one entry for each reuse, in the applied order

	pending  pendingBuffer
	rejected []Rejection

	steps *steps
}

// actor is an actor and its changes. chain holds them by seq-1; where changes share a
// number (option Forks), it holds the one that was applied first, and others holds the
// further ones, ascending by seq, then by place. fork is the lowest number that is used
// twice, 0 for none.
type actor struct {
	id     wire.ActorID
	chain  []int32
	others []int32
	fork   uint32
}

// Option configures a new Graph.
type Option func(*Graph)

// Lenient makes a graph accept changes whose startOp is higher than necessary.
// JavaScript's changeAt makes such changes; all other rules stay.
func Lenient(g *Graph) { g.lenient = true }

// Forks makes a graph accept two changes with one actor and sequence number. Both
// become nodes, and the past of a change that depends on either stays complete. Such an
// actor equivocates; see Fork and ForkedIn. Within its own past, each change still has
// its actor's next number and names the actor's previous change among its deps.
func Forks(g *Graph) { g.forks = true }

// Admit makes a graph call f before it applies a change, also a pending one. At that
// point all deps are applied and the graph's own rules hold. An error of f refuses the
// change, and is returned by Add or found in Rejected. f may read the graph but not
// change it.
func Admit(f func(Meta) error) Option { return func(g *Graph) { g.admit = f } }

// New returns an empty graph.
func New(options ...Option) *Graph {
	g := &Graph{maxChanges: MaxChanges, index: newIndex(), actor: map[wire.ActorID]int32{}, pending: newPendingBuffer()}
	for _, o := range options {
		o(g)
	}
	return g
}

// Add applies a change, or keeps it pending when deps are missing. It returns the
// changes that this call applied, in causal order: c and the changes that waited for
// it; none if c is known already or is pending now. An error is about c itself: one of
// Check's except ErrMissingDeps, ErrPendingFull, ErrFull, or the error of Admit's
// function. Pending changes that depend on a refused one are refused with it; see
// Rejected.
func (g *Graph) Add(c Meta) (added []wire.Hash, err error) {
	if g.Has(c.Hash) || g.IsPending(c.Hash) {
		return nil, nil
	}
	switch err := g.Check(c); {
	case errors.Is(err, ErrMissingDeps):
		return nil, g.pending.put(c, g.Has)
	case err != nil:
		g.Refuse(c.Hash)
		return nil, err
	}
	if err := g.admitted(c); err != nil {
		if !errors.Is(err, ErrFull) { // ErrFull is not the change's fault, so what depends on it stays pending
			g.Refuse(c.Hash)
		}
		return nil, err
	}
	g.apply(c)
	added = append(added, c.Hash)
	// added is also the queue of changes for which others may be waiting.
	for i := 0; i < len(added); i++ {
		for _, w := range g.pending.takeReady(added[i]) {
			err := g.Check(w)
			if err == nil {
				err = g.admitted(w)
			}
			if err != nil {
				g.reject(w.Hash, err)
				g.Refuse(w.Hash)
				continue
			}
			g.apply(w)
			added = append(added, w.Hash)
		}
	}
	return added, nil
}

func (g *Graph) admitted(c Meta) error {
	if len(g.nodes) >= g.maxChanges || len(g.edges)+len(c.Deps) > math.MaxInt32 {
		return ErrFull
	}
	if g.admit == nil {
		return nil
	}
	return g.admit(c)
}

// Refuse tells the graph that a change will not be accepted. Pending changes that
// depend on it, directly or not, are removed and added to Rejected.
func (g *Graph) Refuse(h wire.Hash) {
	g.pending.drop(h)
	for _, w := range g.pending.dropDependents(h) {
		g.reject(w, ErrDependsOnRefused)
	}
}

func (g *Graph) reject(h wire.Hash, err error) {
	if len(g.rejected) >= MaxPending {
		g.rejected = slices.Delete(g.rejected, 0, MaxPending/2)
	}
	g.rejected = append(g.rejected, Rejection{h, err})
}

// Rejected returns the pending changes that were refused since the last call, at most
// the newest MaxPending. Call it after Add.
func (g *Graph) Rejected() []Rejection {
	r := g.rejected
	g.rejected = nil
	return r
}

// Check reports whether c could be applied now. It returns nil if so, also if c is
// applied already; ErrMissingDeps if c would have to wait; else ErrMalformed,
// ErrDuplicateSeq, ErrSeqGap, ErrOwnPrevious or ErrStartOp. It does not call Admit's
// function.
func (g *Graph) Check(c Meta) error {
	if g.Has(c.Hash) {
		return nil
	}
	switch {
	case c.Seq == 0 || c.StartOp == 0 || c.StartOp > MaxCounter || c.MaxOp > MaxCounter || c.MaxOp+1 < c.StartOp:
		return fmt.Errorf("%w: seq %d, startOp %d, maxOp %d", ErrMalformed, c.Seq, c.StartOp, c.MaxOp)
	case len(c.Deps) > MaxDeps:
		return fmt.Errorf("%w: %d deps", ErrMalformed, len(c.Deps))
	case len(c.Actor) > MaxActor:
		return fmt.Errorf("%w: actor of %d bytes", ErrMalformed, len(c.Actor))
	}
	for i, d := range c.Deps {
		if d == c.Hash || i > 0 && compare(c.Deps[i-1], d) >= 0 {
			return fmt.Errorf("%w: deps not ascending", ErrMalformed)
		}
	}
	g.steps.add(len(c.Deps))
	last := g.SeqOf(c.Actor)
	if c.Seq <= last && !g.forks {
		return fmt.Errorf("%w: seq %d of actor %s", ErrDuplicateSeq, c.Seq, c.Actor)
	}
	var past uint64
	for _, d := range c.Deps {
		i, ok := g.find(d)
		if !ok {
			return fmt.Errorf("%w: %s", ErrMissingDeps, d)
		}
		past = max(past, uint64(g.nodes[i].maxOp))
	}
	if c.Seq > last+1 {
		return fmt.Errorf("%w: seq %d of actor %s after %d", ErrSeqGap, c.Seq, c.Actor, last)
	}
	if c.Seq > 1 && !g.namesPrevious(c) {
		return fmt.Errorf("%w: seq %d of actor %s", ErrOwnPrevious, c.Seq, c.Actor)
	}
	if c.Seq <= last && g.usedInPast(c) {
		return fmt.Errorf("%w: seq %d of actor %s is in its own past", ErrDuplicateSeq, c.Seq, c.Actor)
	}
	if c.StartOp < past+1 || c.StartOp > past+1 && !g.lenient {
		return fmt.Errorf("%w: %d, should be %d", ErrStartOp, c.StartOp, past+1)
	}
	return nil
}

// namesPrevious reports whether the deps of a change, which are applied, contain a
// change of the same actor with the number before its own.
func (g *Graph) namesPrevious(c Meta) bool {
	a, ok := g.actor[c.Actor]
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.Deps, func(d wire.Hash) bool {
		i, _ := g.find(d)
		return g.nodes[i].actor == a && uint64(g.nodes[i].seq) == c.Seq-1
	})
}

// usedInPast reports whether the past of an applied change contains another change of
// its actor with the same number. A higher number in the past implies that.
func (g *Graph) usedInPast(c Meta) bool {
	a, ok := g.actor[c.Actor]
	if !ok {
		return false
	}
	by := &g.actors[a]
	past := g.Past(c.Deps)
	if past.Has(int(by.chain[c.Seq-1])) {
		return true
	}
	for _, i := range by.othersFrom(g, uint32(c.Seq)) {
		g.steps.add(1)
		if uint64(g.nodes[i].seq) != c.Seq {
			break
		}
		if past.Has(int(i)) {
			return true
		}
	}
	return false
}

// apply appends a change that Check has passed.
func (g *Graph) apply(c Meta) {
	g.steps.add(1 + len(c.Deps))
	self := int32(len(g.nodes))
	a, ok := g.actor[c.Actor]
	if !ok {
		a = int32(len(g.actors))
		g.actors = append(g.actors, actor{id: c.Actor})
		g.actor[c.Actor] = a
	}
	g.hashes = append(g.hashes, c.Hash)
	g.nodes = append(g.nodes, node{
		actor: a, seq: uint32(c.Seq), startOp: uint32(c.StartOp), maxOp: uint32(c.MaxOp),
		deps: uint32(len(g.edges)), lastDependent: -1,
	})
	if by := &g.actors[a]; c.Seq > uint64(len(by.chain)) {
		by.chain = append(by.chain, self)
	} else {
		g.forkedBy(by, self)
	}
	g.index.put(g.hashes, self)
	for _, d := range c.Deps {
		to, _ := g.find(d)
		if g.nodes[to].lastDependent < 0 {
			g.heads.drop(d)
		}
		g.edges = append(g.edges, edge{to: to, next: g.nodes[to].lastDependent})
		g.nodes[to].lastDependent = int32(len(g.edges) - 1)
	}
	g.heads.put(c.Hash)
	g.maxOp = max(g.maxOp, c.MaxOp)
}

// Has reports whether h is applied.
func (g *Graph) Has(h wire.Hash) bool {
	_, ok := g.find(h)
	return ok
}

// IsPending reports whether h is pending.
func (g *Graph) IsPending(h wire.Hash) bool { return g.pending.has(h) }

// NeededByPending reports whether a pending change names h as a dep and h is not applied.
func (g *Graph) NeededByPending(h wire.Hash) bool { return g.pending.by[h] != nil }

// Forget removes a change from the pending buffer. Its dependents stay pending.
func (g *Graph) Forget(h wire.Hash) { g.pending.drop(h) }

// PendingLen returns the number of pending changes.
func (g *Graph) PendingLen() int { return g.pending.len() }

// Missing returns the deps of pending changes that are neither applied nor pending,
// ascending.
func (g *Graph) Missing() []wire.Hash { return g.pending.missing() }

// MissingFrom follows the given hashes through pending changes and returns the hashes
// that are neither applied nor pending, ascending.
func (g *Graph) MissingFrom(hashes []wire.Hash) []wire.Hash {
	for _, h := range hashes {
		if !g.Has(h) {
			return g.pending.missingFrom(hashes, g.Has)
		}
	}
	return nil // the common case; called for every message to every peer
}

// Heads returns the applied changes that no applied change depends on, ascending.
// Callers share the slice and must not modify it; it stays as it is when the graph
// grows.
func (g *Graph) Heads() []wire.Hash { return g.heads.all() }

// HeadsLen returns how many heads there are.
func (g *Graph) HeadsLen() int { return g.heads.n }

// IsHead reports whether h is a head.
func (g *Graph) IsHead(h wire.Hash) bool {
	i, ok := g.find(h)
	return ok && g.nodes[i].lastDependent < 0
}

// forkedBy records a change that reuses a sequence number of its actor.
func (g *Graph) forkedBy(by *actor, self int32) {
	g.forked = append(g.forked, g.nodes[self].actor)
	seq := g.nodes[self].seq
	if by.fork == 0 || seq < by.fork {
		by.fork = seq
	}
	i := sort.Search(len(by.others), func(i int) bool { return g.nodes[by.others[i]].seq > seq })
	by.others = slices.Insert(by.others, i, self)
}

// Forks returns the number of changes that reuse a sequence number of their actor. It
// only grows; while it stays the same, Forked gives the same answers.
func (g *Graph) Forks() int { return len(g.forked) }

// ForksSince yields the actors that have reused a number since Forks returned n, one
// entry for each reuse.
func (g *Graph) ForksSince(n int) iter.Seq[wire.ActorID] {
	return func(yield func(wire.ActorID) bool) {
		for _, a := range g.forked[n:] {
			if !yield(g.actors[a].id) {
				return
			}
		}
	}
}

// Fork returns the lowest sequence number for which an actor has two changes, 0 when
// every number is used once.
func (g *Graph) Fork(id wire.ActorID) uint64 {
	if a, ok := g.actor[id]; ok {
		return uint64(g.actors[a].fork)
	}
	return 0
}

// Forked reports whether the change at a place is void: its actor has two changes with
// this sequence number or with a lower one.
func (g *Graph) Forked(place int) bool {
	n := &g.nodes[place]
	fork := g.actors[n.actor].fork
	return fork != 0 && n.seq >= fork
}

// ForkedIn is like Forked, but considers only changes in past. The first question about
// an actor looks at each of its further changes until it finds two with one number;
// past keeps the answer.
func (g *Graph) ForkedIn(place int, past *Past) bool {
	if !g.Forked(place) {
		return false
	}
	n := &g.nodes[place]
	fork := g.forkIn(n.actor, past)
	return fork != 0 && n.seq >= fork
}

// forkIn returns the lowest sequence number for which past contains two changes of an
// actor, 0 for none.
func (g *Graph) forkIn(a int32, past *Past) uint32 {
	if fork, known := past.forks[a]; known {
		return fork
	}
	by := &g.actors[a]
	fork := uint32(0)
	var known uint32 // the number of the last change seen that is in the past
	for _, i := range by.others {
		g.steps.add(1)
		if !past.Has(int(i)) {
			continue
		}
		seq := g.nodes[i].seq
		if known == seq || past.Has(int(by.chain[seq-1])) {
			fork = seq
			break
		}
		known = seq
	}
	if past.forks == nil {
		past.forks = map[int32]uint32{}
	}
	past.forks[a] = fork
	return fork
}

// Op identifies an operation by its change and counter, because two changes of an actor
// that equivocates share counters.
type Op struct {
	Place   int32  // of the change in the applied order
	Counter uint32 // of the operation
}

// Resolve returns the applied operation with the given ID, and false when there is
// none. past is the past of the change that refers to it. If an equivocation makes the
// ID ambiguous, Resolve returns the operation that is in past, and false when none is;
// past is computed only then. Otherwise the caller must check that the operation is in
// the past.
func (g *Graph) Resolve(id wire.OpID, past *LazyPast) (Op, bool) {
	a, ok := g.actor[id.Actor]
	if !ok || id.Counter == 0 || id.Counter > MaxCounter {
		return Op{}, false
	}
	by := &g.actors[a]
	counter := uint32(id.Counter)
	unforked := by.chain // where counters ascend
	if by.fork != 0 {
		unforked = by.chain[:by.fork-1]
		for _, forked := range [][]int32{by.chain[by.fork-1:], by.others} {
			for _, i := range forked {
				g.steps.add(1)
				if n := &g.nodes[i]; n.startOp <= counter && counter <= n.maxOp && past.Get().Has(int(i)) {
					return Op{i, counter}, true
				}
			}
		}
	}
	k := sort.Search(len(unforked), func(k int) bool { return g.nodes[unforked[k]].startOp > counter }) - 1
	if k < 0 || counter > g.nodes[unforked[k]].maxOp {
		return Op{}, false
	}
	return Op{unforked[k], counter}, true
}

// ID returns the operation's ID as in the wire format.
func (g *Graph) ID(op Op) wire.OpID {
	return wire.OpID{Counter: uint64(op.Counter), Actor: g.ActorAt(int(op.Place))}
}

// CompareOps orders operations as Automerge does: by counter, then by actor. Two operations
// with one ID, which only an equivocating actor has, are ordered by the hashes of their
// changes.
func (g *Graph) CompareOps(a, b Op) int {
	if a.Counter != b.Counter {
		return cmp.Compare(a.Counter, b.Counter)
	}
	if a.Place == b.Place {
		return 0
	}
	if x, y := g.nodes[a.Place].actor, g.nodes[b.Place].actor; x != y {
		return strings.Compare(string(g.actors[x].id), string(g.actors[y].id))
	}
	return compare(g.hashes[a.Place], g.hashes[b.Place])
}

// ActorAt returns the actor of the change at a place of the applied order.
func (g *Graph) ActorAt(place int) wire.ActorID { return g.actors[g.nodes[place].actor].id }

// SeqAt returns the sequence number of the change at a place of the applied order.
func (g *Graph) SeqAt(place int) uint64 { return uint64(g.nodes[place].seq) }

// HashAt returns the change at a place of the applied order.
func (g *Graph) HashAt(place int) wire.Hash { return g.hashes[place] }

// ChangesFrom returns the places of an actor's changes from a sequence number on,
// in no order.
func (g *Graph) ChangesFrom(id wire.ActorID, seq uint64) []int32 {
	a, ok := g.actor[id]
	if !ok || seq == 0 {
		return nil
	}
	by := &g.actors[a]
	out := slices.Clone(by.othersFrom(g, uint32(min(seq, math.MaxUint32))))
	if seq <= uint64(len(by.chain)) {
		out = append(out, by.chain[seq-1:]...)
	}
	return out
}

// othersFrom returns an actor's further changes from a sequence number on.
func (a *actor) othersFrom(g *Graph, seq uint32) []int32 {
	return a.others[sort.Search(len(a.others), func(i int) bool { return g.nodes[a.others[i]].seq >= seq }):]
}

// Len returns the number of applied changes.
func (g *Graph) Len() int { return len(g.nodes) }

// MaxOp returns the highest operation counter applied, 0 if there is none.
func (g *Graph) MaxOp() uint64 { return g.maxOp }

// Place returns the index of h in the applied order, from 0. A dep comes before its
// dependents; the place of an applied change never changes.
func (g *Graph) Place(h wire.Hash) (int, bool) {
	i, ok := g.find(h)
	return int(i), ok
}

// Node returns an applied change.
func (g *Graph) Node(h wire.Hash) (Meta, bool) {
	i, ok := g.find(h)
	if !ok {
		return Meta{}, false
	}
	n := &g.nodes[i]
	return Meta{
		Hash: h, Deps: g.Deps(nil, h), Actor: g.actors[n.actor].id,
		Seq: uint64(n.seq), StartOp: uint64(n.startOp), MaxOp: uint64(n.maxOp),
	}, true
}

// Deps appends the deps of an applied change to buf, ascending.
func (g *Graph) Deps(buf []wire.Hash, h wire.Hash) []wire.Hash {
	if i, ok := g.find(h); ok {
		for _, e := range g.depsOf(i) {
			buf = append(buf, g.hashes[e.to])
		}
	}
	return buf
}

// Dependents returns the applied changes that name h as a dep, in the order
// they were applied.
func (g *Graph) Dependents(h wire.Hash) []wire.Hash {
	i, ok := g.find(h)
	if !ok {
		return nil
	}
	var r []wire.Hash
	for e := g.nodes[i].lastDependent; e >= 0; e = g.edges[e].next {
		// The edge's owner is the last node whose deps begin at or before it.
		owner := sort.Search(len(g.nodes), func(i int) bool { return g.nodes[i].deps > uint32(e) }) - 1
		r = append(r, g.hashes[owner])
	}
	slices.Reverse(r)
	return r
}

// BySeq returns an actor's change by its sequence number. Of two changes with one
// number it returns the one applied first.
func (g *Graph) BySeq(id wire.ActorID, seq uint64) (wire.Hash, bool) {
	a, ok := g.actor[id]
	if !ok || seq == 0 || seq > uint64(len(g.actors[a].chain)) {
		return wire.Hash{}, false
	}
	return g.hashes[g.actors[a].chain[seq-1]], true
}

// SeqOf returns the sequence number of an actor's last change, 0 if it has none.
func (g *Graph) SeqOf(id wire.ActorID) uint64 {
	if a, ok := g.actor[id]; ok {
		return uint64(len(g.actors[a].chain))
	}
	return 0
}

// Actors returns the actors in the order they first appeared.
func (g *Graph) Actors() iter.Seq[wire.ActorID] {
	return func(yield func(wire.ActorID) bool) {
		for _, a := range g.actors {
			if !yield(a.id) {
				return
			}
		}
	}
}

// Order returns all applied changes in the order they were applied, which is
// a causal order. It does not see changes added during the iteration.
func (g *Graph) Order() iter.Seq[wire.Hash] {
	hashes := g.hashes
	return func(yield func(wire.Hash) bool) {
		for _, h := range hashes {
			if !yield(h) {
				return
			}
		}
	}
}

func (g *Graph) find(h wire.Hash) (int32, bool) { return g.index.find(g.hashes, h) }

// depsOf returns the edges of a node to its deps.
func (g *Graph) depsOf(i int32) []edge {
	end := len(g.edges)
	if int(i)+1 < len(g.nodes) {
		end = int(g.nodes[i+1].deps)
	}
	return g.edges[g.nodes[i].deps:end]
}

func compare(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }
