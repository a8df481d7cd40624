package projection_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// device writes changes by hand, without automerge-go. It reads the predecessors from its own
// projection.
type device struct {
	t     testing.TB
	actor wire.ActorID
	g     *graph.Graph
	f     *projection.Projection
	seq   uint64
	known []*wire.Change
	now   int64
}

func newDevice(t testing.TB, n, k byte) *device {
	g := graph.New()
	actor := wire.ActorID(bytes.Repeat([]byte{n}, 32)) + wire.ActorID(bytes.Repeat([]byte{k}, 8))
	return &device{t: t, actor: actor, g: g, f: projection.New("e", g, authority.New(g)), now: 1000}
}

func (d *device) id() qa.Identity { return qa.IdentityOfActor([]byte(d.actor)) }

// step is one operation; with a nil value it makes a map. The path may lead into maps that the
// same change makes.
type step struct {
	path  string // "a/b/key"
	value *wire.Value
}

func mk(path string) step { return step{path: path} }

func put(path string, v any) step {
	var w wire.Value
	switch v := v.(type) {
	case string:
		w = wire.StringValue(v)
	case bool:
		w = wire.BoolValue(v)
	case int:
		w = wire.IntValue(int64(v))
	case uint64:
		w = wire.UintValue(v)
	}
	return step{path: path, value: &w}
}

// write makes one change and applies it.
func (d *device) write(steps ...step) *wire.Change {
	d.t.Helper()
	d.seq++
	d.now++
	deps := d.g.Heads()
	if prev, ok := d.g.BySeq(d.actor, d.seq-1); ok && !slices.Contains(deps, prev) {
		deps = append(deps, prev)
		slices.SortFunc(deps, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	}
	c := &wire.Change{Deps: deps, Actor: d.actor, Seq: d.seq, StartOp: d.g.MaxOp() + 1, TimeMillis: d.now}
	made := map[string]wire.OpID{}
	for k, s := range steps {
		i := strings.LastIndexByte(s.path, '/')
		key := s.path[i+1:]
		var obj wire.OpID
		if i > 0 {
			in := s.path[:i]
			var ok bool
			if obj, ok = made[in]; !ok {
				if obj, ok = d.f.Object(strings.Split(in, "/")...); !ok {
					d.t.Fatalf("no map %s", in)
				}
			}
		}
		op := wire.Op{Action: wire.Set, Obj: obj, Key: wire.Key{Kind: wire.MapKey, Prop: key}}
		for _, l := range d.f.Values(obj, key) {
			op.Pred = append(op.Pred, l.Op)
		}
		if s.value == nil {
			op.Action = wire.MakeMap
			made[s.path] = wire.OpID{Counter: c.StartOp + uint64(k), Actor: d.actor}
		} else {
			op.Value = *s.value
		}
		c.Ops = append(c.Ops, op)
	}
	c, err := wire.DecodeChange(c.Encode())
	if err != nil {
		d.t.Fatal(err)
	}
	d.take(c)
	return c
}

func (d *device) take(cs ...*wire.Change) {
	d.t.Helper()
	for _, c := range cs {
		if d.g.Has(c.Hash) {
			continue
		}
		added, err := d.g.Add(graph.MetaOf(c))
		if err != nil || len(added) != 1 {
			d.t.Fatalf("graph: %v, %d added", err, len(added))
		}
		if err := d.f.Apply(c); err != nil {
			d.t.Fatal(err)
		}
		d.known = append(d.known, c)
	}
}

func (d *device) from(o *device) { d.t.Helper(); d.take(o.known...) }

// genesis creates an event with all maps that these tests use.
func (d *device) genesis() *wire.Change {
	return d.write(
		put("kind", "event"), put("gate", uint64(1)), put("access", "open"),
		mk("event"), mk("people"), mk("roles"), mk("blocks"), mk("posts"), mk("relays"),
	)
}

// post makes a post with the ID key; the projection accepts any ID.
func (d *device) post(key string, more ...step) {
	d.t.Helper()
	p := "posts/" + key
	d.write(append([]step{
		mk(p), mk(p + "/revisions"), mk(p + "/reactions"), mk(p + "/marks"), mk(p + "/marks/assigned"), mk(p + "/marks/candidate"),
		put(p+"/parent", ""), put(p+"/at", 5), put(p+"/revisions/r1", "text of "+key),
	}, more...)...)
}

func (d *device) role(of *device, role qa.Role, on bool) {
	d.t.Helper()
	path := "roles/" + string(of.id())
	var steps []step
	if _, ok := d.f.Object("roles", string(of.id())); !ok {
		steps = append(steps, mk(path))
	}
	d.write(append(steps, put(path+"/"+string(role), on))...)
}

func (d *device) get(key string) qa.Post {
	d.t.Helper()
	p, ok := d.f.Post(qa.PostID(key))
	if !ok {
		d.t.Fatalf("no post %s", key)
	}
	return p
}

// crew returns a founder, an organiser, a moderator and a reader with the same changes. all
// syncs them.
func crew(t *testing.T) (boss, org, mod, reader *device, all func()) {
	boss, org, mod, reader = newDevice(t, 9, 1), newDevice(t, 2, 1), newDevice(t, 3, 1), newDevice(t, 4, 1)
	everybody := []*device{boss, org, mod, reader}
	all = func() {
		for range 2 {
			for _, a := range everybody {
				for _, b := range everybody {
					a.from(b)
				}
			}
		}
	}
	boss.genesis()
	boss.role(org, qa.RoleOrganiser, true)
	boss.role(mod, qa.RoleModerator, true)
	all()
	reader.post("q")
	all()
	return boss, org, mod, reader, all
}

func TestHigherRankDecidesRoles(t *testing.T) {
	boss, org, mod, _, all := crew(t)
	// The organiser's grant has the higher operation, the founder's revocation the higher rank.
	org.write(put("event/title", "so that counters rise"))
	org.role(mod, qa.RoleModerator, true)
	org.role(mod, qa.RoleModerator, false)
	org.role(mod, qa.RoleModerator, true)
	boss.role(mod, qa.RoleModerator, false)
	all()
	if org.f.Event().HasRole(mod.id(), qa.RoleModerator) {
		t.Fatal("the founder's revocation lost to an organiser's grant")
	}
	o, _ := boss.f.Object("roles", string(mod.id()))
	live := boss.f.Values(o, "moderator")
	if len(live) != 2 {
		t.Fatalf("%d live values, the test needs two", len(live))
	}
	if v, _ := live[1].Value.Bool(); !v {
		t.Fatal("the test needs the grant to have the higher operation")
	}
	// A moderator cannot grant the organiser's role, however high the operation is.
	mod.role(mod, qa.RoleOrganiser, true)
	all()
	if boss.f.Event().HasRole(mod.id(), qa.RoleOrganiser) {
		t.Fatal("a moderator made themselves an organiser")
	}
}

func TestActsWithoutTheRoleAreNotInEffect(t *testing.T) {
	boss, _, mod, _, all := crew(t)
	mod.write(put("posts/q/marks/pinned", true)) // in the past of the revocation
	boss.from(mod)
	mod.write(put("posts/q/marks/hidden", "I dislike it")) // concurrent with the revocation
	boss.role(mod, qa.RoleModerator, false)
	boss.f.Touched()
	boss.from(mod)
	if got := boss.f.Touched().Posts; !slices.Equal(got, []qa.PostID{"q"}) {
		t.Errorf("touched %v", got)
	}
	if m := boss.get("q").Marks; m.Hidden != "" || !m.Pinned {
		t.Fatalf("marks %+v: the hiding is concurrent with the revocation, the pinning is not", m)
	}
	// On the other device the mark arrives before the revocation, which puts it out of effect.
	mod.f.Touched()
	if mod.get("q").Marks.Hidden == "" {
		t.Fatal("the moderator's own mark is not in effect before the revocation is known")
	}
	mod.from(boss)
	if got := mod.f.Touched().Posts; !slices.Equal(got, []qa.PostID{"q"}) {
		t.Errorf("touched %v", got)
	}
	if mod.get("q").Marks.Hidden != "" {
		t.Fatal("the mark is in effect after the revocation is known")
	}
	// A later grant authorizes only later acts.
	all()
	boss.role(mod, qa.RoleModerator, true)
	all()
	if boss.get("q").Marks.Hidden != "" {
		t.Fatal("a later grant put an earlier act into effect")
	}
	mod.write(put("posts/q/marks/hidden", "rude"))
	all()
	if boss.get("q").Marks.Hidden != "rude" {
		t.Fatal("an act after the later grant is not in effect")
	}
}

func TestValueReplacedWithoutTheRoleIsInEffectAgain(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	me := string(reader.id())
	boss.write(put("posts/q/marks/hidden", "rude"), put("event/title", "The book"), put("blocks/"+me, "spam"))
	all()
	reader.post("more")
	all()
	mod.write(put("posts/q/marks/hidden", ""), put("blocks/"+me, ""))
	mod.write(put("posts/q/marks/hidden", "my way"))
	org.write(put("event/title", "Another book"))
	if mod.get("q").Marks.Hidden != "my way" || mod.get("more").Blocked {
		t.Fatal("a moderator's acts are not in effect while the role is held")
	}
	boss.role(mod, qa.RoleModerator, false)
	boss.role(org, qa.RoleOrganiser, false)
	all()
	for _, d := range []*device{boss, mod} {
		if m := d.get("q").Marks; m.Hidden != "rude" {
			t.Errorf("hidden: %q", m.Hidden)
		}
		if e := d.f.Event(); e.Title != "The book" {
			t.Errorf("title: %q", e.Title)
		}
	}
}

func TestEventFieldsWrittenWithoutTheRoleAreNotInEffect(t *testing.T) {
	boss, org, mod, _, all := crew(t)
	boss.write(put("event/title", "The book"))
	all()
	org.write(put("event/authors", "Mallory"))
	org.role(mod, qa.RoleAuthor, true)
	boss.role(org, qa.RoleOrganiser, false)
	all()
	e := mod.f.Event()
	if e.Authors != "" || e.Title != "The book" || e.HasRole(mod.id(), qa.RoleAuthor) {
		t.Fatalf("event %+v", e)
	}
}

func TestOwnerMayAlwaysMarkAnswered(t *testing.T) {
	boss, _, _, reader, all := crew(t)
	boss.role(reader, qa.RoleModerator, true)
	all()
	boss.role(reader, qa.RoleModerator, false)
	reader.write(put("posts/q/marks/answered", true), put("posts/q/marks/pinned", true))
	all()
	if m := boss.get("q").Marks; !m.Answered || m.Pinned {
		t.Fatalf("marks %+v", m)
	}
}

func TestBlocks(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	me := string(reader.id())
	reader.write(mk("people/"+me), put("people/"+me+"/name", "Rita"))
	reader.write(mk("posts/q/reactions/"+me), put("posts/q/reactions/"+me+"/want", true))
	all()
	// Concurrently, the reader is blocked and writes in four ways.
	mod.write(put("blocks/"+me, "spam"))
	reader.post("late")
	reader.write(put("posts/q/revisions/r2", "buy!"))
	reader.write(put("posts/q/reactions/"+me+"/♥", true))
	reader.write(put("people/"+me+"/name", "Buy Now"))
	boss.from(reader)
	boss.f.Touched()
	boss.from(mod)
	tt := boss.f.Touched()
	if !slices.Equal(tt.Posts, []qa.PostID{"late", "q"}) || !slices.Equal(tt.People, []qa.Identity{reader.id()}) {
		t.Errorf("touched %+v", tt)
	}
	want := []projection.Reaction{
		{Post: "q", Reaction: qa.Reaction{By: reader.id(), Emoji: "want"}, On: true},
		{Post: "q", Reaction: qa.Reaction{By: reader.id(), Emoji: "♥"}, On: false},
	}
	if !reflect.DeepEqual(tt.Reactions, want) {
		t.Errorf("touched reactions %+v", tt.Reactions)
	}
	all()
	q, late := boss.get("q"), boss.get("late")
	if q.Blocked || q.Text() != "text of q" || len(q.Versions()) != 1 || len(q.Reactions) != 1 {
		t.Errorf("a post in the past of the block: %+v", q)
	}
	if !late.Blocked || len(late.Revisions) != 1 {
		t.Errorf("a post concurrent with the block: %+v", late)
	}
	if p, _ := boss.f.Person(reader.id()); p.Name != "" {
		t.Errorf("a name concurrent with the block is shown: %q", p.Name)
	}
	// An approved post is shown again.
	org.write(put("posts/late/marks/approved", true))
	all()
	if boss.get("late").Blocked {
		t.Error("an approved post is hidden")
	}
	org.write(put("posts/late/marks/approved", false))
	// An organiser unblocks while a moderator blocks again: the higher rank decides.
	mod.write(put("blocks/"+me, "still spam"))
	mod.write(put("blocks/"+me, "really"))
	org.write(put("blocks/"+me, ""))
	all()
	if p := boss.get("q"); boss.get("late").Blocked || p.Text() != "buy!" {
		t.Error("an organiser unblocked the reader, who is still blocked")
	}
	// The founder cannot be blocked.
	org.write(put("blocks/"+string(boss.id()), "coup"))
	boss.post("mine")
	all()
	if org.get("mine").Blocked {
		t.Error("the founder was blocked")
	}
}

func TestLatePosts(t *testing.T) {
	boss, _, _, reader, all := crew(t)
	reader.post("early")
	boss.from(reader)
	boss.write(put("event/closed", true))
	reader.post("late")
	all()
	if boss.get("early").Late || !boss.get("late").Late || !reader.get("late").Late {
		t.Fatal("the concurrent post must be late, and no other")
	}
	reader.write(put("posts/early/revisions/r2", "edited in sight of the closing"))
	all()
	if r := boss.get("early").Revisions; len(r) != 2 || r[0].Late || !r[1].Late || boss.get("early").Late {
		t.Fatalf("an edit after the closing: %+v", r)
	}
	boss.f.Touched()
	boss.write(put("event/closed", false))
	if tt := boss.f.Touched(); !slices.Contains(tt.Posts, "late") || boss.get("late").Late || boss.get("early").Revisions[1].Late {
		t.Fatal("reopening the event does not touch the late post")
	}
}

func TestTouchedListsWhatChanged(t *testing.T) {
	boss, _, _, reader, _ := crew(t)
	boss.f.Touched()
	if tt := boss.f.Touched(); !reflect.DeepEqual(tt, projection.Touched{}) {
		t.Fatalf("touched twice: %+v", tt)
	}
	me := string(reader.id())
	for i, c := range []struct {
		steps []step
		want  projection.Touched
	}{
		{[]step{put("posts/q/state", "withdrawn")}, projection.Touched{Posts: []qa.PostID{"q"}}},
		{[]step{put("posts/q/revisions/r2", "x")}, projection.Touched{Posts: []qa.PostID{"q"}}},
		{[]step{put("posts/q/marks/assigned/x", true)}, projection.Touched{Posts: []qa.PostID{"q"}}},
		{[]step{mk("posts/q/reactions/" + me), put("posts/q/reactions/"+me+"/want", true)}, projection.Touched{
			Reactions: []projection.Reaction{{Post: "q", Reaction: qa.Reaction{By: reader.id(), Emoji: "want"}, On: true}},
		}},
		{[]step{mk("people/" + me), put("people/"+me+"/name", "R")}, projection.Touched{People: []qa.Identity{reader.id()}}},
		{[]step{put("event/title", "T")}, projection.Touched{Event: true}},
		{[]step{put("relays/0", "ws://a")}, projection.Touched{Event: true}},
		{[]step{mk("nowhere"), put("nowhere/a", "b")}, projection.Touched{Event: true}},
	} {
		reader.f.Touched()
		reader.write(c.steps...)
		if got := reader.f.Touched(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d: touched %+v, want %+v", i, got, c.want)
		}
	}
}

func TestApplyRefusesChangesOutOfOrder(t *testing.T) {
	boss, _, _, reader, _ := crew(t)
	c := boss.write(put("event/title", "T"))
	if err := boss.f.Apply(c); err != nil {
		t.Errorf("applying a change again: %v", err)
	}
	if err := reader.f.Apply(c); err == nil {
		t.Error("a change that the graph does not have was applied")
	}
	big := *c
	big.StartOp = 1 << 32
	if err := boss.f.Apply(&big); err == nil {
		t.Error("a counter beyond 2^32 was accepted")
	}
}

// TestRandomChangesDoNotPanic: random changes of every shape that decodes, with random
// objects, keys and predecessors, do not make the projection panic.
func TestRandomChangesDoNotPanic(t *testing.T) {
	keys := []string{"event", "posts", "people", "roles", "blocks", "reactions", "revisions", "marks", "links", "closed", "0", "organiser", strings.Repeat("09", 32)}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 4))
		g := graph.New()
		f := projection.New("e", g, authority.New(g))
		actors := []wire.ActorID{
			wire.ActorID(bytes.Repeat([]byte{9}, 40)), wire.ActorID(bytes.Repeat([]byte{8}, 40)), "short", "",
		}
		seqs := map[wire.ActorID]uint64{}
		top := uint64(0)
		var heads []wire.Hash
		for range 30 {
			a := actors[r.IntN(len(actors))]
			seqs[a]++
			deps := slices.Clone(heads)
			if prev, ok := g.BySeq(a, seqs[a]-1); ok && !slices.Contains(deps, prev) {
				deps = append(deps, prev)
				slices.SortFunc(deps, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
			}
			c := &wire.Change{Deps: deps, Actor: a, Seq: seqs[a], StartOp: top + 1, TimeMillis: int64(r.Uint64())}
			someOp := func() wire.OpID {
				return wire.OpID{Counter: 1 + r.Uint64N(top+20), Actor: actors[r.IntN(len(actors))]}
			}
			for range r.IntN(12) {
				op := wire.Op{Action: wire.Action(r.IntN(8)), Value: wire.Value{Kind: wire.ValueKind(r.IntN(16))}}
				if r.IntN(2) == 0 {
					op.Action = wire.MakeMap
				}
				if r.IntN(3) > 0 {
					op.Obj = someOp()
				}
				switch r.IntN(8) {
				case 0:
					op.Key, op.Insert = wire.Key{Kind: wire.HeadKey}, true
				case 1:
					op.Key = wire.Key{Kind: wire.ElemKey, Elem: someOp()}
				default:
					op.Key.Prop = keys[r.IntN(len(keys))]
				}
				if r.IntN(4) > 0 {
					op.Value.Raw = []byte{byte(r.Uint32())}[:r.IntN(2)]
				}
				for range r.IntN(3) {
					op.Pred = append(op.Pred, someOp())
				}
				c.Ops = append(c.Ops, op)
			}
			top += uint64(len(c.Ops))
			c.Hash = wire.Hash{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}
			if _, err := g.Add(graph.MetaOf(c)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			heads = []wire.Hash{c.Hash}
			if err := f.Apply(c); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			readAll(f)
		}
	}
}

func readAll(f *projection.Projection) {
	tt := f.Touched()
	for _, id := range tt.Posts {
		f.Post(id)
	}
	for _, id := range tt.People {
		f.Person(id)
	}
	qa.NewWeek(f.Event(), f.Posts(), f.People())
	f.Owner(wire.OpID{Counter: 1 << 40, Actor: "x"})
	f.Values(wire.OpID{Counter: 1 << 40, Actor: "short"}, "x")
	f.Object("posts", "x", "y")
}

// TestForeignChanges: the projection accepts changes of other programs, with texts, lists,
// counters and marks.
func TestForeignChanges(t *testing.T) {
	_, here, _, _ := runtime.Caller(0)
	file := filepath.Join(filepath.Dir(here), "../../../shared/vectors/changes.jsonl")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skip("no ../shared/vectors/changes.jsonl beside this module")
	}
	n := 0
	for line := range bytes.Lines(b) {
		var v struct{ Hex string }
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		c, err := wire.DecodeChange(raw)
		if err != nil {
			continue
		}
		g := graph.New()
		f := projection.New("e", g, authority.New(g))
		// Without dependencies, as if it were a first change: its objects do not exist.
		alone := *c
		alone.Deps, alone.Seq, alone.StartOp = nil, 1, 1
		if _, err := g.Add(graph.MetaOf(&alone)); err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(&alone); err != nil {
			t.Fatal(err)
		}
		readAll(f)
		n++
	}
	if n < 100 {
		t.Fatalf("only %d changes were read", n)
	}
}
