package crdt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// written lists the writes of a change in their order, as "key=value"; a map is "key={}".
func written(c *wire.Change) []string {
	var out []string
	for i := range c.Ops {
		op := &c.Ops[i]
		v := "{}"
		switch op.Value.Kind {
		case wire.String:
			v, _ = op.Value.Str()
		case wire.True:
			v = "true"
		case wire.False:
			v = "false"
		case wire.Bytes:
			b, _ := op.Value.Bin()
			v = hex.EncodeToString(b)
		case wire.Int:
			v = "int"
		}
		out = append(out, op.Key.Prop+"="+v)
	}
	return out
}

// TestActsWriteTheirKeys: each act about roles, and about the end of a week, writes these keys
// and no others. The same act again writes nothing.
func TestActsWriteTheirKeys(t *testing.T) {
	for _, kind := range []string{"event", "club"} {
		d, _ := found(t, qa.Event{Kind: kind, Title: "A book"})
		q := do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?"})
		picture := []byte("a picture")
		sum := sha256.Sum256(picture)
		week := qa.MakeEventID([16]byte{7})
		me, invite, other := string(idOf(1)), string(idOf(8)), string(idOf(9))
		for _, c := range []struct {
			act  qa.Act
			want []string
		}{
			{qa.Act{Kind: qa.ActInvite, Identity: idOf(8), Role: qa.RoleAuthor, On: true}, []string{invite + "={}", "invite-author=true"}},
			{qa.Act{Kind: qa.ActAdmit, Invite: idOf(8), Identity: idOf(9), Role: qa.RoleAuthor}, []string{other + "={}", "author=true", "invite-author=false"}},
			{qa.Act{Kind: qa.ActInvite, Identity: idOf(8), Role: qa.RoleAuthor}, nil},
			{qa.Act{Kind: qa.ActInvite, Identity: idOf(7), Role: qa.RoleMember}, nil},
			{qa.Act{Kind: qa.ActExtra, Post: q.Post, X: map[string]string{"b": "two", "a": "one"}}, []string{"x={}", "a=one", "b=two"}},
			{qa.Act{Kind: qa.ActExtra, Post: q.Post, X: map[string]string{"b": "three"}}, []string{"b=three"}},
			{qa.Act{Kind: qa.ActBlock, Identity: idOf(9)}, nil},
			{qa.Act{Kind: qa.ActBlock, Identity: idOf(9), Text: "spam"}, []string{other + "=spam"}},
			{qa.Act{Kind: qa.ActBlock, Identity: idOf(9)}, []string{other + "="}},
			{qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "approved", On: true}, []string{"approved=true"}},
			{qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "assigned", Identity: idOf(9), On: true}, []string{other + "=true"}},
			{qa.Act{Kind: qa.ActWinner, Post: q.Post}, nil},
			{qa.Act{Kind: qa.ActWinner, Post: q.Post, Text: "a copy"}, []string{me + "={}", string(q.Post) + "=a copy"}},
			{qa.Act{Kind: qa.ActWinner, Post: q.Post}, []string{string(q.Post) + "="}},
			{qa.Act{Kind: qa.ActDraw, Mark: "rule", Text: "one each"}, []string{"rule=one each"}},
			{qa.Act{Kind: qa.ActDraw, Mark: "commit", Bytes: []byte{1, 2}}, []string{me + "=0102"}},
			{qa.Act{Kind: qa.ActDraw, Mark: "reveal", Bytes: []byte{3}}, []string{me + "=03"}},
			{qa.Act{Kind: qa.ActContact}, nil},
			{qa.Act{Kind: qa.ActContact, Bytes: []byte{4}}, []string{me + "=04"}},
			{qa.Act{Kind: qa.ActContact}, []string{me + "="}},
			{qa.Act{Kind: qa.ActBlob, Bytes: picture}, []string{hex.EncodeToString(sum[:]) + "=" + hex.EncodeToString(picture)}},
			{qa.Act{Kind: qa.ActWeek, Event: &qa.Event{ID: week, Title: "A", EndsAtMillis: 5, Relays: []string{"ws://r"}}}, []string{string(week) + "={}", "title=A", "endsAt=int", "relay=ws://r"}},
			{qa.Act{Kind: qa.ActWeek, Event: &qa.Event{ID: week, Title: "B", EndsAtMillis: 5, Relays: []string{"ws://r"}}}, []string{"title=B", "endsAt=int", "relay=ws://r"}},
		} {
			if c.act.Kind == qa.ActWeek && kind == "event" {
				c.act.AtMillis = monday
				if _, err := d.Do(c.act); !errors.Is(err, qa.ErrBadValue) {
					t.Errorf("a week listed in an event: %v", err)
				}
				continue
			}
			made := do(t, d, c.act)
			if made.NoChange != (c.want == nil) {
				t.Errorf("%s: no change: %v, want %q", c.act.Kind, made.NoChange, c.want)
				continue
			}
			// Automerge itself omits a value that the key has already.
			if made.Change != nil {
				got := written(made.Change)
				for _, s := range got {
					if !slices.Contains(c.want, s) {
						t.Errorf("%s set %q, want %q", c.act.Kind, got, c.want)
					}
				}
				if len(got) == 0 || got[0] != c.want[0] || c.act.Kind != qa.ActWeek && len(got) != len(c.want) {
					t.Errorf("%s set %q, want %q", c.act.Kind, got, c.want)
				}
			}
			if c.want != nil && !do(t, d, c.act).NoChange {
				t.Errorf("%s again made a change", c.act.Kind)
			}
		}
	}
}

// TestOnlyTheInvitationKeyClaims: only the key of the invitation writes a claim, and only once.
func TestOnlyTheInvitationKeyClaims(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book"})
	do(t, d, qa.Act{Kind: qa.ActInvite, Identity: idOf(8), Role: qa.RoleAuthor, On: true})
	claim := qa.Act{Kind: qa.ActClaim, Identity: idOf(8), Successor: idOf(9), AtMillis: monday}
	if _, err := d.Do(claim); !errors.Is(err, crdt.ErrNotYours) {
		t.Fatalf("the founder claimed for the invitation: %v", err)
	}
	if err := d.WriteAs("short"); !errors.Is(err, crdt.ErrBadActor) {
		t.Fatal(err)
	}
	if err := d.WriteAs(actorOf(8, 1)); err != nil || d.Identity() != idOf(8) {
		t.Fatalf("%s, %v", d.Identity(), err)
	}
	made := do(t, d, claim)
	if c := made.Change; c.Actor != actorOf(8, 1) || c.Seq != 1 || !slices.Equal(written(c), []string{string(idOf(8)) + "=" + string(idOf(9))}) {
		t.Fatalf("the claim is %+v", c)
	}
	if !do(t, d, claim).NoChange {
		t.Error("the same claim again made a change")
	}
	claim.Successor = idOf(7)
	if _, err := d.Do(claim); !errors.Is(err, crdt.ErrClaimed) {
		t.Errorf("a second claim: %v", err)
	}
	// The first writer continues its own sequence.
	if err := d.WriteAs(actorOf(1, 1)); err != nil {
		t.Fatal(err)
	}
	if made := do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?"}); made.Change.Seq != 3 || made.Change.Actor != actorOf(1, 1) {
		t.Errorf("seq %d of %s", made.Change.Seq, made.Change.Actor)
	}
}

// TestPostWithOrigin: a post that is a copy of another names its origin.
func TestPostWithOrigin(t *testing.T) {
	d, made := found(t, qa.Event{Title: "A book"})
	g := graph.New()
	f := projection.New("", g, authority.New(g))
	for _, c := range []*wire.Change{made.Change, do(t, d, qa.Act{Kind: qa.ActPost, Text: "Why?", Origin: qa.MakePostID(idOf(1), []byte(actorOf(1, 1)), 5)}).Change} {
		if _, err := g.Add(graph.MetaOf(c)); err != nil {
			t.Fatal(err)
		}
		if err := f.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	posts := f.Posts()
	if len(posts) != 1 || posts[0].Origin != qa.MakePostID(idOf(1), []byte(actorOf(1, 1)), 5) {
		t.Errorf("%+v", posts)
	}
}

// TestBytesAtTheLimit: bytes up to the limit fit into one change, and one more byte is refused.
func TestBytesAtTheLimit(t *testing.T) {
	d, _ := found(t, qa.Event{Title: "A book"})
	for limit, act := range map[int]qa.Act{
		schema.MaxBlob:    {Kind: qa.ActBlob},
		schema.MaxContact: {Kind: qa.ActContact},
		schema.MaxDraw:    {Kind: qa.ActDraw, Mark: "commit"},
	} {
		act.Bytes = bytes.Repeat([]byte{0xe5}, limit)
		do(t, d, act)
		act.Bytes, act.AtMillis = append(act.Bytes, 0), monday
		if _, err := d.Do(act); !errors.Is(err, qa.ErrTooLong) {
			t.Errorf("%s of %d bytes: %v", act.Kind, limit+1, err)
		}
	}
	_, err := d.Do(qa.Act{Kind: qa.ActBlock, Identity: d.Identity(), Text: "me", AtMillis: monday})
	if !errors.Is(err, qa.ErrBadValue) || !strings.Contains(err.Error(), "themselves") {
		t.Errorf("a block of oneself: %v", err)
	}
}
