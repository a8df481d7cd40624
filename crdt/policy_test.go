package crdt_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// validated is a replica that validates every change.
type validated struct {
	g      *graph.Graph
	policy *policy.Policy
}

func newValidated(event qa.EventID) *validated {
	g := graph.New()
	return &validated{g, policy.New(event, g)}
}

// take validates a change and adds it if it is valid.
func (r *validated) take(c *wire.Change) error {
	if err := r.g.Check(graph.MetaOf(c)); err != nil {
		return err
	}
	if err := r.policy.Validate(c); err != nil {
		return err
	}
	if _, err := r.g.Add(graph.MetaOf(c)); err != nil {
		return err
	}
	return r.policy.Add(c)
}

// member is one device of an event, with a document and a validating replica.
type member struct {
	*validated
	doc *crdt.Document
}

// TestOurChangesAreValid: people do permitted acts of every kind on devices that sync now and
// then. Each change is valid on its writer's device and, in every order of arrival, on all others.
// Acts that are not permitted are refused only for a missing role, or because something belongs
// to another person.
func TestOurChangesAreValid(t *testing.T) {
	kinds := map[qa.ActKind]int{}
	refused := map[policy.Code]int{}
	for _, s := range seeds(t) {
		r := rand.New(rand.NewPCG(s, 9))
		h, event := validatedEvent(t, s, r, kinds, refused)
		for range 3 {
			everybody := newValidated(event)
			for _, i := range h.shuffle(r) {
				if err := everybody.take(h.changes[i]); err != nil {
					t.Fatalf("seed %d: change %d, valid where it was made, is refused elsewhere: %v", s, i, err)
				}
			}
		}
		compareNow(t, s, h, event, r)
		check(t, h, r) // compares the projection with automerge-go, and its views with rows updated by Touched
	}
	t.Logf("accepted: %v; refused: %v", kinds, refused)
	for _, k := range []qa.ActKind{
		qa.ActPost, qa.ActEdit, qa.ActWithdraw, qa.ActExtra, qa.ActReact, qa.ActPerson, qa.ActEvent, qa.ActRole, qa.ActMark, qa.ActMerge,
		qa.ActInvite, qa.ActClaim, qa.ActAdmit, qa.ActBlock, qa.ActWinner, qa.ActDraw, qa.ActContact, qa.ActBlob, qa.ActWeek,
	} {
		if kinds[k] == 0 && *seed == 0 {
			t.Errorf("no act of kind %s was tried", k)
		}
	}
	for code := range refused {
		switch code {
		case policy.CodeRole, policy.CodeClosed, policy.CodeClaim:
		default:
			t.Errorf("%d changes of this package were refused as %s", refused[code], code)
		}
	}
}

// validatedEvent has people act at random and keeps the valid changes.
func validatedEvent(t *testing.T, s uint64, r *rand.Rand, kinds map[qa.ActKind]int, refused map[policy.Code]int) (*history, qa.EventID) {
	t.Helper()
	e := qa.Event{
		Title: "A book", Kind: []string{"event", "club"}[r.IntN(2)], Access: []string{"open", "invited"}[r.IntN(2)],
		StartsAtMillis: monday, EndsAtMillis: monday + 4*day, X: map[string]string{"colour": "red"}, Relays: []string{"ws://a"},
	}
	if e.Kind == "club" {
		e.StartsAtMillis, e.EndsAtMillis = 0, 0
	} else {
		e.Links = []qa.Link{{Text: "a", URL: "https://example.org"}}
	}
	for who := byte(1); who < 6; who++ {
		for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleAuthor, qa.RoleModerator, qa.RoleMember, qa.RoleInviteAuthor} {
			if r.IntN(4) == 0 {
				e.Roles = append(e.Roles, qa.Grant{ID: idOf(who), Role: role})
			}
		}
	}
	first, made, err := crdt.Create(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	event := qa.EventIDFromGenesis([32]byte(made.Change.Hash))
	h := &history{}
	h.add(t, made.Chunk.Bytes())
	n := 2 + r.IntN(4)
	var all []*member
	for i := range n {
		d := first
		if i > 0 {
			if d, err = crdt.Load(actorOf(byte(1+r.IntN(5)), byte(10+i)), nil, chunks(h.bytes[0])); err != nil {
				t.Fatal(err)
			}
		}
		m := &member{validated: newValidated(event), doc: d}
		if err := m.take(made.Change); err != nil {
			t.Fatalf("seed %d: the genesis: %v", s, err)
		}
		all = append(all, m)
	}
	defer func() {
		for _, m := range all {
			m.doc.Close()
		}
	}()
	var posts []qa.PostID
	drafts := 0
	for range 10 + r.IntN(50) {
		m := all[r.IntN(n)]
		if r.IntN(3) == 0 {
			pullValidated(t, m, h, r)
		}
		a := randomActOfAll(r, m.doc.Identity(), posts)
		before := m.doc.Save()
		got, err := m.doc.Do(a)
		if err != nil || got.NoChange {
			continue
		}
		if err := m.take(got.Change); err != nil {
			var why *policy.Refusal
			if !errors.As(err, &why) {
				t.Fatalf("seed %d: %v", s, err)
			}
			if why.Code == policy.CodeOwner && a.Mark == "candidate" {
				why.Code = policy.CodeRole // authors can name only their own candidates
			}
			refused[why.Code]++
			drafts++
			m.reload(t, before, got.Change.Actor, drafts)
			continue
		}
		kinds[a.Kind]++
		h.add(t, got.Chunk.Bytes())
		if got.Post != "" {
			posts = append(posts, got.Post)
		}
	}
	return h, event
}

// reload replaces the document by the one before a refused change, with a new actor, like a
// device that rebuilds its document.
func (m *member) reload(t *testing.T, saved []byte, actor wire.ActorID, n int) {
	t.Helper()
	actor = wire.ActorID(fmt.Sprintf("%s%08d", string(actor[:32]), n))
	d, err := crdt.Load(actor, saved, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.doc.Close()
	m.doc = d
}

func pullValidated(t *testing.T, m *member, h *history, r *rand.Rand) {
	t.Helper()
	var take [][]byte
	for i, c := range h.changes {
		if m.g.Has(c.Hash) || m.g.Check(graph.MetaOf(c)) != nil || r.IntN(4) == 0 {
			continue
		}
		if err := m.take(c); err != nil {
			t.Fatalf("a change that is valid on one device is refused by another: %v", err)
		}
		take = append(take, h.bytes[i])
	}
	if err := m.doc.Absorb(chunks(take...)); err != nil {
		t.Fatal(err)
	}
}

// randomActOfAll is randomAct with acts about roles and about the end of a week.
func randomActOfAll(r *rand.Rand, me qa.Identity, posts []qa.PostID) qa.Act {
	if r.IntN(3) > 0 || len(posts) == 0 {
		return randomAct(r, me, posts)
	}
	a := qa.Act{AtMillis: monday + r.Int64N(4*day), On: r.IntN(3) > 0, Identity: idOf(byte(1 + r.IntN(5)))}
	post := posts[r.IntN(len(posts))]
	switch r.IntN(11) {
	case 10:
		a.Kind, a.Post, a.X = qa.ActExtra, post, map[string]string{"note": []string{"a", "b"}[r.IntN(2)]}
	case 0:
		a.Kind, a.Role = qa.ActInvite, []qa.Role{qa.RoleAuthor, qa.RoleMember, qa.RoleModerator}[r.IntN(3)]
	case 1:
		a.Kind, a.Identity, a.Successor = qa.ActClaim, me, idOf(byte(6+r.IntN(3)))
	case 2:
		a.Kind, a.Invite, a.Role = qa.ActAdmit, idOf(byte(1+r.IntN(5))), qa.RoleMember
	case 3:
		a.Kind, a.Text = qa.ActBlock, []string{"", "spam"}[r.IntN(2)]
	case 4:
		a.Kind, a.Post, a.Text = qa.ActWinner, post, []string{"", "a copy"}[r.IntN(2)]
	case 5:
		a.Kind, a.Mark, a.Bytes = qa.ActDraw, []string{"commit", "reveal"}[r.IntN(2)], []byte{byte(r.IntN(3))}
		if r.IntN(3) == 0 {
			a.Mark, a.Bytes, a.Text = "rule", nil, "all"
		}
	case 6:
		a.Kind, a.Bytes = qa.ActContact, []byte{byte(r.IntN(3)), 1}
	case 7:
		a.Kind, a.Bytes = qa.ActBlob, []byte{byte(r.IntN(3)), 2}
	case 8:
		a.Kind, a.Event = qa.ActWeek, &qa.Event{ID: qa.MakeEventID([16]byte{byte(r.IntN(3))}), Title: "A week", EndsAtMillis: monday}
	case 9:
		a.Kind, a.Text, a.Origin = qa.ActPost, "again", post
	}
	return a
}

// compareNow compares the current roles and blocks by the policy with those by the projection.
func compareNow(t *testing.T, s uint64, h *history, event qa.EventID, r *rand.Rand) {
	t.Helper()
	x := newValidated(event)
	f := projection.New(event, x.g, authority.New(x.g))
	for _, i := range h.shuffle(r) {
		if err := x.take(h.changes[i]); err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(h.changes[i]); err != nil {
			t.Fatal(err)
		}
	}
	e := f.Event()
	if x.policy.Founder() != e.Founder || x.policy.Kind() != e.Kind || x.policy.Access() != e.Access {
		t.Fatalf("seed %d: the policy reads another genesis", s)
	}
	blocks := qa.Blocks(f.Log())
	for who := byte(1); who < 10; who++ {
		if got, want := x.policy.Blocked(idOf(who)), blocks[idOf(who)].On; got != want {
			t.Fatalf("seed %d: whether %d is blocked: policy %v, projection %v", s, who, got, want)
		}
		for _, role := range []qa.Role{
			qa.RoleOrganiser, qa.RoleAuthor, qa.RoleModerator, qa.RoleMember,
			qa.RoleInviteAuthor, qa.RoleInviteModerator, qa.RoleInviteMember,
		} {
			if got, want := x.policy.HoldsRole(idOf(who), role), e.HasRole(idOf(who), role); got != want {
				t.Fatalf("seed %d: role %s of %d: policy %v, projection %v", s, role, who, got, want)
			}
		}
	}
}

// TestOurLargestActsAreValid: the largest act of each kind is valid. The policy limits the
// operations of a change to the number that these acts make (R25). A new field of the schema that
// the limit does not include would fail here.
func TestOurLargestActsAreValid(t *testing.T) {
	fill := func(n int) (links []qa.Link, relays []string, x map[string]string) {
		x = map[string]string{}
		for i := range schema.MaxLinks {
			links = append(links, qa.Link{Text: fmt.Sprint("link ", n, i), URL: fmt.Sprintf("https://example.org/%d/%d", n, i)})
		}
		for i := range schema.MaxRelays {
			relays = append(relays, fmt.Sprintf("wss://relay%d-%d.example", n, i))
		}
		for i := range schema.MaxXKeys {
			x[fmt.Sprint("x", i)] = "x"
		}
		return links, relays, x
	}
	links, relays, x := fill(1)
	actor := actorOf(1, 1)
	me := qa.IdentityOfActor([]byte(actor))
	other := qa.IdentityOfActor([]byte(actorOf(2, 1)))
	full := &qa.Event{
		Title: "A", Authors: "A", Language: "en", Zone: "Europe/Berlin", Description: "A", Source: "A",
		StartsAtMillis: 1, EndsAtMillis: 2, AnswersFromMillis: 1, AnswersUntilMillis: 2, WinnersAtMillis: 3, Prizes: 1,
		Links: links, Relays: relays, X: x,
		Roles: []qa.Grant{{ID: me, Role: qa.RoleAuthor}, {ID: other, Role: qa.RoleModerator}, {ID: other, Role: qa.RoleAuthor}},
	}
	most := map[qa.ActKind]int{}
	play := func(event *qa.Event, acts func(do func(qa.Act) crdt.Made)) {
		d, made, err := crdt.Create(actor, qa.Act{Kind: qa.ActCreate, AtMillis: 1, Event: event})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		replica := newValidated(qa.EventIDFromGenesis([32]byte(made.Change.Hash)))
		if err := replica.take(made.Change); err != nil {
			t.Fatalf("genesis: %v", err)
		}
		acts(func(a qa.Act) crdt.Made {
			t.Helper()
			a.AtMillis = 5
			made, err := d.Do(a)
			if err != nil || made.NoChange {
				t.Fatalf("%s: %v, no change: %v", a.Kind, err, made.NoChange)
			}
			if err := replica.take(made.Change); err != nil {
				t.Fatalf("%s: %v", a.Kind, err)
			}
			most[a.Kind] = max(most[a.Kind], len(made.Change.Ops))
			return made
		})
	}
	play(&qa.Event{Title: "Small"}, func(do func(qa.Act) crdt.Made) {
		do(qa.Act{Kind: qa.ActEvent, Links: links, Relays: relays, Fields: map[string]any{
			"title": "B", "authors": "B", "language": "de", "zone": "Europe/Paris", "description": "B", "source": "B",
			"startsAt": int64(1), "endsAt": int64(2), "answersFrom": int64(1), "answersUntil": int64(2), "winnersAt": int64(3), "prizes": uint64(2),
			"approve": true, "movedTo": string(qa.MakeEventID([16]byte{1})), "cover": string(other),
		}})
		do(qa.Act{Kind: qa.ActRole, Identity: me, Role: qa.RoleAuthor, On: true})
		post := qa.Act{Kind: qa.ActPost, Text: "A", OnBehalfOf: "A", Tags: []string{"a"}, Source: "A", AsAuthor: true, X: x}
		first := do(post)
		post.Origin, post.Parent = first.Post, first.Post
		do(post)
		do(qa.Act{Kind: qa.ActEdit, Post: first.Post, Text: "B"})
		do(qa.Act{Kind: qa.ActReact, Post: first.Post, Emoji: "x", On: true})
		do(qa.Act{Kind: qa.ActWithdraw, Post: first.Post, On: true})
		do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "A", About: "A", Link: "https://example.org", PublishAs: "initials"}})
		do(qa.Act{Kind: qa.ActInvite, Identity: other, Role: qa.RoleModerator, On: true})
		do(qa.Act{Kind: qa.ActAdmit, Invite: other, Identity: qa.IdentityOfActor([]byte(actorOf(3, 1))), Role: qa.RoleModerator})
		do(qa.Act{Kind: qa.ActBlock, Identity: other, Text: "A"})
		do(qa.Act{Kind: qa.ActMark, Post: first.Post, Mark: "assigned", Identity: me, On: true})
		do(qa.Act{Kind: qa.ActWinner, Post: first.Post, Text: "A"})
		do(qa.Act{Kind: qa.ActDraw, Mark: "commit", Bytes: make([]byte, 32)})
		do(qa.Act{Kind: qa.ActContact, Bytes: []byte("A")})
		do(qa.Act{Kind: qa.ActBlob, Bytes: []byte("A")})
	})
	play(full, func(do func(qa.Act) crdt.Made) { // every link exists, and all of them change
		links, relays, _ := fill(2)
		do(qa.Act{Kind: qa.ActEvent, Links: links, Relays: relays})
	})
	play(&qa.Event{Kind: "club", Title: "A club"}, func(do func(qa.Act) crdt.Made) {
		do(qa.Act{Kind: qa.ActWeek, Event: &qa.Event{
			ID: qa.MakeEventID([16]byte{1}), Title: "A", Authors: "A", StartsAtMillis: 1, EndsAtMillis: 2, Relays: relays[:1],
		}})
	})
	t.Logf("operations of the largest act of each kind: %v", most)
	if most[qa.ActEvent] < 80 || most[qa.ActPost] < 30 {
		t.Error("the policy allows more operations than these acts make")
	}
}
