package policy_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// crowd writes many changes fast, because it knows the maps of the genesis.
type crowd struct {
	tb    testing.TB
	w     *policytest.World
	r     *policytest.Replica
	posts wire.OpID
	event wire.OpID
	past  []*wire.Change
}

func newCrowd(tb testing.TB, about policytest.Options) *crowd {
	w := policytest.NewWorld(about)
	c := &crowd{tb: tb, w: w, r: policytest.NewReplica(w.Event)}
	if err := c.r.Apply(w.Changes[0]); err != nil {
		tb.Fatal(err)
	}
	d := w.Founder.Draft()
	c.posts, c.event = d.Obj("posts"), d.Obj("event")
	c.past = []*wire.Change{w.Changes[0].Change}
	return c
}

// device is one actor of a crowd.
type device struct {
	id    qa.Identity
	actor wire.ActorID
	seq   uint64
	last  *wire.Change
}

func newDevice(n int) *device {
	a := wire.ActorID(fmt.Sprintf("%032d%08d", n, n))
	return &device{id: qa.IdentityOfActor([]byte(a)), actor: a}
}

// change returns a change of a device that depends on the given changes.
func (c *crowd) change(x *device, on []*wire.Change, ops func(start uint64) []wire.Op) *wire.Change {
	ch := &wire.Change{Actor: x.actor, Seq: x.seq + 1, StartOp: 1, TimeMillis: policytest.Millis}
	if x.last != nil && !slices.Contains(on, x.last) {
		on = append(slices.Clone(on), x.last)
	}
	for _, d := range on {
		ch.Deps = append(ch.Deps, d.Hash)
		ch.StartOp = max(ch.StartOp, d.MaxOp()+1)
	}
	slices.SortFunc(ch.Deps, func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) })
	ch.Ops = ops(ch.StartOp)
	h, err := wire.ReadHash(ch.Encode())
	if err != nil {
		c.tb.Fatal(err)
	}
	ch.Hash = h
	return ch
}

func (c *crowd) take(x *device, ch *wire.Change) *wire.Change {
	c.tb.Helper()
	if err := c.r.ApplyChange(ch); err != nil {
		c.tb.Fatal(err)
	}
	if !c.r.Graph.Has(ch.Hash) {
		c.tb.Fatal("a change is pending")
	}
	x.seq, x.last = ch.Seq, ch
	c.past = append(c.past, ch)
	return ch
}

func (c *crowd) heads() []*wire.Change {
	return []*wire.Change{c.past[len(c.past)-1]}
}

// post returns the operations of a new post.
func (c *crowd) post(x *device, parent qa.PostID) func(start uint64) []wire.Op {
	return func(start uint64) []wire.Op {
		at := func(k int) wire.OpID { return wire.OpID{Counter: start + uint64(k), Actor: x.actor} }
		mk := func(in wire.OpID, key string) wire.Op {
			return wire.Op{Action: wire.MakeMap, Obj: in, Key: wire.Key{Prop: key}}
		}
		set := func(in wire.OpID, key string, v wire.Value) wire.Op {
			return wire.Op{Action: wire.Set, Obj: in, Key: wire.Key{Prop: key}, Value: v}
		}
		return []wire.Op{
			mk(c.posts, string(qa.MakePostID(x.id, []byte(x.actor), start))),
			mk(at(0), "revisions"), mk(at(0), "reactions"), mk(at(0), "marks"), mk(at(3), "assigned"), mk(at(3), "candidate"),
			set(at(0), "parent", wire.StringValue(string(parent))), set(at(0), "at", wire.IntValue(policytest.Millis)),
			set(at(1), string(qa.MakeRevisionID([]byte(x.actor), start+8)), wire.StringValue("Why does she stay, of all places, in the house by the sea?")),
		}
	}
}

// react returns the operations of a first reaction.
func react(x *device, post *wire.Change) func(start uint64) []wire.Op {
	return func(start uint64) []wire.Op {
		return []wire.Op{
			{Action: wire.MakeMap, Obj: wire.OpID{Counter: post.StartOp + 2, Actor: post.Actor}, Key: wire.Key{Prop: string(x.id)}},
			{Action: wire.Set, Obj: wire.OpID{Counter: start, Actor: x.actor}, Key: wire.Key{Prop: "want"}, Value: wire.BoolValue(true)},
		}
	}
}

// filled returns an event with n changes by 100 devices: posts, and reactions to them.
func filled(tb testing.TB, n int) (*crowd, []*device, []*wire.Change) {
	c := newCrowd(tb, policytest.Options{})
	var devices []*device
	for i := range 100 {
		devices = append(devices, newDevice(i))
	}
	var posts []*wire.Change
	reacted := map[string]bool{}
	for i := range n {
		x := devices[i%100]
		if i%3 == 2 {
			p := posts[(i*7)%len(posts)]
			if once := p.Hash.String() + string(x.id); !reacted[once] {
				reacted[once] = true
				c.take(x, c.change(x, c.heads(), react(x, p)))
				continue
			}
		}
		posts = append(posts, c.take(x, c.change(x, c.heads(), c.post(x, ""))))
	}
	return c, devices, posts
}

func BenchmarkValidate(b *testing.B) {
	c, _, posts := filled(b, 10_000)
	x := newDevice(7000)
	first := c.take(x, c.change(x, c.heads(), c.post(x, "")))
	for i := range 50 { // others write while the device is offline
		y := newDevice(i)
		y.seq = c.r.Graph.SeqOf(y.actor)
		h, _ := c.r.Graph.BySeq(y.actor, y.seq)
		for _, p := range c.past {
			if p.Hash == h {
				y.last = p
			}
		}
		c.take(y, c.change(y, c.heads(), c.post(y, "")))
	}
	reply := qa.MakePostID(qa.IdentityOfActor([]byte(posts[0].Actor)), []byte(posts[0].Actor), posts[0].StartOp)
	for name, ch := range map[string]*wire.Change{
		"question":             c.change(x, c.heads(), c.post(x, "")),
		"reply to the first":   c.change(x, c.heads(), c.post(x, reply)),
		"reaction":             c.change(x, c.heads(), react(x, posts[10])),
		"reply, 50 behind":     c.change(x, []*wire.Change{first}, c.post(x, reply)),
		"reply, 10,000 behind": c.change(newDevice(8000), []*wire.Change{posts[0]}, c.post(newDevice(8000), reply)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.r.Policy.Validate(ch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("decode", func(b *testing.B) {
		chunk := c.change(x, c.heads(), c.post(x, "")).Encode()
		for b.Loop() {
			if _, err := wire.DecodeChange(chunk); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	c := newCrowd(b, policytest.Options{})
	var all []*wire.Change
	x := newDevice(1)
	for len(all) < 5000 {
		all = append(all, c.take(x, c.change(x, c.heads(), c.post(x, ""))))
	}
	b.ResetTimer()
	for n := 0; n < b.N; n += len(all) {
		b.StopTimer()
		g := graph.New()
		rules := policy.New(c.w.Event, g)
		for _, ch := range append([]*wire.Change{c.w.Changes[0].Change}, all...) {
			if _, err := g.Add(graph.MetaOf(ch)); err != nil {
				b.Fatal(err)
			}
		}
		if err := rules.Add(c.w.Changes[0].Change); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for _, ch := range all {
			if err := rules.Add(ch); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestMemoryOfAChange checks the numbers in DESIGN.md.
func TestMemoryOfAChange(t *testing.T) {
	c := newCrowd(t, policytest.Options{})
	const n = 4000
	var posts, reactions []*wire.Change
	var devices []*device
	for i := range 50 {
		devices = append(devices, newDevice(i))
	}
	for i := range n {
		x := devices[i%50]
		posts = append(posts, c.take(x, c.change(x, c.heads(), c.post(x, ""))))
	}
	for i := range n {
		x := devices[(i/50)%50]
		reactions = append(reactions, c.take(x, c.change(x, c.heads(), react(x, posts[i]))))
	}
	g := graph.New()
	for _, ch := range c.past {
		if _, err := g.Add(graph.MetaOf(ch)); err != nil {
			t.Fatal(err)
		}
	}
	rules := policy.New(c.w.Event, g)
	add := func(of []*wire.Change) float64 {
		before := heap()
		for _, ch := range of {
			if err := rules.Add(ch); err != nil {
				t.Fatal(err)
			}
		}
		return float64(heap()-before) / float64(len(of))
	}
	add(c.past[:1])
	perPost, perReaction := add(posts), add(reactions)
	t.Logf("%.0f bytes for a post, %.0f for a reaction", perPost, perReaction)
	if perPost > 350 || perReaction > 450 {
		t.Errorf("%.0f bytes for a post and %.0f for a reaction", perPost, perReaction)
	}
	runtime.KeepAlive(rules)
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHostileChangesStayCheap: in the worst event for a single change, the change has a thousand
// operations on keys with a thousand concurrent values each, and hundreds of deps.
func TestHostileChangesStayCheap(t *testing.T) {
	c := newCrowd(t, policytest.Options{RulesVersion: schema.RulesVersion + 1}) // with later rules anybody can write anywhere, which is worse
	root := c.past[0]
	const keys, writers = 900, 500
	value := func(in wire.OpID, key string, pred ...wire.OpID) wire.Op {
		return wire.Op{Action: wire.Set, Obj: in, Key: wire.Key{Prop: key}, Value: wire.UintValue(1), Pred: pred}
	}
	for i := range writers {
		x := newDevice(i)
		c.take(x, c.change(x, []*wire.Change{root}, func(uint64) []wire.Op {
			var ops []wire.Op
			for k := range keys {
				ops = append(ops, value(c.event, fmt.Sprint("k", k)))
			}
			return ops
		}))
	}
	// A change with half of them in its past, and one with none.
	half, bystander := newDevice(7001), newDevice(7002)
	tip := c.take(bystander, c.change(bystander, []*wire.Change{root}, func(uint64) []wire.Op { return []wire.Op{value(wire.OpID{}, "tip")} }))
	for name, on := range map[string][]*wire.Change{"none": {tip}, "half": append([]*wire.Change{tip}, c.past[1:writers/2]...)} {
		bad := c.change(half, on, func(uint64) []wire.Op {
			var ops []wire.Op
			for k := range keys {
				op := value(c.event, fmt.Sprint("k", k))
				if name == "half" {
					op.Pred = []wire.OpID{{Counter: 1, Actor: root.Actor}}
				}
				ops = append(ops, op)
			}
			return ops
		})
		before := c.r.Policy.Steps()
		err := c.r.Policy.Validate(bad)
		steps := c.r.Policy.Steps() - before
		t.Logf("a change that knows of %s: %d steps, %v", name, steps, err)
		if (err == nil) != (name == "none") {
			t.Errorf("a change with %s in its past: %v", name, err)
		}
		if steps > keys*writers {
			t.Errorf("a change with %s in its past took %d steps", name, steps)
		}
	}
}

// TestManyAuthorityChangesStayCheap: the cost with thousands of authority changes about one
// person stays bounded.
func TestManyAuthorityChangesStayCheap(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	c := &crowd{tb: t, w: w, r: policytest.NewReplica(w.Event), past: []*wire.Change{w.Changes[0].Change}}
	if err := c.r.Apply(w.Changes[0]); err != nil {
		t.Fatal(err)
	}
	x := newDevice(1)
	// Six organisers and the founder each write as often as one person may write a key.
	organisers := []*device{{id: w.Founder.ID(), actor: w.Founder.Actor}}
	made := w.Founder.Do(func(d *policytest.Draft) {
		d.Role(x.id, qa.RoleModerator, true)
		for i := range 6 {
			y := newDevice(100 + i)
			organisers = append(organisers, y)
			d.Role(y.id, qa.RoleOrganiser, true)
		}
	})
	if err := c.r.Apply(made); err != nil {
		t.Fatal(err)
	}
	organisers[0].seq, organisers[0].last = 2, made.Change
	c.past = append(c.past, made.Change)
	of := wire.OpID{Counter: made.Change.StartOp, Actor: w.Founder.Actor}
	last := wire.OpID{Counter: made.Change.StartOp + 1, Actor: w.Founder.Actor}
	const n = 3000
	start := time.Now()
	for i := range n {
		f := organisers[i%len(organisers)]
		c.take(f, c.change(f, c.heads(), func(at uint64) []wire.Op {
			op := wire.Op{Action: wire.Set, Obj: of, Key: wire.Key{Prop: "moderator"}, Value: wire.BoolValue(i%2 == 1), Pred: []wire.OpID{last}}
			last = wire.OpID{Counter: at, Actor: f.actor}
			return []wire.Op{op}
		}))
	}
	t.Logf("%v for each of %d authority changes", time.Since(start)/n, n)
	if c.r.Policy.AuthorityChanges() != n+1 {
		t.Errorf("%d authority changes", c.r.Policy.AuthorityChanges())
	}
	before := c.r.Policy.Steps()
	for range 10 {
		if !c.r.Policy.HoldsRole(x.id, qa.RoleModerator) || c.r.Policy.Blocked(x.id) {
			t.Fatal("the last grant is not in effect")
		}
	}
	behind := w.Changes[1].Change
	d := w.Writer("reader").Draft(behind.Hash)
	d.Bool("blocks/"+string(x.id), true)
	for range 10 {
		_ = c.r.Policy.Validate(d.Change) // nearly none of them is in its past
	}
	// Each authority change is examined, and for each the few grants of its writer.
	if steps := c.r.Policy.Steps() - before; steps > 20*n { // and none for what was asked before
		t.Errorf("%d steps for 20 questions of roles, with %d authority changes", steps, n)
	} else {
		t.Logf("%d steps for 20 questions of roles", steps)
	}
}
