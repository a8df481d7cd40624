package policy_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

var (
	orders    = flag.Int("policy.orders", 10_000, "delivery orders of one set of changes")
	orderSeed = flag.Uint64("policy.seed", 0, "seed of the set and of the orders; 0 draws one")
)

// TestSameViewInEveryOrder: valid and invalid changes arrive in 10,000 orders, also before their
// dependencies. In every order the same changes are accepted and the view is the same.
func TestSameViewInEveryOrder(t *testing.T) {
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	n := *orders
	if testing.Short() {
		n = min(n, 300)
	}
	t.Logf("seed %d: go test ./crdt/policy -run SameView -policy.seed=%d", seed, seed)
	const sets = 10
	void, refusals, versions, moved := 0, 0, 0, 0
	for set := range uint64(sets) {
		r := rand.New(rand.NewPCG(seed, set))
		w, bad := disputedEvent(r, 60)
		all := slices.Clone(bad)
		for _, s := range w.Changes {
			c, err := wire.DecodeChange(s.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		refusals += len(bad)
		var want [sha256.Size]byte
		var first string
		for i := range n / sets {
			r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
			x := policytest.NewReplica(w.Event)
			for _, c := range all {
				_ = x.ApplyChange(c) // the accepted changes are compared below
			}
			if x.Graph.Len() != len(w.Changes) || x.Graph.PendingLen() != 0 {
				t.Fatalf("seed %d, set %d, order %d: %d accepted and %d pending of %d valid changes",
					seed, set, i, x.Graph.Len(), x.Graph.PendingLen(), len(w.Changes))
			}
			f := projection.New(w.Event, x.Graph, x.Policy.Authority())
			for _, c := range x.Applied {
				if err := f.Apply(c); err != nil {
					t.Fatal(err)
				}
			}
			if i%8 == 0 {
				if err := sameWhenGrown(w.Event, x.Applied, f, r); err != nil {
					t.Fatalf("seed %d, set %d, order %d: %v", seed, set, i, err)
				}
			}
			e := f.Event()
			view, err := json.Marshal(struct {
				Week qa.Week
				Log  []qa.LogEntry
				Gate []bool
				Sent map[qa.Identity][]byte
			}{qa.NewWeek(e, f.Posts(), f.People()), f.Log(), rolesNow(x.Policy, f), f.Contacts()})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want, first = sha256.Sum256(view), string(view)
				void += bytes.Count(view, []byte(`"inEffect":false`))
				versions += bytes.Count(view, []byte(`"void":true`))
				moved += bytes.Count(view, []byte(`"answers":`))
			} else if sha256.Sum256(view) != want {
				k := 0 // where the two begin to differ
				for k < min(len(view), len(first)) && view[k] == first[k] {
					k++
				}
				part := func(s string) string { return s[max(0, k-200):min(len(s), k+600)] }
				t.Fatalf("seed %d, set %d, order %d shows\n%s\nnot\n%s", seed, set, i, part(string(view)), part(first))
			}
		}
	}
	t.Logf("%d orders of %d sets; %d changes refused, %d acts in them not in effect, %d posts void, %d answers to such", n, sets, refusals, void, versions, moved)
	if refusals < sets || void == 0 || versions == 0 {
		t.Error("too few changes were refused, not in effect or void")
	}
}

// sameWhenGrown checks that a graph and projection that get one change after the other, and so
// learn of each equivocation late, give the same view as a graph that has all changes from the
// start. It also checks that rows updated with what Touched reports are the right rows.
func sameWhenGrown(event qa.EventID, changes []*wire.Change, whole *projection.Projection, r *rand.Rand) error {
	g := graph.New(graph.Forks)
	f := projection.New(event, g, authority.New(g))
	type rows struct {
		Event     qa.Event
		Posts     map[qa.PostID]qa.Post
		Reactions map[string]bool
		People    map[qa.Identity]qa.Person
	}
	kept := rows{Posts: map[qa.PostID]qa.Post{}, Reactions: map[string]bool{}, People: map[qa.Identity]qa.Person{}}
	reaction := func(post qa.PostID, re qa.Reaction) string { return fmt.Sprint(post, re) }
	for i, c := range changes {
		if _, err := g.Add(graph.MetaOf(c)); err != nil {
			return err
		}
		if err := f.Apply(c); err != nil {
			return err
		}
		if r.IntN(3) > 0 && i+1 < len(changes) {
			continue
		}
		t := f.Touched()
		if t.Event {
			kept.Event = f.Event()
		}
		for _, id := range t.Posts {
			p, _ := f.Post(id)
			p.Reactions = nil
			kept.Posts[id] = p
		}
		for _, re := range t.Reactions {
			delete(kept.Reactions, reaction(re.Post, re.Reaction))
			if re.On {
				kept.Reactions[reaction(re.Post, re.Reaction)] = true
			}
		}
		for _, id := range t.People {
			kept.People[id], _ = f.Person(id)
		}
	}
	want := rows{Event: whole.Event(), Posts: map[qa.PostID]qa.Post{}, Reactions: map[string]bool{}, People: map[qa.Identity]qa.Person{}}
	for _, p := range whole.Posts() {
		for _, re := range p.Reactions {
			want.Reactions[reaction(p.ID, re)] = true
		}
		p.Reactions = nil
		want.Posts[p.ID] = p
	}
	for _, p := range whole.People() {
		want.People[p.ID] = p
	}
	var wrong []string
	differ := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			wrong = append(wrong, fmt.Sprintf("%s is kept as\n%s\nand is\n%s", what, g, w))
		}
	}
	differ("the event", kept.Event, want.Event)
	for id := range want.Posts {
		differ("post "+string(id), kept.Posts[id], want.Posts[id])
	}
	for id := range want.People {
		differ("person "+string(id), kept.People[id], want.People[id])
	}
	differ("reactions", slices.Sorted(maps.Keys(kept.Reactions)), slices.Sorted(maps.Keys(want.Reactions)))
	if wrong != nil {
		return errors.New(wrong[0])
	}
	return nil
}

// rolesNow returns whether the event is closed, and the current roles and blocks, by the policy, and checks them against the
// projection.
func rolesNow(g *policy.Policy, f *projection.Projection) []bool {
	e := f.Event()
	closed := g.Authority().Closed()
	if closed != e.Closed {
		panic("policy and projection disagree on whether the event is closed")
	}
	out := []bool{closed}
	blocks := qa.Blocks(f.Log())
	for _, name := range []string{"founder", "olga", "otto", "mia", "max", "ann", "rita", "rudi"} {
		id := policytest.KeyOf(name).Identity()
		blocked := g.Blocked(id)
		if _, shown := blocks[id]; blocked != shown {
			panic(fmt.Sprintf("policy and projection disagree on whether %s is blocked", name))
		}
		out = append(out, blocked, g.MayRead(id))
		for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleModerator, qa.RoleAuthor} {
			holds := g.HoldsRole(id, role)
			if holds != e.HasRole(id, role) {
				panic(fmt.Sprintf("policy and projection disagree on %s of %s", role, name))
			}
			out = append(out, holds)
		}
	}
	return out
}

// TestTooOftenInAnyOrder: two devices of one person concurrently write a key, together more often
// than one person may. These changes are valid, because neither device could know. A further
// write that depends on both is invalid. All replicas agree, in every order of arrival.
func TestTooOftenInAnyOrder(t *testing.T) {
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test ./crdt/policy -run TooOften -policy.seed=%d", seed, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := policytest.NewWorld(policytest.Options{})
	one, two := w.Writer("rita"), w.Writer("rita/2")
	var id qa.PostID
	post := one.Do(func(d *policytest.Draft) { id = d.Post("", "Why?") })
	at := "posts/" + string(id) + "/marks/answered"
	tips := map[*policytest.Writer]wire.Hash{one: post.Change.Hash, two: post.Change.Hash}
	for _, x := range []*policytest.Writer{one, two} {
		for i := range schema.MaxWrites/2 + 1 {
			tips[x] = x.DoOn([]wire.Hash{tips[x]}, func(d *policytest.Draft) { d.Bool(at, i%2 == 0) }).Change.Hash
		}
	}
	valid := len(w.Changes)
	d := one.Draft(w.Heads()...)
	d.Bool(at, true)
	bad := d.Sign().Change
	// The founder, who has never written the key, still may.
	w.Founder.Do(func(d *policytest.Draft) { d.Bool(at, true) })
	valid++
	all := []*wire.Change{bad}
	for _, s := range w.Changes {
		all = append(all, s.Change)
	}
	for range 20 {
		r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		x := policytest.NewReplica(w.Event)
		for _, c := range all {
			_ = x.ApplyChange(c) // compared below
		}
		if x.Graph.Len() != valid || x.Graph.Has(bad.Hash) || x.Graph.PendingLen() != 0 {
			t.Fatalf("seed %d: %d accepted of %d valid changes, the invalid one: %v", seed, x.Graph.Len(), valid, x.Graph.Has(bad.Hash))
		}
	}
}
