package verify_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/verify"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

const monday = int64(1_790_000_000_000) // ms since 1970

// signed is a change as a ledger stores it.
type signed struct{ bytes, signature []byte }

// people are the writers of an event, who share one document.
type people struct {
	t       testing.TB
	doc     *crdt.Document
	event   qa.EventID
	keys    map[byte]keys.Key
	actors  map[byte]wire.ActorID
	changes []signed
}

func newPeople(t testing.TB, e qa.Event) *people {
	t.Helper()
	p := &people{t: t, keys: map[byte]keys.Key{}, actors: map[byte]wire.ActorID{}}
	for n := byte('a'); n <= 'z'; n++ {
		k, err := keys.KeyFromSeed(bytes.Repeat([]byte{n}, keys.SeedSize))
		if err != nil {
			t.Fatal(err)
		}
		if p.actors[n], err = k.NewActor(bytes.NewReader(bytes.Repeat([]byte{n}, 8))); err != nil {
			t.Fatal(err)
		}
		p.keys[n] = k
	}
	doc, made, err := crdt.Create(p.actors['f'], qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doc.Close)
	p.doc, p.event = doc, qa.EventIDFromGenesis([32]byte(made.Change.Hash))
	p.keep('f', made)
	return p
}

func (p *people) keep(who byte, made crdt.Made) {
	sig, err := keys.Sign(p.keys[who], p.event, made.Change.Hash)
	if err != nil {
		p.t.Fatal(err)
	}
	p.changes = append(p.changes, signed{made.Chunk.Bytes(), sig})
}

func (p *people) id(who byte) qa.Identity { return p.keys[who].Identity() }

// do makes a change for an act, permitted or not.
func (p *people) do(who byte, a qa.Act) crdt.Made {
	p.t.Helper()
	a.AtMillis = monday + int64(len(p.changes))*1000
	if err := p.doc.WriteAs(p.actors[who]); err != nil {
		p.t.Fatal(err)
	}
	made, err := p.doc.Do(a)
	if err != nil || made.NoChange {
		p.t.Fatalf("%s by %c: no change: %v, %v", a.Kind, who, made.NoChange, err)
	}
	p.keep(who, made)
	return made
}

func (p *people) verify() qa.Verification {
	v := verify.New(p.event)
	for _, c := range p.changes {
		v.Add(c.bytes, c.signature)
	}
	return v.Result()
}

// TestVerifyAWeek: the result says who did what, with which role, and who granted it.
func TestVerifyAWeek(t *testing.T) {
	p := newPeople(t, qa.Event{Title: "The Patient Ledger"})
	p.do('f', qa.Act{Kind: qa.ActRole, Identity: p.id('o'), Role: qa.RoleOrganiser, On: true})
	granted := monday + int64(len(p.changes))*1000
	p.do('o', qa.Act{Kind: qa.ActRole, Identity: p.id('m'), Role: qa.RoleModerator, On: true})
	p.do('r', qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Tino"}})
	q := p.do('r', qa.Act{Kind: qa.ActPost, Text: "Why?", Tags: []string{"a"}})
	other := p.do('s', qa.Act{Kind: qa.ActPost, Text: "Where?"})
	p.do('r', qa.Act{Kind: qa.ActReact, Post: other.Post, Emoji: qa.WantEmoji, On: true})
	p.do('r', qa.Act{Kind: qa.ActEdit, Post: q.Post, Text: "Why not?"})
	p.do('m', qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "hidden", Text: "rude"})
	p.do('r', qa.Act{Kind: qa.ActMark, Post: q.Post, Mark: "answered", On: true})
	p.do('f', qa.Act{Kind: qa.ActBlock, Identity: p.id('s'), Text: "spam"})
	p.do('o', qa.Act{Kind: qa.ActInvite, Identity: p.id('i'), Role: qa.RoleAuthor, On: true})
	p.do('i', qa.Act{Kind: qa.ActClaim, Identity: p.id('i'), Successor: p.id('a')})
	p.do('o', qa.Act{Kind: qa.ActAdmit, Invite: p.id('i'), Identity: p.id('a'), Role: qa.RoleAuthor})
	reply := p.do('a', qa.Act{Kind: qa.ActPost, Parent: q.Post, Text: "So."}).Post

	v := p.verify()
	if !v.Valid() || v.Title != "The Patient Ledger" || len(v.Changes) != len(p.changes) || len(v.Heads) != 1 {
		t.Fatalf("%+v", v)
	}
	for i, want := range []struct {
		by      byte
		what    string
		role    qa.Role
		granted byte
		posts   []qa.PostID
	}{
		{'f', "founded the event", "", 0, nil},
		{'f', "made " + p.id('o').Short() + " an organiser", qa.RoleOrganiser, 0, nil},
		{'o', "made " + p.id('m').Short() + " a moderator", qa.RoleOrganiser, 'f', nil},
		{'r', `changed their name to "Tino"`, "", 0, nil},
		{'r', `asked ` + string(q.Post) + `: "Why?"`, "", 0, []qa.PostID{q.Post}},
		{'s', `asked ` + string(other.Post) + `: "Where?"`, "", 0, []qa.PostID{other.Post}},
		{'r', "asked for an answer to " + string(other.Post) + ", too", "", 0, []qa.PostID{other.Post}},
		{'r', "edited " + string(q.Post) + `: "Why not?"`, "", 0, []qa.PostID{q.Post}},
		{'m', "hid " + string(q.Post) + `: "rude"`, qa.RoleModerator, 'o', []qa.PostID{q.Post}},
		{'r', "marked " + string(q.Post) + " as answered", "", 0, []qa.PostID{q.Post}},
		{'f', "blocked " + p.id('s').Short() + `: "spam"`, qa.RoleOrganiser, 0, nil},
		{'o', "made an invitation for an author", qa.RoleOrganiser, 'f', nil},
		{'i', "used an invitation as " + p.id('a').Short(), qa.RoleInviteAuthor, 'o', nil},
		{'o', "made " + p.id('a').Short() + " an author, revoked or used up an author invitation", qa.RoleOrganiser, 'f', nil},
		{'a', "replied to " + string(q.Post) + " in " + string(reply) + `: "So."`, "", 0, nil},
	} {
		c := v.Changes[i]
		if c.By != p.id(want.by) || c.What != want.what || !c.Signed || c.Code != "" || c.Role != want.role {
			t.Errorf("change %d is %+v, want %+v", i, c, want)
		}
		if want.granted == 0 && c.GrantedBy != "" || want.granted != 0 && c.GrantedBy != p.id(want.granted) {
			t.Errorf("change %d: %s was given by %s", i, c.Role, c.GrantedBy)
		}
		if want.posts != nil && !slices.Equal(c.Posts, want.posts) {
			t.Errorf("change %d is about %v, want %v", i, c.Posts, want.posts)
		}
	}
	for i := range v.Changes {
		c := &v.Changes[i]
		if want := c.GrantedBy != ""; want != (c.GrantedIn != "") {
			t.Errorf("change %d: the role of %s was given in %q", i, c.GrantedBy, c.GrantedIn)
		}
		if (c.Author != nil) != (i == 14) {
			t.Errorf("change %d: its writer was an author: %+v", i, c.Author)
		}
	}
	if c := v.Changes[8]; c.GrantedIn != v.Changes[2].Hash {
		t.Errorf("the moderator's role was given in %s, want %s", c.GrantedIn, v.Changes[2].Hash)
	}
	// The author's role: who gave it, when, and in which change, which is proven too, with the role of its writer.
	given := qa.RoleGrant{GrantedBy: p.id('o'), GrantedAtMillis: v.Changes[13].AtMillis, GrantedIn: v.Changes[13].Hash}
	if of := v.ForPost(reply); *v.Changes[14].Author != given || len(of.Changes) != 1 || len(of.Grants) != 2 ||
		of.Grants[0].Hash != v.Changes[1].Hash || of.Grants[1].Hash != given.GrantedIn || of.People[0].Author == nil || *of.People[0].Author != given {
		t.Errorf("the author's role: %+v, want %+v; %+v", v.Changes[14].Author, given, of)
	}
	if at := v.Changes[8].GrantedAtMillis; at != granted {
		t.Errorf("the moderator's role was given at %d, not %d", granted, at)
	}
	of := v.ForPost(q.Post)
	if len(of.Changes) != 4 || of.Bad != 0 || len(of.People) != 2 || of.People[0].Name != "Tino" || of.People[0].Changes != 5 {
		t.Errorf("of the question: %+v", of)
	}
	i := slices.IndexFunc(v.People, func(x qa.VerifiedPerson) bool { return x.ID == p.id('s') })
	if i < 0 || !v.People[i].Blocked || len(v.People[i].Roles) != 0 {
		t.Errorf("%+v", v.People)
	}
}

// TestVerifyFindsInvalidChanges: each invalid change is reported with its reason, and so are
// changes that depend on it.
func TestVerifyFindsInvalidChanges(t *testing.T) {
	build := func() (*people, qa.PostID) {
		p := newPeople(t, qa.Event{Title: "The Patient Ledger"})
		q := p.do('r', qa.Act{Kind: qa.ActPost, Text: "Why?"})
		p.do('s', qa.Act{Kind: qa.ActReact, Post: q.Post, Emoji: qa.WantEmoji, On: true})
		return p, q.Post
	}
	for name, c := range map[string]struct {
		break_ func(p *people, q qa.PostID)
		codes  []string // of all changes, in order
	}{
		"nothing": {func(*people, qa.PostID) {}, []string{"", "", ""}},
		"no signature": {
			func(p *people, _ qa.PostID) { p.changes[1].signature = nil },
			[]string{"", "signature", "depends-on-refused"},
		},
		"somebody else's signature": {
			func(p *people, _ qa.PostID) { p.changes[2].signature = p.changes[1].signature },
			[]string{"", "", "signature"},
		},
		"a role that was never given": {
			func(p *people, q qa.PostID) {
				p.do('s', qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "mine"})
			},
			[]string{"", "", "", "role"},
		},
		"another event": {
			func(p *people, _ qa.PostID) { p.event = qa.MakeEventID([16]byte{9}) },
			[]string{"signature", "signature", "signature"},
		},
		"bytes that are not a change": {
			func(p *people, _ qa.PostID) { p.changes[2].bytes = p.changes[2].bytes[:20] },
			[]string{"", "", "malformed"},
		},
		"a change twice": {
			func(p *people, _ qa.PostID) { p.changes = append(p.changes, p.changes[1]) },
			[]string{"", "", "", "duplicate-seq"},
		},
		"without the first change": {
			func(p *people, _ qa.PostID) { p.changes = p.changes[1:] },
			[]string{"depends-on-refused", "depends-on-refused"},
		},
	} {
		p, q := build()
		c.break_(p, q)
		v := p.verify()
		var codes []string
		bad := 0
		for _, f := range v.Changes {
			codes = append(codes, f.Code)
			if f.Code != "" {
				bad++
				if f.Reason == "" || f.What == "" {
					t.Errorf("%s: no reason in %+v", name, f)
				}
			}
		}
		if !slices.Equal(codes, c.codes) || v.Bad != bad || v.Valid() != (bad == 0) {
			t.Errorf("%s: %q, want %q; %d bad", name, codes, c.codes, v.Bad)
		}
	}
}

// TestVerifyWithoutSignatures: permissions are checked, and the result is marked as unsigned.
func TestVerifyWithoutSignatures(t *testing.T) {
	p := newPeople(t, qa.Event{Title: "The Patient Ledger", Access: "invited", Roles: []qa.Grant{{ID: qa.Identity(strings.Repeat("a", 64)), Role: qa.RoleMember}}})
	p.do('f', qa.Act{Kind: qa.ActRole, Identity: p.id('m'), Role: qa.RoleMember, On: true})
	p.do('m', qa.Act{Kind: qa.ActPost, Text: "May I?"})
	p.do('r', qa.Act{Kind: qa.ActPost, Text: "And I?"})
	v := verify.NewUnsigned(p.event)
	for _, c := range p.changes {
		v.Add(c.bytes, nil)
	}
	r := v.Result()
	if r.Valid() || !r.Unsigned || !r.Genesis || r.Bad != 1 || r.Changes[3].Code != "role" || r.Changes[2].Role != qa.RoleMember {
		t.Errorf("%+v", r)
	}
	if _, err := hex.DecodeString(r.Changes[2].Hash); err != nil || r.Changes[2].Signed {
		t.Errorf("%+v", r.Changes[2])
	}
}

// BenchmarkVerify verifies an event of 2,000 posts, with all signatures.
func BenchmarkVerify(b *testing.B) {
	p := newPeople(b, qa.Event{Title: "The Patient Ledger"})
	for i := range 2000 {
		p.do('r'+byte(i%4), qa.Act{Kind: qa.ActPost, Text: strings.Repeat("Why? ", 40)})
	}
	for b.Loop() {
		if v := p.verify(); !v.Valid() {
			b.Fatal(v.Bad)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(p.changes)), "µs/change")
}

// TestWeakKeysDoNotSign: a signature by a weak key, for which anybody can sign, is refused.
func TestWeakKeysDoNotSign(t *testing.T) {
	seen := 0
	for _, c := range policytest.Cases() {
		if c.Code != policy.CodeWeakKey {
			continue
		}
		v := verify.New(c.Event)
		for _, s := range c.Setup {
			v.Add(s.Bytes, s.Signature)
		}
		seen++
		if f := v.Add(c.Bad.Bytes, c.Bad.Signature); f.Signed || f.Code != string(policy.CodeWeakKey) {
			t.Errorf("%s: code %s, signed %v", c.Name, f.Code, f.Signed)
		}
	}
	if seen == 0 {
		t.Error("no weak keys were tried")
	}
}
