package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// actorOf returns the actor of person n on device k.
func actorOf(n, k byte) wire.ActorID {
	return wire.ActorID(bytes.Repeat([]byte{n}, 32)) + wire.ActorID(bytes.Repeat([]byte{k}, 8))
}

func idOf(n byte) qa.Identity {
	return qa.Identity(strings.Repeat(hex.EncodeToString([]byte{n}), 32))
}

const day = int64(24 * 60 * 60 * 1000)

const monday = int64(1_790_000_000_000)

func found(t *testing.T, e qa.Event) (*crdt.Document, crdt.Made) {
	t.Helper()
	d, made, err := crdt.Create(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, made
}

func do(t *testing.T, d *crdt.Document, a qa.Act) crdt.Made {
	t.Helper()
	if a.AtMillis == 0 {
		a.AtMillis = monday + 1
	}
	made, err := d.Do(a)
	if err != nil {
		t.Fatalf("%s: %v", a.Kind, err)
	}
	if !made.NoChange {
		checkShape(t, made)
	}
	return made
}

// checkShape checks what every change of this package must satisfy.
func checkShape(t *testing.T, made crdt.Made) {
	t.Helper()
	c, err := wire.DecodeChange(made.Chunk.Bytes())
	if err != nil {
		t.Fatalf("the change does not decode as canonical: %v", err)
	}
	if !bytes.Equal(c.Encode(), made.Chunk.Bytes()) {
		t.Fatal("the change encodes to other bytes")
	}
	if !reflect.DeepEqual(c, made.Change) {
		t.Fatal("Made.Chunk decodes to another change than Made.Change")
	}
	if len(c.Actor) != 40 || c.TimeMillis == 0 || c.Message != "" || len(c.Extra) != 0 {
		t.Fatalf("actor of %d bytes, time %d, message %q, %d extra bytes", len(c.Actor), c.TimeMillis, c.Message, len(c.Extra))
	}
	if len(c.Ops) == 0 && len(c.Deps) < 2 {
		t.Fatal("a change without operations that is not a merge")
	}
	for _, op := range c.Ops {
		if (op.Action != wire.MakeMap && op.Action != wire.Set) || op.Key.Kind != wire.MapKey || op.Insert {
			t.Fatalf("an operation outside the schema: %+v", op)
		}
	}
}

func TestGenesisHasAllRootMaps(t *testing.T) {
	for kind, want := range map[string][]string{
		"event": {"event", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays"},
		"club":  {"club", "weeks", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays"},
	} {
		_, made := found(t, qa.Event{
			Kind: kind, Title: "A book", Relays: []string{"wss://relay.example"}, StartsAtMillis: monday,
			Links: []qa.Link{{Text: "shop", URL: "https://example.org"}}, X: map[string]string{"a": "b"},
			Roles: []qa.Grant{{ID: idOf(7), Role: qa.RoleAuthor}, {ID: idOf(7), Role: qa.RoleMember}},
		})
		checkShape(t, made)
		if c := made.Change; c.Seq != 1 || c.StartOp != 1 || len(c.Deps) != 0 || c.TimeMillis != monday {
			t.Fatalf("genesis with seq %d, start %d, %d deps, time %d", c.Seq, c.StartOp, len(c.Deps), c.TimeMillis)
		}
		var maps, scalars []string
		for _, op := range made.Change.Ops {
			if op.Obj != (wire.OpID{}) {
				continue
			}
			if op.Action == wire.MakeMap {
				maps = append(maps, op.Key.Prop)
			} else {
				scalars = append(scalars, op.Key.Prop)
			}
		}
		slices.Sort(maps)
		slices.Sort(want)
		if !slices.Equal(maps, want) {
			t.Errorf("%s: root maps %v, want %v", kind, maps, want)
		}
		if !slices.Equal(scalars, []string{"kind", "gate", "access"}) {
			t.Errorf("%s: root scalars %v", kind, scalars)
		}
	}
}

func TestIDsMatchOperations(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book"})
	q := do(t, d, qa.Act{
		Kind: qa.ActPost, Text: "Why?", OnBehalfOf: "Ann", Tags: []string{"a", "b"}, Source: "s", AsAuthor: true,
	})
	actor := []byte(actorOf(1, 1))
	if want := qa.MakePostID(idOf(1), actor, q.Change.StartOp); q.Post != want {
		t.Errorf("post %s, want %s", q.Post, want)
	}
	last := q.Change.Ops[len(q.Change.Ops)-1]
	if want := qa.MakeRevisionID(actor, q.Change.MaxOp()); q.Revision != want || last.Key.Prop != string(want) {
		t.Errorf("revision %s set at %s, want %s", q.Revision, last.Key.Prop, want)
	}
	e := do(t, d, qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "Why not?"})
	if want := qa.MakeRevisionID(actor, e.Change.StartOp); e.Revision != want || len(e.Change.Ops) != 1 {
		t.Errorf("revision %s, want %s", e.Revision, want)
	}

	// The counters are still right after changes of others and a reload.
	other, err := crdt.Load(actorOf(2, 1), d.Save(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r := do(t, other, qa.Act{Kind: qa.ActPost, Parent: q.Post, Text: "Because."})
	do(t, d, qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: "want", On: true})
	if err := d.Absorb([]wire.Chunk{r.Chunk}); err != nil {
		t.Fatal(err)
	}
	r2 := do(t, d, qa.Act{Kind: qa.ActPost, Parent: r.Post, Text: "I see."})
	if want := max(r.Change.MaxOp(), e.Change.MaxOp()+2) + 1; r2.Change.StartOp != want {
		t.Errorf("start %d, want %d", r2.Change.StartOp, want)
	}
}

func TestActsThatChangeNothing(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book", Links: []qa.Link{{Text: "t", URL: "u"}}})
	q := do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?"})
	set := []qa.Act{
		{Kind: qa.ActReact, Post: q.Post, Emoji: "want", On: true},
		{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ann", PublishAs: "initials"}},
		{Kind: qa.ActWithdraw, Post: q.Post, On: true},
		{Kind: qa.ActRole, Identity: idOf(3), Role: qa.RoleAuthor, On: true},
		{Kind: qa.ActEvent, Fields: map[string]any{"title": "B", "startsAt": monday, "prizes": uint64(3), "closed": true}},
		{Kind: qa.ActEvent, Links: []qa.Link{}, Relays: []string{"ws://a"}},
		{Kind: qa.ActMark, Post: q.Post, Mark: "hidden", Text: "rude"},
		{Kind: qa.ActMark, Post: q.Post, Mark: "answered", On: true},
		{Kind: qa.ActMark, Post: q.Post, Mark: "candidate", Identity: idOf(1), On: true},
		{Kind: qa.ActEdit, Post: q.Post, Text: "What?"},
	}
	off := []qa.Act{
		{Kind: qa.ActMerge},
		{Kind: qa.ActEdit, Post: q.Post, Text: "Why?"},
		{Kind: qa.ActReact, Post: q.Post, Emoji: "want"},
		{Kind: qa.ActPerson, Person: &qa.Person{}},
		{Kind: qa.ActWithdraw, Post: q.Post},
		{Kind: qa.ActRole, Identity: idOf(3), Role: qa.RoleAuthor},
		{Kind: qa.ActMark, Post: q.Post, Mark: "hidden"},
		{Kind: qa.ActMark, Post: q.Post, Mark: "assigned", Identity: idOf(1)},
		{Kind: qa.ActEvent, Fields: map[string]any{"closed": false, "source": ""}},
		{Kind: qa.ActEvent, Fields: map[string]any{"title": "A book"}},
	}
	heads := d.Heads()
	for i, a := range off {
		if !do(t, d, a).NoChange {
			t.Errorf("act %d (%s) on a fresh post made a change", i, a.Kind)
		}
	}
	if !slices.Equal(heads, d.Heads()) {
		t.Fatal("the heads changed although no change was made")
	}
	for i, a := range set {
		if do(t, d, a).NoChange {
			t.Errorf("act %d (%s) made no change the first time", i, a.Kind)
		}
		if a.Kind != qa.ActEdit && !do(t, d, a).NoChange {
			t.Errorf("act %d (%s) made a change the second time", i, a.Kind)
		}
	}
	for i, a := range off[2:7] {
		if a.Kind == qa.ActPerson {
			continue
		}
		if do(t, d, a).NoChange {
			t.Errorf("undoing %d (%s) made no change", i, a.Kind)
		}
	}
}

func TestMergeJoinsHeads(t *testing.T) {
	a, g := found(t, qa.Event{Title: "A book"})
	b, err := crdt.Load(actorOf(2, 1), nil, []wire.Chunk{g.Chunk})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	do(t, a, qa.Act{Kind: qa.ActPost, Text: "1"})
	made := do(t, b, qa.Act{Kind: qa.ActPost, Text: "2"})
	if err := a.Absorb([]wire.Chunk{made.Chunk}); err != nil {
		t.Fatal(err)
	}
	m := do(t, a, qa.Act{Kind: qa.ActMerge})
	if m.NoChange || len(m.Change.Deps) != 2 || len(a.Heads()) != 1 {
		t.Fatalf("merge: %+v, %d heads", m.Change, len(a.Heads()))
	}
	do(t, a, qa.Act{Kind: qa.ActPost, Text: "after an empty change"})
}

func TestLimitErrorsNameTheField(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book"})
	q := do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?"})
	long := func(n int) string { return strings.Repeat("x", n) }
	event := func(key string, v any) qa.Act {
		return qa.Act{Kind: qa.ActEvent, Fields: map[string]any{key: v}}
	}
	person := func(p qa.Person) qa.Act { return qa.Act{Kind: qa.ActPerson, Person: &p} }
	for _, c := range []struct {
		field string
		why   error
		at    *qa.Act // at the limit: valid
		above qa.Act
	}{
		{"post/text", qa.ErrTooLong, &qa.Act{Kind: qa.ActPost, Text: long(schema.MaxText)}, qa.Act{Kind: qa.ActPost, Text: long(schema.MaxText + 1)}},
		{"post/text", qa.ErrTooLong, &qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: long(schema.MaxText)}, qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: long(schema.MaxText + 1)}},
		{"post/text", qa.ErrNotUTF8, nil, qa.Act{Kind: qa.ActPost, Text: "\xff"}},
		{"post/onBehalfOf", qa.ErrTooLong, &qa.Act{Kind: qa.ActPost, OnBehalfOf: long(200)}, qa.Act{Kind: qa.ActPost, OnBehalfOf: long(201)}},
		{"post/source", qa.ErrTooLong, &qa.Act{Kind: qa.ActPost, Source: long(300)}, qa.Act{Kind: qa.ActPost, Source: long(301)}},
		{"post/tags", qa.ErrTooLong, &qa.Act{Kind: qa.ActPost, Tags: []string{long(300)}}, qa.Act{Kind: qa.ActPost, Tags: []string{long(299), "a"}}},
		{"post/tags", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActPost, Tags: []string{"a,b"}}},
		{"post/parent", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActPost, Parent: "x"}},
		{"post/reactions", qa.ErrTooLong, &qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: long(32), On: true}, qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: long(33), On: true}},
		{"post/reactions", qa.ErrMissing, nil, qa.Act{Kind: qa.ActReact, Post: q.Post, On: true}},
		{"post/marks/hidden", qa.ErrTooLong, &qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "hidden", Text: long(300)}, qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "hidden", Text: long(301)}},
		{"post/marks", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "nice"}},
		{"people/name", qa.ErrTooLong, ptr(person(qa.Person{Name: long(200)})), person(qa.Person{Name: long(201)})},
		{"people/about", qa.ErrTooLong, ptr(person(qa.Person{About: long(2 << 10)})), person(qa.Person{About: long(2<<10 + 1)})},
		{"people/link", qa.ErrTooLong, ptr(person(qa.Person{Link: long(300)})), person(qa.Person{Link: long(301)})},
		{"people/publishAs", qa.ErrBadValue, nil, person(qa.Person{PublishAs: "all"})},
		{"people", qa.ErrBadValue, nil, person(qa.Person{ID: idOf(9), Name: "x"})},
		{"people", qa.ErrBadValue, &qa.Act{Kind: qa.ActPerson, Person: &qa.Person{}, Clear: []string{"about", "link"}}, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{}, Clear: []string{"name"}}},
		{"event/title", qa.ErrTooLong, ptr(event("title", long(300))), event("title", long(301))},
		{"event/authors", qa.ErrTooLong, ptr(event("authors", long(300))), event("authors", long(301))},
		{"event/language", qa.ErrTooLong, ptr(event("language", long(300))), event("language", long(301))},
		{"event/zone", qa.ErrTooLong, ptr(event("zone", long(300))), event("zone", long(301))},
		{"event/source", qa.ErrTooLong, ptr(event("source", long(300))), event("source", long(301))},
		{"event/description", qa.ErrTooLong, ptr(event("description", long(16<<10))), event("description", long(16<<10+1))},
		{"event/startsAt", qa.ErrBadValue, ptr(event("startsAt", monday)), event("startsAt", "monday")},
		{"event/prizes", qa.ErrBadValue, ptr(event("prizes", uint64(4))), event("prizes", int64(4))},
		{"event/closed", qa.ErrBadValue, nil, event("closed", "yes")},
		{"event/movedTo", qa.ErrBadValue, nil, event("movedTo", "elsewhere")},
		{"event/cover", qa.ErrBadValue, nil, event("cover", "abc")},
		{"event/links", qa.ErrTooMany, &qa.Act{Kind: qa.ActEvent, Links: make([]qa.Link, 20)}, qa.Act{Kind: qa.ActEvent, Links: make([]qa.Link, 21)}},
		{"event/links/text", qa.ErrTooLong, nil, qa.Act{Kind: qa.ActEvent, Links: []qa.Link{{Text: long(301)}}}},
		{"event/links/url", qa.ErrTooLong, nil, qa.Act{Kind: qa.ActEvent, Links: []qa.Link{{URL: long(301)}}}},
		{"relays", qa.ErrTooMany, &qa.Act{Kind: qa.ActEvent, Relays: slices.Repeat([]string{"ws://a"}, 8)}, qa.Act{Kind: qa.ActEvent, Relays: slices.Repeat([]string{"ws://a"}, 9)}},
		{"relay", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActEvent, Relays: []string{"https://a"}}},
		{"relay", qa.ErrTooLong, nil, qa.Act{Kind: qa.ActEvent, Relays: []string{"ws://" + long(300)}}},
		{"roles", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActRole, Identity: idOf(2), Role: "king", On: true}},
		{"roles", qa.ErrBadValue, nil, qa.Act{Kind: qa.ActRole, Identity: "me", Role: qa.RoleAuthor, On: true}},
		{"kind", qa.ErrBadValue, nil, qa.Act{Kind: "dance"}},
	} {
		if c.at != nil {
			do(t, d, *c.at)
		}
		before := d.Save()
		c.above.AtMillis = monday
		_, err := d.Do(c.above)
		var fe *qa.FieldError
		if !errors.As(err, &fe) || fe.Field != c.field || !errors.Is(err, c.why) {
			t.Errorf("%s: got %v, want field %s and reason %q", c.above.Kind, err, c.field, c.why)
			continue
		}
		if c.at != nil && fe.Max == 0 && !errors.Is(c.why, qa.ErrBadValue) {
			t.Errorf("%s: the error does not say the limit: %v", c.field, err)
		}
		if !bytes.Equal(before, d.Save()) {
			t.Errorf("%s: the document changed although the act was refused", c.field)
		}
	}
	if _, err := d.Do(qa.Act{Kind: qa.ActPost, Text: "no time"}); !errors.Is(err, qa.ErrBadValue) {
		t.Errorf("an act without a time: %v", err)
	}
}

func ptr(a qa.Act) *qa.Act { return &a }

func TestTwentyReactions(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book"})
	q := do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?"})
	for i := range schema.MaxReactions {
		do(t, d, qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: fmt.Sprint("e", i), On: true})
	}
	_, err := d.Do(qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: "one more", On: true, AtMillis: monday})
	if !errors.Is(err, qa.ErrTooMany) {
		t.Fatalf("the 21st emoji: %v", err)
	}
	if do(t, d, qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: "e3"}).NoChange {
		t.Fatal("one of the twenty could not be turned off")
	}
}

func TestErrorsThatDependOnTheDocument(t *testing.T) {
	a, g := found(t, qa.Event{Title: "A book"})
	q := do(t, a, qa.Act{Kind: qa.ActPost, Text: "Why?"})
	b, err := crdt.Load(actorOf(2, 1), nil, []wire.Chunk{g.Chunk, q.Chunk})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	nowhere := qa.MakePostID(idOf(1), []byte(actorOf(1, 1)), 999)
	for _, c := range []struct {
		act  qa.Act
		want error
	}{
		{qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "Mine"}, crdt.ErrNotYours},
		{qa.Act{Kind: qa.ActWithdraw, Post: q.Post, On: true}, crdt.ErrNotYours},
		{qa.Act{Kind: qa.ActEdit, Post: nowhere, Text: "Mine"}, crdt.ErrNoPost},
		{qa.Act{Kind: qa.ActReact, Post: nowhere, Emoji: "want", On: true}, crdt.ErrNoPost},
		{qa.Act{Kind: qa.ActPost, Parent: nowhere, Text: "hm"}, crdt.ErrNoPost},
		{qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "duplicateOf", Text: string(nowhere)}, crdt.ErrNoPost},
		{qa.Act{Kind: qa.ActCreate, Event: &qa.Event{}}, qa.ErrBadValue},
	} {
		c.act.AtMillis = monday
		if _, err := b.Do(c.act); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.act.Kind, err, c.want)
		}
	}
	a.Close()
	if _, err := a.Do(qa.Act{Kind: qa.ActMerge, AtMillis: monday}); !errors.Is(err, crdt.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := a.WriteAs(actorOf(2, 2)); !errors.Is(err, crdt.ErrClosed) {
		t.Errorf("another writer after Close: %v", err)
	}
	if _, err := crdt.Load(actorOf(2, 2), nil, nil); !errors.Is(err, crdt.ErrNotEvent) {
		t.Errorf("an empty document: %v", err)
	}
	if _, _, err := crdt.Create("short", qa.Act{}); !errors.Is(err, crdt.ErrBadActor) {
		t.Errorf("a short actor: %v", err)
	}
}

func TestTooBigForOneChange(t *testing.T) {
	e := qa.Event{Title: "A book"}
	for i := range 600 {
		e.Roles = append(e.Roles, qa.Grant{ID: qa.Identity(fmt.Sprintf("%064x", i+256)), Role: qa.RoleMember})
	}
	_, _, err := crdt.Create(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if !errors.Is(err, crdt.ErrTooBig) {
		t.Fatalf("600 grants: %v", err)
	}
}

func TestActsSurviveJSON(t *testing.T) {
	for _, a := range []qa.Act{
		{Kind: qa.ActCreate, AtMillis: 1, Event: &qa.Event{Title: "t", Prizes: 2, StartsAtMillis: 5, X: map[string]string{"a": "b"}}},
		{Kind: qa.ActPost, AtMillis: 2, Parent: "p", Text: "x\n", OnBehalfOf: "n", Tags: []string{"a"}, Source: "s", AsAuthor: true},
		{Kind: qa.ActEvent, AtMillis: 3, Fields: map[string]any{
			"title": "t", "startsAt": int64(1<<53 - 1), "prizes": uint64(3), "closed": true,
		}, Links: []qa.Link{{Text: "a", URL: "b"}}, Relays: []string{"ws://a"}},
		{Kind: qa.ActPerson, AtMillis: 4, Person: &qa.Person{Name: "n"}},
		{Kind: qa.ActPost, AtMillis: 6, Text: "x", Anonymous: true, Origin: "o"},
		{Kind: qa.ActAdmit, AtMillis: 7, Invite: idOf(4), Identity: idOf(3), Role: qa.RoleMember},
		{Kind: qa.ActClaim, AtMillis: 8, Identity: idOf(4), Successor: idOf(3)},
		{Kind: qa.ActBlob, AtMillis: 9, Bytes: []byte{0, 255}},
		{Kind: qa.ActWeek, AtMillis: 9, Event: &qa.Event{ID: "e", Title: "t"}},
		{Kind: qa.ActMark, AtMillis: 5, Post: "p", Mark: "hidden", Text: "r", Identity: idOf(3), Role: qa.RoleAuthor, Emoji: "e", On: true},
	} {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back qa.Act
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, back) {
			t.Errorf("%s became %+v, was %+v", b, back, a)
		}
	}
}
