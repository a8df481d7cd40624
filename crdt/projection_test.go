package crdt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	automerge "github.com/automerge/automerge-go"

	"flyleaf/crdt"
	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

var (
	docs = flag.Int("projection.docs", 300, "random documents of each kind to compare with automerge-go")
	seed = flag.Uint64("projection.seed", 0, "run only this seed, when not 0")
)

func seeds(t *testing.T) []uint64 {
	if *seed != 0 {
		return []uint64{*seed}
	}
	n := *docs
	if testing.Short() {
		n = min(n, 40)
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i + 1)
	}
	return out
}

// history is a list of changes with their bytes, in causal order.
type history struct {
	changes []*wire.Change
	bytes   [][]byte
}

func (h *history) add(t *testing.T, b []byte) {
	t.Helper()
	c, err := wire.DecodeChange(b)
	if err != nil {
		t.Fatalf("decode a change of automerge-go: %v", err)
	}
	h.changes = append(h.changes, c)
	h.bytes = append(h.bytes, b)
}

// chunks returns the chunks of changes.
func chunks(changes ...[]byte) []wire.Chunk {
	out := make([]wire.Chunk, len(changes))
	for i, b := range changes {
		var err error
		if out[i], err = wire.ReadChunk(b); err != nil {
			panic(err)
		}
	}
	return out
}

// shuffle returns a random causal order of the history, as indexes.
func (h *history) shuffle(r *rand.Rand) []int {
	at := map[wire.Hash]int{}
	for i, c := range h.changes {
		at[c.Hash] = i
	}
	left := make([]int, len(h.changes))
	next := make([][]int, len(h.changes))
	var ready, out []int
	for i, c := range h.changes {
		left[i] = len(c.Deps)
		for _, d := range c.Deps {
			next[at[d]] = append(next[at[d]], i)
		}
		if len(c.Deps) == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		k := r.IntN(len(ready))
		if r.IntN(3) == 0 { // sometimes follow one branch to its end
			k = len(ready) - 1
		}
		i := ready[k]
		ready = append(ready[:k], ready[k+1:]...)
		out = append(out, i)
		for _, n := range next[i] {
			if left[n]--; left[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	return out
}

const testEvent = qa.EventID("an event")

// view is the views of a projection, updated with what Touched reports.
type view struct {
	Event     qa.Event
	Posts     map[qa.PostID]qa.Post
	Reactions map[projection.Reaction]bool
	People    map[qa.Identity]qa.Person
}

func (v *view) update(f *projection.Projection) {
	t := f.Touched()
	if t.Event {
		v.Event = f.Event()
	}
	for _, id := range t.Posts {
		delete(v.Posts, id)
		if p, ok := f.Post(id); ok {
			p.Reactions = nil
			v.Posts[id] = p
		}
	}
	for _, r := range t.Reactions {
		on := r.On
		r.On = true
		delete(v.Reactions, r)
		if on {
			v.Reactions[r] = true
		}
	}
	for _, id := range t.People {
		delete(v.People, id)
		if p, ok := f.Person(id); ok {
			v.People[id] = p
		}
	}
}

func whole(f *projection.Projection) view {
	v := view{Event: f.Event(), Posts: map[qa.PostID]qa.Post{}, Reactions: map[projection.Reaction]bool{}, People: map[qa.Identity]qa.Person{}}
	for _, p := range f.Posts() {
		for _, r := range p.Reactions {
			v.Reactions[projection.Reaction{Post: p.ID, Reaction: r, On: true}] = true
		}
		p.Reactions = nil
		v.Posts[p.ID] = p
	}
	for _, p := range f.People() {
		v.People[p.ID] = p
	}
	return v
}

// project applies a history in an order, and updates a view with what Touched reports.
func project(t *testing.T, h *history, order []int, r *rand.Rand) (*projection.Projection, view) {
	t.Helper()
	g := graph.New()
	f := projection.New(testEvent, g, authority.New(g))
	v := view{Posts: map[qa.PostID]qa.Post{}, Reactions: map[projection.Reaction]bool{}, People: map[qa.Identity]qa.Person{}}
	for _, i := range order {
		if _, err := g.Add(graph.MetaOf(h.changes[i])); err != nil {
			t.Fatalf("graph: %v", err)
		}
		if err := f.Apply(h.changes[i]); err != nil {
			t.Fatalf("projection: %v", err)
		}
		if r.IntN(2) == 0 {
			v.update(f)
		}
	}
	v.update(f)
	return f, v
}

func weekOf(f *projection.Projection) []byte {
	b, err := json.Marshal(qa.NewWeek(f.Event(), f.Posts(), f.People()))
	if err != nil {
		panic(err)
	}
	return b
}

// compare compares every value of a document, as automerge-go reads it, with the projection.
func compare(t *testing.T, f *projection.Projection, m *automerge.Map, path ...string) (conflicts int) {
	t.Helper()
	obj, ok := f.Object(path...)
	if !ok {
		t.Fatalf("%q is a map in automerge-go and not in the projection", path)
	}
	values, err := m.Values()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	ours := f.Keys(obj)
	slices.Sort(ours)
	if !slices.Equal(keys, ours) {
		t.Fatalf("keys of %q: automerge-go %q, projection %q", path, keys, ours)
	}
	for _, key := range keys {
		live := f.Values(obj, key)
		if len(live) > 1 {
			conflicts++
		}
		for i := 1; i < len(live); i++ {
			if !live[i-1].Op.Less(live[i].Op) {
				t.Fatalf("values of %q/%q are not ascending", path, key)
			}
		}
		last := live[len(live)-1]
		v := values[key]
		if last.IsObject != (v.Kind() == automerge.KindMap) {
			t.Fatalf("%q/%q is %v in automerge-go, an object in the projection: %v", path, key, v.Kind(), last.IsObject)
		}
		if last.IsObject {
			conflicts += compare(t, f, v.Map(), append(slices.Clone(path), key)...)
			continue
		}
		if slices.Equal(path, []string{"blobs"}) {
			continue // the projection does not store the bytes of blobs
		}
		var got any
		switch last.Value.Kind {
		case wire.String:
			got, _ = last.Value.Str()
		case wire.True, wire.False:
			got, _ = last.Value.Bool()
		case wire.Int:
			got, _ = last.Value.Int()
		case wire.Uint:
			got, _ = last.Value.Uint()
		case wire.Bytes:
			got, _ = last.Value.Bin()
			if got.([]byte) == nil {
				got = []byte{}
			}
		}
		if want := v.Interface(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q/%q: automerge-go %#v, projection %#v", path, key, want, got)
		}
	}
	return conflicts
}

// check compares all results for one history, and returns its week and the number of its
// conflicts.
func check(t *testing.T, h *history, r *rand.Rand) ([]byte, int) {
	t.Helper()
	doc := automerge.New()
	order := h.shuffle(r)
	var all [][]byte
	for _, i := range order {
		all = append(all, h.bytes[i])
	}
	if err := doc.LoadIncremental(bytes.Join(all, nil)); err != nil {
		t.Fatal(err)
	}
	var first []byte
	conflicts := 0
	for i := range 3 {
		if i > 0 {
			order = h.shuffle(r)
		}
		f, kept := project(t, h, order, r)
		if i == 0 {
			conflicts = compare(t, f, doc.RootMap())
			first = weekOf(f)
		} else if again := weekOf(f); !bytes.Equal(first, again) {
			t.Fatalf("another order gives another week:\n%s\n%s", first, again)
		}
		if want := whole(f); !reflect.DeepEqual(kept, want) {
			t.Fatalf("updated with what was touched:\n%+v\nfrom scratch:\n%+v", kept, want)
		}
	}
	return first, conflicts
}

// party is one device of a random event: its document and the changes that it has.
type party struct {
	doc *crdt.Document
	has map[wire.Hash]bool
}

// pull applies some changes of others, each with its past.
func (p *party) pull(t *testing.T, h *history, r *rand.Rand) {
	t.Helper()
	var take [][]byte
	for i, c := range h.changes {
		if p.has[c.Hash] {
			continue
		}
		ready := true
		for _, d := range c.Deps {
			ready = ready && p.has[d]
		}
		if ready && r.IntN(4) > 0 {
			p.has[c.Hash] = true
			take = append(take, h.bytes[i])
		}
	}
	if err := p.doc.Absorb(chunks(take...)); err != nil {
		t.Fatal(err)
	}
}

// randomEvent has several parties act and merge at random. The founder names authors, moderators
// and organisers, who act and lose their roles again.
func randomEvent(t *testing.T, r *rand.Rand) *history {
	t.Helper()
	h := &history{}
	n := 2 + r.IntN(4)
	e := qa.Event{Title: "A book", StartsAtMillis: monday, EndsAtMillis: monday + 4*day}
	for i := range n {
		if r.IntN(3) == 0 {
			e.Roles = append(e.Roles, qa.Grant{ID: idOf(byte(1 + i)), Role: qa.RoleModerator})
		}
	}
	first, made, err := crdt.Create(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	h.add(t, made.Chunk.Bytes())
	parties := []*party{{doc: first, has: map[wire.Hash]bool{made.Change.Hash: true}}}
	for i := 1; i < n; i++ {
		who := byte(1 + i)
		if r.IntN(2) == 0 {
			who = byte(i) // the second device of a person
		}
		d, err := crdt.Load(actorOf(who, byte(10+i)), nil, chunks(h.bytes[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		parties = append(parties, &party{doc: d, has: map[wire.Hash]bool{made.Change.Hash: true}})
	}
	var posts []qa.PostID
	for range 10 + r.IntN(60) {
		p := parties[r.IntN(n)]
		if r.IntN(3) == 0 {
			p.pull(t, h, r)
		}
		a := randomAct(r, p.doc.Identity(), posts)
		m, err := p.doc.Do(a)
		if err != nil || m.NoChange { // a post that this party does not have, or that is another person's
			continue
		}
		checkShape(t, m)
		h.add(t, m.Chunk.Bytes())
		p.has[m.Change.Hash] = true
		if m.Post != "" {
			posts = append(posts, m.Post)
		}
	}
	return h
}

func randomAct(r *rand.Rand, me qa.Identity, posts []qa.PostID) qa.Act {
	a := qa.Act{AtMillis: monday + r.Int64N(4*day)}
	pick := func() qa.PostID {
		if len(posts) == 0 {
			return qa.MakePostID(me, []byte(actorOf(1, 1)), 1)
		}
		return posts[r.IntN(len(posts))]
	}
	text := fmt.Sprint("text ", r.IntN(5))
	on := r.IntN(3) > 0
	someone := idOf(byte(1 + r.IntN(5)))
	switch r.IntN(16) {
	case 0, 1, 2:
		a.Kind, a.Text = qa.ActPost, text
		if r.IntN(2) == 0 && len(posts) > 0 {
			a.Parent = pick()
		}
		if r.IntN(4) == 0 {
			a.OnBehalfOf, a.Source, a.AsAuthor = "Ann", "a page", r.IntN(2) == 0
		}
	case 3, 4, 5:
		a.Kind, a.Post, a.Text = qa.ActEdit, pick(), text
		for range 10 { // prefer a post of one's own
			if strings.HasPrefix(string(a.Post), string(me[:16])) {
				break
			}
			a.Post = pick()
		}
	case 6:
		a.Kind, a.Post, a.On = qa.ActWithdraw, pick(), on
	case 7, 8, 9:
		a.Kind, a.Post, a.Emoji, a.On = qa.ActReact, pick(), []string{"want", "👍", "♥"}[r.IntN(3)], on
	case 10:
		a.Kind, a.Person = qa.ActPerson, &qa.Person{Name: text, PublishAs: []string{"", "name", "none"}[r.IntN(3)]}
	case 11:
		a.Kind = qa.ActEvent
		switch r.IntN(4) {
		case 0:
			a.Links = make([]qa.Link, 1+r.IntN(3))
			for i := range a.Links {
				a.Links[i] = qa.Link{Text: text, URL: "https://example.org"}
			}
		case 1:
			a.Relays = []string{"ws://a", "ws://b", "ws://c"}[:1+r.IntN(3)]
		case 2:
			a.Fields = map[string]any{"title": text, "endsAt": monday + day*r.Int64N(5), "prizes": r.Uint64N(4)}
		case 3:
			a.Fields = map[string]any{"closed": r.IntN(3) == 0, "zone": text}
		}
	case 12, 13:
		a.Kind, a.Identity, a.On = qa.ActRole, someone, on
		a.Role = []qa.Role{qa.RoleAuthor, qa.RoleModerator, qa.RoleOrganiser}[r.IntN(3)]
	case 14:
		a.Kind, a.Post, a.On = qa.ActMark, pick(), on
		a.Mark = []string{"hidden", "pinned", "approved", "answered", "assigned", "candidate"}[r.IntN(6)]
		a.Identity = someone
		if a.Mark == "hidden" && on {
			a.Text = text
		}
	case 15:
		a.Kind = qa.ActMerge
		if r.IntN(3) == 0 {
			a.Kind, a.Post, a.Mark, a.Text = qa.ActMark, pick(), "duplicateOf", string(pick())
		}
	}
	return a
}

func TestProjectionReadsWhatAutomergeReads(t *testing.T) {
	conflicts, merges, late, versions := 0, 0, 0, 0
	for _, s := range seeds(t) {
		ok := t.Run(fmt.Sprint("seed", s), func(t *testing.T) {
			r := rand.New(rand.NewPCG(s, 1))
			h := randomEvent(t, r)
			week, n := check(t, h, r)
			conflicts += n
			for _, c := range h.changes {
				if len(c.Deps) > 1 {
					merges++
				}
			}
			late += bytes.Count(week, []byte(`"late":true`))
			f, _ := project(t, h, h.shuffle(r), r)
			for _, p := range f.Posts() {
				if len(p.Versions()) > 1 {
					versions++
				}
				if len(p.Versions()) == 0 {
					t.Fatalf("post %s has no text", p.ID)
				}
			}
		})
		if !ok {
			t.Fatalf("seed %d: go test ./crdt -run ProjectionReads -projection.seed=%d", s, s)
		}
	}
	t.Logf("%d conflicts, %d merging changes, %d late posts, %d posts of more than one version", conflicts, merges, late, versions)
	if *seed == 0 && (conflicts == 0 || merges == 0 || late == 0 || versions == 0) {
		t.Fatal("the random documents did not cover enough")
	}
}

// TestProjectionOfWildDocuments: parties write any value into any map, also against the schema;
// maps are made twice, overwritten and deleted.
func TestProjectionOfWildDocuments(t *testing.T) {
	names := []string{
		"event", "people", "roles", "blocks", "posts", "relays", "revisions", "reactions", "marks", "links", "closed",
		"0", "text", "hidden", "kind", "author", "moderator", "organiser", "x", "assigned", string(idOf(1)), string(idOf(2)),
	}
	conflicts := 0
	for _, s := range seeds(t) {
		ok := t.Run(fmt.Sprint("seed", s), func(t *testing.T) {
			r := rand.New(rand.NewPCG(s, 2))
			h := &history{}
			n := 2 + r.IntN(4)
			var parties []*automerge.Doc
			for i := range n {
				d := automerge.New()
				if err := d.SetActorID(actorOf(byte(1+i/2), byte(i)).String()); err != nil {
					t.Fatal(err)
				}
				parties = append(parties, d)
			}
			have := make([]map[wire.Hash]bool, n)
			for i := range have {
				have[i] = map[wire.Hash]bool{}
			}
			for range 10 + r.IntN(60) {
				i := r.IntN(n)
				d := parties[i]
				if r.IntN(4) == 0 {
					for k, c := range h.changes {
						ready := !have[i][c.Hash]
						for _, dep := range c.Deps {
							ready = ready && have[i][dep]
						}
						if ready {
							have[i][c.Hash] = true
							if err := d.LoadIncremental(h.bytes[k]); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				for range 1 + r.IntN(5) {
					at := d.RootMap()
					for r.IntN(3) > 0 {
						v, err := at.Get(names[r.IntN(len(names))])
						if err != nil {
							t.Fatal(err)
						}
						if v.Kind() == automerge.KindMap {
							at = v.Map()
						}
					}
					key := names[r.IntN(len(names))]
					var err error
					switch r.IntN(10) {
					case 0:
						if v, _ := at.Get(key); !v.IsVoid() {
							err = at.Delete(key)
						}
					case 1:
						err = at.Set(key, r.IntN(2) == 0)
					case 2:
						err = at.Set(key, fmt.Sprint("s", r.IntN(3)))
					case 3:
						err = at.Set(key, r.Int64N(3)-1)
					case 4:
						err = at.Set(key, r.Uint64N(3))
					case 5:
						err = at.Set(key, []byte{1, byte(r.IntN(3))})
					default:
						err = at.Set(key, automerge.NewMap())
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				now := time.UnixMilli(monday)
				hash, err := d.Commit("", automerge.CommitOptions{Time: &now})
				if err != nil {
					continue // nothing changed
				}
				c, err := d.Change(hash)
				if err != nil {
					t.Fatal(err)
				}
				h.add(t, c.Save())
				have[i][wire.Hash(hash)] = true
			}
			_, k := check(t, h, r)
			conflicts += k
		})
		if !ok {
			t.Fatalf("seed %d: go test ./crdt -run Wild -projection.seed=%d", s, s)
		}
	}
	t.Logf("%d conflicts", conflicts)
	if *seed == 0 && conflicts == 0 {
		t.Fatal("the random documents had no conflict")
	}
}

// TestTwoDevicesConverge: two devices of one reader edit the same post and other posts. In every
// interleaving both end with the same week, and no text is lost.
func TestTwoDevicesConverge(t *testing.T) {
	both := 0
	for _, s := range seeds(t) {
		r := rand.New(rand.NewPCG(s, 3))
		a, g := found(t, qa.Event{Title: "A book"})
		q := do(t, a, qa.Act{Kind: qa.ActPost, Text: "first"})
		b, err := crdt.Load(actorOf(1, 2), a.Save(), nil)
		if err != nil {
			t.Fatal(err)
		}
		docs := []*crdt.Document{a, b}
		var written []string
		known := [2][][]byte{{g.Chunk.Bytes(), q.Chunk.Bytes()}, {g.Chunk.Bytes(), q.Chunk.Bytes()}}
		sent := [2]int{2, 2}
		for i := range 2 + r.IntN(10) {
			k := r.IntN(2)
			if r.IntN(3) == 0 { // k receives the changes of the other device
				if err := docs[k].Absorb(chunks(known[1-k][sent[1-k]:]...)); err != nil {
					t.Fatal(err)
				}
				sent[1-k] = len(known[1-k])
			}
			text := fmt.Sprintf("seed %d, edit %d on %d", s, i, k)
			m := do(t, docs[k], qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: text})
			written = append(written, text)
			known[k] = append(known[k], m.Chunk.Bytes())
		}
		var weeks [2][32]byte
		for k := range docs {
			if err := docs[k].Absorb(chunks(known[1-k][sent[1-k]:]...)); err != nil {
				t.Fatal(err)
			}
			h := &history{}
			for _, c := range append(slices.Clone(known[k]), known[1-k][2:]...) {
				h.add(t, c)
			}
			f, _ := project(t, h, h.shuffle(r), r)
			weeks[k] = sha256.Sum256(weekOf(f))
			p, ok := f.Post(q.Post)
			if !ok {
				t.Fatal("the post is gone")
			}
			for _, text := range written {
				if !slices.ContainsFunc(p.Revisions, func(rev qa.Revision) bool { return rev.Text == text }) {
					t.Fatalf("seed %d: %q was lost", s, text)
				}
			}
			if len(p.Versions()) > 2 || len(p.Versions()) == 0 {
				t.Fatalf("seed %d: two devices left %d versions", s, len(p.Versions()))
			}
			if len(p.Versions()) == 2 {
				both++
			}
		}
		if weeks[0] != weeks[1] {
			t.Fatalf("seed %d: the devices show different weeks", s)
		}
		if !slices.Equal(a.Heads(), b.Heads()) {
			t.Fatalf("seed %d: different heads", s)
		}
		b.Close()
	}
	if *seed == 0 && both == 0 {
		t.Fatal("no edits were concurrent")
	}
}

func TestConcurrentEditsAreBothShown(t *testing.T) {
	a, g := found(t, qa.Event{Title: "A book"})
	q := do(t, a, qa.Act{Kind: qa.ActPost, Text: "first"})
	b, err := crdt.Load(actorOf(1, 2), nil, []wire.Chunk{g.Chunk, q.Chunk})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	x := do(t, a, qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "on the phone"})
	y := do(t, b, qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "on the laptop"})
	h := &history{}
	for _, m := range []crdt.Made{g, q, x, y} {
		h.add(t, m.Chunk.Bytes())
	}
	r := rand.New(rand.NewPCG(1, 1))
	f, _ := project(t, h, []int{0, 1, 2, 3}, r)
	p, _ := f.Post(q.Post)
	if v := p.Versions(); len(v) != 2 || v[0].Text == v[1].Text {
		t.Fatalf("versions: %+v", v)
	}
	if len(p.Revisions) != 3 || !p.Revisions[0].Superseded || p.Text() != p.Versions()[1].Text {
		t.Fatalf("revisions: %+v", p.Revisions)
	}
	// A further edit after both resolves the conflict.
	if err := a.Absorb([]wire.Chunk{y.Chunk}); err != nil {
		t.Fatal(err)
	}
	h.add(t, do(t, a, qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "both"}).Chunk.Bytes())
	f, _ = project(t, h, []int{0, 1, 3, 2, 4}, r)
	p, _ = f.Post(q.Post)
	if v := p.Versions(); len(v) != 1 || v[0].Text != "both" || len(p.Revisions) != 4 {
		t.Fatalf("versions: %+v", v)
	}
}

func TestPostWithEveryField(t *testing.T) {
	d, g := found(t, qa.Event{Title: "A book", Authors: "Ann"})
	h := &history{}
	h.add(t, g.Chunk.Bytes())
	author := idOf(1)
	q := do(t, d, qa.Act{
		Kind: qa.ActPost, AtMillis: monday + 5, Text: "Why?", OnBehalfOf: "Bob", Source: "page 3",
		Tags: []string{"plot", "end"}, AsAuthor: true, X: map[string]string{"reactions": "[]", "a": "b"},
	})
	h.add(t, q.Chunk.Bytes())
	for _, a := range []qa.Act{
		{Kind: qa.ActReact, Post: q.Post, Emoji: "want", On: true},
		{Kind: qa.ActReact, Post: q.Post, Emoji: "♥", On: true},
		{Kind: qa.ActReact, Post: q.Post, Emoji: "♥"},
		{Kind: qa.ActWithdraw, Post: q.Post, On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "hidden", Text: "rude"},
		{Kind: qa.ActMark, Post: q.Post, Mark: "pinned", On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "approved", On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "answered", On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "duplicateOf", Text: string(q.Post)},
		{Kind: qa.ActMark, Post: q.Post, Mark: "assigned", Identity: idOf(2), On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "candidate", Identity: idOf(3), On: true},
	} {
		h.add(t, do(t, d, a).Chunk.Bytes())
	}
	f, _ := project(t, h, h.shuffle(rand.New(rand.NewPCG(1, 1))), rand.New(rand.NewPCG(1, 1)))
	p, ok := f.Post(q.Post)
	if !ok {
		t.Fatal("no post")
	}
	op := qa.OpID{Counter: q.Change.StartOp, Actor: actorOf(1, 1).String()}
	rev := qa.OpID{Counter: q.Change.MaxOp(), Actor: op.Actor}
	want := qa.Post{
		ID: q.Post, By: author, AtMillis: monday + 5, Op: op, OnBehalfOf: "Bob", Source: "page 3", Imported: new(true), AsAuthor: true, AuthorThen: true,
		Revisions: []qa.Revision{{ID: q.Revision, Text: "Why?", AtMillis: monday + 5, Op: rev}},
		Withdrawn: true, WithdrawnAtMillis: monday + 1, Tags: []string{"plot", "end"},
		Marks: qa.Marks{
			Hidden: "rude", Pinned: true, Approved: true, DuplicateOf: q.Post, Answered: true,
			Assigned: []qa.Identity{idOf(2)}, Candidate: []qa.Identity{idOf(3)},
			HiddenBy: author, HiddenAtMillis: monday + 1, DuplicateBy: author, InDraw: true,
		},
		Reactions: []qa.Reaction{{By: author, Emoji: "want"}},
		X:         map[string]string{"reactions": "[]", "a": "b"},
	}
	if !reflect.DeepEqual(p, want) {
		t.Fatalf("got  %+v\nwant %+v", p, want)
	}
	if e := f.Event(); e.Founder != author || e.Rules != schema.RulesVersion || e.Kind != "event" || e.Access != "open" || e.Title != "A book" || e.Authors != "Ann" {
		t.Fatalf("event: %+v", e)
	}
	if o, ok := f.Object("posts", string(q.Post)); !ok || f.Owner(o) != author || o.Counter != q.Change.StartOp {
		t.Fatalf("the post's map is %v, owned by %s", o, f.Owner(o))
	}
}
