// Package policytest builds events and hostile changes for tests, without automerge-go. A
// test writes a change operation by operation, and every operation is valid unless the test
// spoils it. The package computes the current values of a key slowly, from their definition,
// so that tests can compare them with what the policy computes fast.
//
// Cases is a table of changes that every replica must refuse, each with the code of the
// refusal. The tests of relay, device and audit all run it.
package policytest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Millis is the time of the first change, in ms since 1970. Each further change is one second
// later.
const Millis = 1_788_000_000_000

// Signed is a change as it is sent: its bytes and their signature.
type Signed struct {
	Change    *wire.Change // the change before a test spoiled Bytes
	Bytes     []byte       // a type-1 chunk
	Signature []byte       // 64 bytes; nil: unsigned
}

// World is the event of a test.
type World struct {
	Event   qa.EventID
	Founder *Writer
	// Changes are the changes of the event, in causal order.
	Changes []Signed
	by      map[wire.Hash]*wire.Change
	actors  map[wire.ActorID][]*wire.Change
	pasts   map[wire.Hash]map[wire.Hash]bool // cache: by change, its past
}

// Writer is a device of a person.
type Writer struct {
	w     *World
	Key   keys.Key
	Actor wire.ActorID
	seq   uint64
	last  wire.Hash
}

// ID returns the writer's identity.
func (x *Writer) ID() qa.Identity { return x.Key.Identity() }

// KeyOf returns the key of a person. It depends only on the name.
func KeyOf(name string) keys.Key {
	sum := sha256.Sum256([]byte(name))
	k, err := keys.KeyFromSeed(sum[:])
	if err != nil {
		panic(err)
	}
	return k
}

// Writer returns a device: the person's name, optionally followed by a slash and the name of
// the device.
func (w *World) Writer(name string) *Writer {
	person, _, _ := strings.Cut(name, "/")
	k := KeyOf(person)
	sum := sha256.Sum256([]byte("device " + name))
	a, err := k.NewActor(bytes.NewReader(sum[:]))
	if err != nil {
		panic(err)
	}
	return &Writer{w: w, Key: k, Actor: a}
}

// Options describe a genesis.
type Options struct {
	Kind, Access string       // "event" and "open" when empty
	RulesVersion uint64       // schema.RulesVersion when 0
	By           string       // "founder" when empty
	Without      string       // a path that is omitted
	More         func(*Draft) // adds operations
}

// NewWorld returns an event that contains only its genesis.
func NewWorld(o Options) *World {
	w := &World{by: map[wire.Hash]*wire.Change{}}
	d := Genesis(w, o)
	s := d.Sign()
	w.Add(s)
	return w
}

// Genesis drafts the first change of a world. Signing the change sets the world's event ID.
func Genesis(w *World, o Options) *Draft {
	if w.by == nil {
		w.by = map[wire.Hash]*wire.Change{}
	}
	kind, access := o.Kind, o.Access
	if kind == "" {
		kind = "event"
	}
	if access == "" {
		access = "open"
	}
	by := o.By
	if by == "" {
		by = "founder"
	}
	w.Founder = w.Writer(by)
	d := w.Founder.Draft()
	d.found = true
	set := func(path string, v wire.Value) {
		if path != o.Without {
			d.Set(path, v)
		}
	}
	set("kind", wire.StringValue(kind))
	set("gate", wire.UintValue(cmp.Or(o.RulesVersion, schema.RulesVersion)))
	set("access", wire.StringValue(access))
	maps := []string{kind, kind + "/x", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "draw/commit", "draw/reveal", "contacts", "blobs", "relays"}
	switch kind {
	case "club":
		maps = append(maps, "weeks")
	case "event":
		maps = append(maps, "event/links")
	}
	for _, path := range maps {
		if path != o.Without && !strings.HasPrefix(path, o.Without+"/") {
			d.Map(path)
		}
	}
	if o.More != nil {
		o.More(d)
	}
	return d
}

// Heads returns the changes that no other change depends on, ascending.
func (w *World) Heads() []wire.Hash {
	heads := map[wire.Hash]bool{}
	for _, s := range w.Changes {
		heads[s.Change.Hash] = true
	}
	for _, s := range w.Changes {
		for _, d := range s.Change.Deps {
			delete(heads, d)
		}
	}
	var out []wire.Hash
	for h := range heads {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// Add adds a change to the world.
func (w *World) Add(s Signed) Signed {
	w.Changes = append(w.Changes, s)
	w.by[s.Change.Hash] = s.Change
	if w.actors == nil {
		w.actors = map[wire.ActorID][]*wire.Change{}
	}
	w.actors[s.Change.Actor] = append(w.actors[s.Change.Actor], s.Change)
	return s
}

// Draft is a change before it is signed.
type Draft struct {
	*wire.Change
	x     *Writer
	past  []*wire.Change
	void  map[wire.Hash]bool   // the changes of past that are void in it
	own   map[string]wire.OpID // maps that the draft makes, by path
	found bool
}

// op is an operation by its change and index.
type op struct {
	change *wire.Change
	index  int
}

// opOf returns the operation to which an ID refers in a change: one of its own, or one in
// its past.
func (w *World) opOf(by *wire.Change, id wire.OpID) op {
	if by.IsOwn(id) {
		return op{by, int(id.Counter - by.StartOp)}
	}
	var found []*wire.Change
	for _, c := range w.actors[id.Actor] {
		if c.StartOp <= id.Counter && id.Counter <= c.MaxOp() {
			found = append(found, c)
		}
	}
	if len(found) > 1 {
		in := w.inPast(by.Deps)
		found = slices.DeleteFunc(found, func(c *wire.Change) bool { return !in[c.Hash] })
	}
	if len(found) == 0 {
		return op{}
	}
	return op{found[0], int(id.Counter - found[0].StartOp)}
}

// before reports whether a change of the world is in the past of another.
func (w *World) before(c, of *wire.Change) bool {
	if w.by[of.Hash] == nil { // a draft
		return w.inPast(of.Deps)[c.Hash]
	}
	if w.pasts == nil {
		w.pasts = map[wire.Hash]map[wire.Hash]bool{}
	}
	in, ok := w.pasts[of.Hash]
	if !ok {
		in = w.inPast(of.Deps)
		w.pasts[of.Hash] = in
	}
	return in[c.Hash]
}

// voidIn returns the changes of a past that are void in it.
func voidIn(past []*wire.Change) map[wire.Hash]bool {
	type number struct {
		actor wire.ActorID
		seq   uint64
	}
	seen, from := map[number]bool{}, map[wire.ActorID]uint64{}
	for _, c := range past {
		n := number{c.Actor, c.Seq}
		if f, forked := from[c.Actor]; seen[n] && (!forked || c.Seq < f) {
			from[c.Actor] = c.Seq
		}
		seen[n] = true
	}
	if len(from) == 0 {
		return nil
	}
	void := map[wire.Hash]bool{}
	for _, c := range past {
		if f, forked := from[c.Actor]; forked && c.Seq >= f {
			void[c.Hash] = true
		}
	}
	return void
}

// Draft begins a change that depends on the given changes and on the writer's last change;
// if none are given, on the world's heads.
func (x *Writer) Draft(on ...wire.Hash) *Draft {
	if len(on) == 0 {
		on = x.w.Heads()
	}
	deps := slices.Clone(on)
	if x.seq > 0 && !slices.Contains(deps, x.last) {
		deps = append(deps, x.last)
	}
	slices.SortFunc(deps, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	d := &Draft{x: x, own: map[string]wire.OpID{}}
	d.Change = &wire.Change{
		Actor: x.Actor, Seq: x.seq + 1, StartOp: 1, Deps: deps, TimeMillis: Millis + 1000*int64(len(x.w.Changes)),
	}
	d.past = x.w.past(deps)
	d.void = voidIn(d.past)
	for _, c := range d.past {
		d.StartOp = max(d.StartOp, c.MaxOp()+1)
	}
	return d
}

// inPast returns these changes and their pasts.
func (w *World) inPast(of []wire.Hash) map[wire.Hash]bool {
	in := map[wire.Hash]bool{}
	var visit func(h wire.Hash)
	visit = func(h wire.Hash) {
		c := w.by[h]
		if c == nil || in[h] {
			return
		}
		in[h] = true
		for _, d := range c.Deps {
			visit(d)
		}
	}
	for _, h := range of {
		visit(h)
	}
	return in
}

// past is inPast as a list, in causal order.
func (w *World) past(of []wire.Hash) []*wire.Change {
	in := w.inPast(of)
	var out []*wire.Change
	for _, s := range w.Changes {
		if in[s.Change.Hash] {
			out = append(out, s.Change)
		}
	}
	return out
}

// Next returns the ID of the draft's next operation.
func (d *Draft) Next() wire.OpID {
	return wire.OpID{Counter: d.StartOp + uint64(len(d.Ops)), Actor: d.Actor}
}

// Obj returns the map at a path: the one with the highest operation, of the maps in the
// draft's past that are not void there and those that the draft makes. It panics if there is
// none.
func (d *Draft) Obj(path string) wire.OpID { return d.obj(path, false) }

// Void is like Obj, but also finds maps that are void in the draft's past.
func (d *Draft) Void(path string) wire.OpID { return d.obj(path, true) }

func (d *Draft) obj(path string, void bool) wire.OpID {
	if path == "" {
		return wire.OpID{}
	}
	if id, ok := d.own[path]; ok {
		return id
	}
	up, key := "", path
	if i := strings.LastIndex(path, "/"); i >= 0 {
		up, key = path[:i], path[i+1:]
	}
	in := d.obj(up, void)
	var best wire.OpID
	for _, c := range d.past {
		if !void && d.void[c.Hash] {
			continue
		}
		for k := range c.Ops {
			id := wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}
			if op := &c.Ops[k]; op.Action == wire.MakeMap && op.Obj == in && op.Key.Prop == key && best.Less(id) {
				best = id
			}
		}
	}
	if best == (wire.OpID{}) {
		panic(fmt.Sprintf("policytest: there is no map %q", path))
	}
	return best
}

// Has reports whether there is a map at a path.
func (d *Draft) Has(path string) (ok bool) {
	defer func() { ok = recover() == nil }()
	d.Obj(path)
	return true
}

// Live returns the current writes of a key, from their definition: the writes that are in the
// past, or earlier in the draft, that are not void there, and that are not in the past of
// another such write. If no write is void, these are the writes that no other has replaced.
func (d *Draft) Live(obj wire.OpID, key string) []wire.OpID {
	type write struct {
		id wire.OpID
		at op
	}
	var all []write
	replaced := map[wire.OpID]bool{}
	var in op
	if len(d.void) > 0 && obj != (wire.OpID{}) {
		in = d.x.w.opOf(d.Change, obj)
	}
	for _, c := range append(slices.Clone(d.past), d.Change) {
		if d.void[c.Hash] {
			continue
		}
		for k := range c.Ops {
			o := &c.Ops[k]
			if o.Obj != obj || o.Key.Prop != key || in.change != nil && d.x.w.opOf(c, o.Obj) != in {
				continue
			}
			all = append(all, write{wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}, op{c, k}})
			for _, p := range o.Pred {
				replaced[p] = true
			}
		}
	}
	var out []wire.OpID
	for _, x := range all {
		current := !replaced[x.id]
		if len(d.void) > 0 {
			current = !slices.ContainsFunc(all, func(y write) bool {
				return x.at.change == y.at.change && x.at.index < y.at.index || d.x.w.before(x.at.change, y.at.change)
			})
		}
		if current {
			out = append(out, x.id)
		}
	}
	slices.SortFunc(out, func(a, b wire.OpID) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	return out
}

// split cuts off the last key of a path.
func split(path string) (up, key string) {
	if i := strings.LastIndex(path, "/"); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// op appends a valid operation and returns it, so that a test can spoil it.
func (d *Draft) op(path string, a wire.Action, v wire.Value) *wire.Op {
	up, key := split(path)
	obj := d.Obj(up)
	d.Ops = append(d.Ops, wire.Op{Action: a, Obj: obj, Key: wire.Key{Prop: key}, Value: v, Pred: d.Live(obj, key)})
	return &d.Ops[len(d.Ops)-1]
}

// Set writes a value.
func (d *Draft) Set(path string, v wire.Value) *wire.Op { return d.op(path, wire.Set, v) }

// Str writes a string.
func (d *Draft) Str(path, s string) *wire.Op { return d.Set(path, wire.StringValue(s)) }

// Bool writes a boolean.
func (d *Draft) Bool(path string, on bool) *wire.Op { return d.Set(path, wire.BoolValue(on)) }

// Map makes a map.
func (d *Draft) Map(path string) *wire.Op {
	id := d.Next()
	op := d.op(path, wire.MakeMap, wire.Value{})
	d.own[path] = id
	return op
}

// Path makes a map unless it exists.
func (d *Draft) Path(path string) *Draft {
	if !d.Has(path) {
		d.Map(path)
	}
	return d
}

// Role grants or revokes a role.
func (d *Draft) Role(id qa.Identity, role qa.Role, on bool) *Draft {
	d.Path("roles/"+string(id)).Bool("roles/"+string(id)+"/"+string(role), on)
	return d
}

// PostID returns the ID of the post that the next operation would make.
func (d *Draft) PostID() qa.PostID {
	return qa.MakePostID(d.x.ID(), []byte(d.Actor), d.Next().Counter)
}

// RevisionID returns the ID of the revision that the next operation would write.
func (d *Draft) RevisionID() string {
	return string(qa.MakeRevisionID([]byte(d.Actor), d.Next().Counter))
}

// Post makes a complete post, except for the paths named in without.
func (d *Draft) Post(parent qa.PostID, text string, without ...string) qa.PostID {
	id := d.PostID()
	at := "posts/" + string(id)
	d.Map(at)
	for _, m := range []string{"revisions", "reactions", "marks", "marks/assigned", "marks/candidate"} {
		if up, _ := split(m); !slices.Contains(without, m) && !slices.Contains(without, up) {
			d.Map(at + "/" + m)
		}
	}
	if !slices.Contains(without, "parent") {
		d.Str(at+"/parent", string(parent))
	}
	if !slices.Contains(without, "at") {
		d.Set(at+"/at", wire.IntValue(d.TimeMillis))
	}
	if !slices.Contains(without, "revision") && !slices.Contains(without, "revisions") {
		d.Str(at+"/revisions/"+d.RevisionID(), text)
	}
	return id
}

// React adds or removes a reaction of the writer.
func (d *Draft) React(post qa.PostID, emoji string, on bool) *Draft {
	at := "posts/" + string(post) + "/reactions/" + string(d.x.ID())
	d.Path(at).Bool(at+"/"+emoji, on)
	return d
}

// Sign encodes the draft and signs it with its writer's key. The writer's next change follows
// it.
func (d *Draft) Sign() Signed { return d.SignFor(d.x.w.Event) }

// SignFor is Sign with a signature for another event.
func (d *Draft) SignFor(event qa.EventID) Signed {
	s := Signed{Change: d.Change, Bytes: d.Encode()}
	h, err := wire.ReadHash(s.Bytes)
	if err != nil {
		panic(err)
	}
	d.Hash = h
	if d.found && d.x.w.Event == "" {
		d.x.w.Event = qa.EventIDFromGenesis([32]byte(h))
		event = d.x.w.Event
	}
	if s.Signature, err = keys.Sign(d.x.Key, event, h); err != nil {
		panic(err)
	}
	d.x.seq, d.x.last = d.Seq, h
	return s
}

// Clone returns a copy of the writer in its current state: a second device with the same
// actor, as after copying a data directory.
func (x *Writer) Clone() *Writer {
	c := *x
	return &c
}

// Do signs and adds a change that f drafts on the world's heads.
func (x *Writer) Do(f func(*Draft)) Signed {
	d := x.Draft()
	f(d)
	return x.w.Add(d.Sign())
}

// DoOn is Do for a change that depends on the given changes.
func (x *Writer) DoOn(on []wire.Hash, f func(*Draft)) Signed {
	d := x.Draft(on...)
	f(d)
	return x.w.Add(d.Sign())
}

// StrAtRoot writes a string into the root map, without naming a value that it replaces.
func (d *Draft) StrAtRoot(key, s string) {
	d.Ops = append(d.Ops, wire.Op{Action: wire.Set, Key: wire.Key{Prop: key}, Value: wire.StringValue(s)})
}

// Toggle adds a change that writes one key several times, alternately "withdrawn" and "".
// Earlier versions of the rules allowed this; Flyleaf itself never wrote such changes.
func (x *Writer) Toggle(path string, times int) Signed {
	return x.Do(func(d *Draft) {
		d.Str(path, "withdrawn")
		for i := 1; i < times; i++ {
			last := d.Ops[len(d.Ops)-1]
			last.Value = wire.StringValue([]string{"withdrawn", ""}[i%2])
			last.Pred = []wire.OpID{{Counter: d.StartOp + uint64(i-1), Actor: d.Actor}}
			d.Ops = append(d.Ops, last)
		}
	})
}
