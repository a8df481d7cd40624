package qa

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/schema"
)

const genesisOfZero = "8b12cd515cdab6155467a380e14fe2ee"

func TestEventIDs(t *testing.T) {
	// Two IDs made by automerge-repo: both implementations of base58check agree.
	for _, s := range []string{"4NMNnkMhL8jXrdJ9jamS58PAVdXu", "2akvofn6L1o4RMUEMQi7qzwRjKWZ"} {
		id, err := ParseEventID(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		b, err := id.Bytes()
		if err != nil || MakeEventID(b) != id {
			t.Errorf("%s does not come back: %v", s, err)
		}
	}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		var b [16]byte
		for i := range b {
			if r.IntN(3) > 0 {
				b[i] = byte(r.Uint32())
			}
		}
		id := MakeEventID(b)
		back, err := id.Bytes()
		if err != nil || back != b {
			t.Fatalf("seed %d: %x became %s became %x: %v", seed, b, id, back, err)
		}
		// One wrong character is detected.
		s := []byte(id)
		i := r.IntN(len(s))
		for old := s[i]; s[i] == old; {
			s[i] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[r.IntN(58)]
		}
		if _, err := ParseEventID(string(s)); !errors.Is(err, ErrBadID) {
			t.Fatalf("seed %d: %s taken for %s", seed, s, id)
		}
	}
	for _, s := range []string{
		"", " ", "0OIl", "abc", " 4NMNnkMhL8jXrdJ9jamS58PAVdXu", "4NMNnkMhL8jXrdJ9jamS58PAVdXu ",
		"14NMNnkMhL8jXrdJ9jamS58PAVdXu", strings.Repeat("4", 100_000), "\xff\xfe", "é",
	} {
		if id, err := ParseEventID(s); !errors.Is(err, ErrBadID) || id != "" {
			t.Errorf("%.40q: %v, %v", s, id, err)
		}
	}
	var hash [32]byte
	hash[0] = 1
	if a, b := EventIDFromGenesis(hash), EventIDFromGenesis([32]byte{}); a == b {
		t.Error("two geneses, one ID")
	} else if _, err := ParseEventID(string(a)); err != nil {
		t.Error(err)
	}
	// SHA-256("flyleaf event v1" ‖ 32 zero bytes), first 16 bytes, computed with sha256sum.
	zero, _ := EventIDFromGenesis([32]byte{}).Bytes()
	if got := hex.EncodeToString(zero[:]); got != genesisOfZero {
		t.Errorf("the ID of a zero hash is %s, want %s", got, genesisOfZero)
	}
}

func testActor(n, k byte) []byte {
	a := make([]byte, 40)
	for i := range a {
		a[i] = n
		if i >= 32 {
			a[i] = k
		}
	}
	return a
}

func TestPostAndRevisionIDs(t *testing.T) {
	actor := testActor(0xab, 1)
	me := IdentityOfActor(actor)
	if me != Identity(strings.Repeat("ab", 32)) {
		t.Fatalf("identity %s", me)
	}
	if id := MakePostID(me, actor, 7); id != "abababababababab-aeaqcaibaeaqc-7" {
		t.Errorf("post ID %s", id)
	}
	if id := MakeRevisionID(actor, 12); id != "12-aeaqcaibaeaqc" {
		t.Errorf("revision ID %s", id)
	}
	if _, err := ParsePostID(string(MakePostID(me, actor, 1<<32))); err != nil {
		t.Error(err)
	}
	for _, s := range []string{
		"", "-", "--", "abababababababab-aeaqcaibaeaqc-0", "abababababababab-aeaqcaibaeaqc-07", "abababababababab-aeaqcaibaeaqc-",
		"abababababababab-aeaqcaibaeaqc--7", "ABABABABABABABAB-aeaqcaibaeaqc-7", "abababababababab-AEAQCAIBAEAQC-7",
		"abababababababab-aeaqcaibaeaqd-7", "abababababababab-aeaqcaibaeaq-7", "abab-aeaqcaibaeaqc-7", "abababababababab-aeaqcaibaeaqc-7-8",
		"abababababababab-aeaqcaibaeaqc-99999999999999999999",
	} {
		if id, err := ParsePostID(s); !errors.Is(err, ErrBadID) || id != "" {
			t.Errorf("%q: %v, %v", s, id, err)
		}
	}
	if IdentityOfActor(actor[:39]) != "" || IdentityOfActor(nil) != "" {
		t.Error("an actor of another length has an identity")
	}
	MakePostID("ab", nil, 1) // and does not panic
	for _, s := range []string{"", "AB", strings.Repeat("AB", 32), strings.Repeat("g", 64), strings.Repeat("a", 63)} {
		if _, err := ParseIdentity(s); !errors.Is(err, ErrBadID) {
			t.Errorf("%q is taken for an identity", s)
		}
	}
}

func TestPostIDNamesItsOperation(t *testing.T) {
	me, actor := IdentityOfActor(testActor(7, 9)), testActor(7, 9)
	id := MakePostID(me, actor, 12)
	by, counter, ok := id.Operation()
	if !ok || by != PostIDActorOf(actor) || counter != 12 || !id.MadeBy(me) {
		t.Errorf("%s: actor %x, counter %d, %v", id, by, counter, ok)
	}
	if by == PostIDActorOf(testActor(7, 8)) || by == PostIDActorOf(testActor(8, 9)) || id.MadeBy(IdentityOfActor(testActor(8, 9))) {
		t.Error("another actor is the same one")
	}
	// Events with rules of version 1 may refer to a post like this.
	if other, counter, ok := PostID(strings.ToUpper(string(id[:16])) + string(id[16:])).Operation(); !ok || other != by || counter != 12 {
		t.Errorf("in another spelling: %x, %d, %v", other, counter, ok)
	}
	for _, not := range []PostID{"", "-", id[:16], id[1:], id[:20], id + "x", "zzzzzzzzzzzzzzzz" + id[16:], id[:17] + "1111111111111-12"} {
		if _, _, ok := not.Operation(); ok {
			t.Errorf("%q names an operation", not)
		}
		if not.MadeBy("") {
			t.Errorf("%q is by nobody", not)
		}
	}
}

func TestInvitations(t *testing.T) {
	id := MakeEventID([16]byte{1, 2, 3})
	secret := bytes.Repeat([]byte{0xa7}, SecretSize)
	for _, want := range []Invitation{
		{Event: id},
		{Event: id, Relay: "wss://relay.example:8443/events"},
		{Event: id, Relay: "ws://[::1]:3030"},
		{Event: id, Relay: "ws://r", Secret: secret},
		{Event: id, Secret: make([]byte, SecretSize)},
	} {
		got, err := ParseInvitation(want.String())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
	if s := (Invitation{Event: id, Relay: "ws://r"}).String(); s != "flyleaf:"+string(id)+"@ws://r" {
		t.Errorf("written as %s", s)
	}
	for _, s := range []string{string(id), "automerge:" + string(id), " \n" + string(id) + "\t", "flyleaf:flyleaf:" + string(id)} {
		if got, err := ParseInvitation(s); err != nil || !reflect.DeepEqual(got, Invitation{Event: id}) {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "flyleaf:", "flyleaf:" + string(id)[1:], "@ws://a", "flyleaf:" + string(id) + "@", string(id) + "@http://a",
		string(id) + "@ws://", string(id) + "@ws://u:p@host", string(id) + "@wss://a#b", string(id) + "@wss://a?b",
		string(id) + "@ws://" + strings.Repeat("a", 400), strings.Repeat("a", 10_000), "https://example.org",
		string(id)[1:],
	} {
		if got, err := ParseInvitation(s); !errors.Is(err, ErrBadInvitation) {
			t.Errorf("%.60q: %+v, %v", s, got, err)
		}
	}
}

// TestInvitationSecretIsNotLogged: the secret is not in logs or errors, and a mistyped secret is
// detected.
func TestInvitationSecretIsNotLogged(t *testing.T) {
	inv := Invitation{Event: MakeEventID([16]byte{1, 2, 3}), Relay: "ws://r", Secret: bytes.Repeat([]byte{0xa7}, SecretSize)}
	link := inv.String()
	_, fragment, _ := strings.Cut(link, "#")
	if len(fragment) < SecretSize {
		t.Fatalf("the link is %s", link)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("joined", "invitation", inv)
	if strings.Contains(log.String(), fragment) || !strings.Contains(log.String(), string(inv.Event)) {
		t.Errorf("the log says %s", log.String())
	}
	if p := inv.Public(); p.Secret != nil || strings.Contains(p.String(), "#") {
		t.Errorf("the public invitation is %s", p)
	}
	wrong := []byte(link)
	if last := len(wrong) - 1; wrong[last] == 'a' {
		wrong[last] = 'b'
	} else {
		wrong[last] = 'a'
	}
	for _, s := range []string{
		string(wrong), link[:len(link)-1], strings.TrimSuffix(link, fragment), link + "1", link + "#" + fragment,
		strings.TrimSuffix(link, fragment) + "0OIl", strings.TrimSuffix(link, fragment) + strings.Repeat("z", 51),
	} {
		_, err := ParseInvitation(s)
		if !errors.Is(err, ErrBadInvitation) {
			t.Errorf("%s: %v", s, err)
		} else if strings.Contains(err.Error(), fragment[:20]) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func TestTrustActs(t *testing.T) {
	a, b := Identity(strings.Repeat("a", 64)), Identity(strings.Repeat("b", 64))
	id := MakePostID(a, testActor(1, 1), 4)
	week := Event{ID: MakeEventID([16]byte{1})}
	with := func(change func(*Event)) *Event { e := week; change(&e); return &e }
	for _, c := range []struct {
		act   Act
		field string // "" when it is taken
	}{
		{Act{Kind: ActInvite, Identity: a, Role: RoleAuthor, On: true}, ""},
		{Act{Kind: ActInvite, Identity: a, Role: RoleMember}, ""},
		{Act{Kind: ActInvite, Identity: a, Role: RoleOrganiser}, "roles"},
		{Act{Kind: ActInvite, Identity: a, Role: RoleInviteAuthor}, "roles"},
		{Act{Kind: ActInvite, Identity: "x", Role: RoleAuthor}, "roles"},
		{Act{Kind: ActClaim, Identity: a, Successor: b}, ""},
		{Act{Kind: ActClaim, Identity: a, Successor: a}, "claims"},
		{Act{Kind: ActClaim, Identity: a}, "claims"},
		{Act{Kind: ActClaim, Successor: b}, "claims"},
		{Act{Kind: ActAdmit, Invite: a, Identity: b, Role: RoleModerator}, ""},
		{Act{Kind: ActAdmit, Invite: a, Identity: a, Role: RoleModerator}, "roles"},
		{Act{Kind: ActAdmit, Identity: b, Role: RoleModerator}, "roles"},
		{Act{Kind: ActAdmit, Invite: a, Identity: b, Role: "king"}, "roles"},
		{Act{Kind: ActBlock, Identity: a, Text: strings.Repeat("x", schema.MaxReason)}, ""},
		{Act{Kind: ActBlock, Identity: a, Text: strings.Repeat("x", schema.MaxReason+1)}, "blocks"},
		{Act{Kind: ActBlock, Text: "x"}, "blocks"},
		{Act{Kind: ActPost, Anonymous: true, Origin: id}, ""},
		{Act{Kind: ActPost, Anonymous: true, Parent: id}, ""},
		{Act{Kind: ActPost, Anonymous: true, AsAuthor: true}, "post"},
		{Act{Kind: ActPost, Anonymous: true, OnBehalfOf: "Ann"}, "post"},
		{Act{Kind: ActPost, Origin: "x"}, "post/origin"},
		{Act{Kind: ActWinner, Post: id, Text: strings.Repeat("x", schema.MaxShort)}, ""},
		{Act{Kind: ActWinner, Post: id, Text: strings.Repeat("x", schema.MaxShort+1)}, "winners"},
		{Act{Kind: ActWinner, Text: "x"}, "winners"},
		{Act{Kind: ActDraw, Mark: "rule", Text: strings.Repeat("x", schema.MaxAbout+1)}, "draw/rule"},
		{Act{Kind: ActDraw, Mark: "commit"}, "draw/commit"},
		{Act{Kind: ActDraw, Mark: "reveal", Bytes: make([]byte, schema.MaxDraw+1)}, "draw/reveal"},
		{Act{Kind: ActDraw, Mark: "dice", Bytes: []byte{1}}, "draw"},
		{Act{Kind: ActContact}, ""},
		{Act{Kind: ActContact, Bytes: make([]byte, schema.MaxContact+1)}, "contacts"},
		{Act{Kind: ActBlob}, "blobs"},
		{Act{Kind: ActBlob, Bytes: make([]byte, schema.MaxBlob)}, ""},
		{Act{Kind: ActWeek}, "weeks"},
		{Act{Kind: ActWeek, Event: &Event{ID: "x"}}, "weeks"},
		{Act{Kind: ActWeek, Event: &week}, ""},
		{Act{Kind: ActWeek, Event: with(func(e *Event) { e.Title = strings.Repeat("x", schema.MaxShort+1) })}, "weeks/title"},
		{Act{Kind: ActWeek, Event: with(func(e *Event) { e.EndsAtMillis = 1 << 60 })}, "weeks/endsAt"},
		{Act{Kind: ActWeek, Event: with(func(e *Event) { e.Relays = []string{"http://a"} })}, "relay"},
	} {
		c.act.AtMillis = 1
		err := c.act.Validate()
		var fe *FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%+v: %v", c.act, err)
		case c.field != "" && (!errors.As(err, &fe) || fe.Field != c.field):
			t.Errorf("%+v: %v, want field %s", c.act, err, c.field)
		}
	}
	var granted schema.Roles
	for _, role := range InvitedRoles() {
		as, _ := role.InvitedAs()
		granted |= schema.MapRolesOf.Row(string(as)).Grants
	}
	if granted != schema.InvitationRoles {
		t.Errorf("the keys of invitations have the roles %b, in the schema %b", granted, schema.InvitationRoles)
	}
	for role, want := range map[Role]Role{RoleAuthor: RoleInviteAuthor, RoleModerator: RoleInviteModerator, RoleMember: RoleInviteMember} {
		if got, ok := role.InvitedAs(); !ok || got != want {
			t.Errorf("%s is invited as %s", role, got)
		}
	}
}

func post(id string, at int64, counter uint64, more ...func(*Post)) Post {
	p := Post{
		ID: PostID(id), AtMillis: at, By: "reader", Op: OpID{Counter: counter, Actor: "aa"},
		Revisions: []Revision{{ID: "1", Text: id}},
	}
	for _, f := range more {
		f(&p)
	}
	return p
}

func under(parent string) func(*Post) { return func(p *Post) { p.Parent = PostID(parent) } }
func by(id Identity) func(*Post)      { return func(p *Post) { p.By = id } }
func dup(of string) func(*Post)       { return func(p *Post) { p.Marks.DuplicateOf = PostID(of) } }

func shape(w Week) string {
	var b strings.Builder
	for _, t := range w.Threads {
		fmt.Fprintf(&b, "%s(", t.Question.ID)
		for i, r := range t.Replies {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(string(r.ID))
			if r.ReplyTo != "" {
				b.WriteString(">" + r.ReplyTo)
			}
		}
		b.WriteString(")")
	}
	return b.String()
}

func TestOrderOfAWeek(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	e := Event{StartsAtMillis: 1000 * day, EndsAtMillis: 1004 * day}
	people := []Person{{ID: "ann", Name: "Ann"}, {ID: "bob", Name: "Bob"}}
	for _, c := range []struct {
		name  string
		event Event
		posts []Post
		want  string
	}{
		{"by time", e, []Post{post("b", 1001*day, 1), post("a", 1000*day, 2)}, "a()b()"},
		{"then by operation", e, []Post{post("b", 1001*day, 2), post("a", 1001*day, 1)}, "a()b()"},
		{"clocks are clamped", e, []Post{
			post("future", 9000*day, 1), post("past", 5, 4), post("past too", 900*day, 3), post("at the edge", 910*day, 2), post("in time", 1001*day, 5),
		}, "at the edge()past too()past()in time()future()"},
		{"no days, no clamp", Event{}, []Post{post("future", 9000*day, 1), post("past", 5, 2)}, "past()future()"},
		{"only a start", Event{StartsAtMillis: 1000 * day}, []Post{post("b", 1, 2), post("a", 2, 1)}, "a()b()"},
		{"days the wrong way round", Event{StartsAtMillis: 1004 * day, EndsAtMillis: 1000 * day}, []Post{post("b", 1002*day, 2), post("a", 1001*day, 3)}, "a()b()"},
		{"a reply is never before its parent", e, []Post{
			post("q", 1003*day, 1), post("r", 1000*day, 2, under("q")), post("s", 1002*day, 3, under("r")), post("t", 1003*day, 4, under("q")),
		}, "q(r s>" + NamelessName("reader", "") + " t)"},
		{"two levels, and to whom", e, []Post{
			post("q", 1001*day, 1, by("ann")), post("r", 1002*day, 2, under("q"), by("bob")), post("s", 1003*day, 3, under("r"), by("ann")), post("t", 1003*day, 4, under("s")),
		}, "q(r s>Bob t>Ann)"},
		{"a reply without its parent is shown", e, []Post{post("r", 1001*day, 2, under("gone")), post("s", 1002*day, 3, under("r"))}, "r(s)"},
		{"a cycle is broken and all posts are shown", e, []Post{post("a", 1001*day, 1, under("b")), post("b", 1001*day, 2, under("a"))}, ""},
		{"its own parent", e, []Post{post("a", 1001*day, 1, under("a"))}, "a()"},
		{"nothing", e, nil, ""},
	} {
		w := NewWeek(c.event, c.posts, people)
		got := shape(w)
		if strings.Contains(c.name, "cycle") {
			if n := len(w.Threads); n != 1 || len(w.Threads[0].Replies) != 1 {
				t.Errorf("%s: %s", c.name, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAnsweredNamesAndMarks(t *testing.T) {
	e := Event{Founder: "boss", Roles: []Grant{{ID: "ann", Role: RoleAuthor}, {ID: "org", Role: RoleOrganiser}}}
	asAuthor := func(p *Post) { p.AsAuthor, p.OnBehalfOf = true, "Ann Author" }
	for _, c := range []struct {
		name  string
		reply Post
		want  bool
	}{
		{"a reader's reply", post("r", 2, 2, under("q")), false},
		{"an author's reply", post("r", 2, 2, under("q"), by("ann")), true},
		{"the founder is no author", post("r", 2, 2, under("q"), by("boss")), false},
		{"carried over by the founder", post("r", 2, 2, under("q"), by("boss"), asAuthor), true},
		{"carried over by an organiser", post("r", 2, 2, under("q"), by("org"), asAuthor), true},
		{"carried over by nobody in particular", post("r", 2, 2, under("q"), asAuthor), false},
		{"somebody's words carried over by an author", post("r", 2, 2, under("q"), by("ann"), func(p *Post) { p.OnBehalfOf = "Bob" }), false},
		{"withdrawn", post("r", 2, 2, under("q"), by("ann"), func(p *Post) { p.Withdrawn = true }), false},
		{"hidden", post("r", 2, 2, under("q"), by("ann"), func(p *Post) { p.Marks.Hidden = "x" }), false},
		{"blocked", post("r", 2, 2, under("q"), by("ann"), func(p *Post) { p.Blocked = true }), false},
	} {
		w := NewWeek(e, []Post{post("q", 1, 1), c.reply}, nil)
		if len(w.Threads) != 1 || len(w.Threads[0].Replies) != 1 {
			t.Fatalf("%s: the post lost its place: %s", c.name, shape(w))
		}
		if got := w.Threads[0].Answered; got != c.want {
			t.Errorf("%s: answered %v", c.name, got)
		}
	}
	q := post("q", 1, 1, by("0123456789abcdef"), func(p *Post) {
		p.Marks.Answered = true
		p.Late = true
		p.Reactions = []Reaction{{By: "a", Emoji: "want"}, {By: "b", Emoji: "want"}, {By: "b", Emoji: "♥"}}
	})
	th := NewWeek(e, []Post{q}, nil).Threads[0]
	if !th.Answered || th.Wants != 2 || !th.Question.Late || th.Question.Name != NamelessName(q.By, "") {
		t.Errorf("thread: %+v", th)
	}
	th = NewWeek(e, []Post{q}, []Person{{ID: "0123456789abcdef", Name: "Zoe"}}).Threads[0]
	if th.Question.Name != "Zoe" {
		t.Errorf("name %q", th.Question.Name)
	}
	b, err := json.Marshal(th.Question)
	if err != nil || strings.Count(string(b), `"late":true`) != 1 {
		t.Errorf("%s, %v", b, err)
	}
}

func TestDuplicatesInACircleAreIgnored(t *testing.T) {
	of := func(posts ...Post) string {
		var out []string
		for _, th := range NewWeek(Event{}, posts, nil).Threads {
			if th.DuplicateOf != "" {
				out = append(out, string(th.Question.ID)+"="+string(th.DuplicateOf))
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ got, want string }{
		{of(post("a", 1, 1), post("b", 2, 2, dup("a"))), "b=a"},
		{of(post("a", 1, 1, dup("a"))), ""},
		{of(post("a", 1, 1, dup("gone"))), ""},
		{of(post("a", 1, 1, dup("b")), post("b", 2, 2, dup("a"))), "b=a"},
		{of(post("a", 1, 1, dup("c")), post("b", 2, 2, dup("a")), post("c", 3, 3, dup("b"))), "b=a c=b"},
		{of(post("a", 1, 1, dup("b")), post("b", 2, 2, dup("c")), post("c", 3, 3)), "a=b b=c"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// inCycle reports whether a post's ancestors form a cycle.
func inCycle(posts []Post, id PostID) bool {
	parent := map[PostID]PostID{}
	for _, p := range posts {
		parent[p.ID] = p.Parent
	}
	seen := map[PostID]bool{}
	for ; id != ""; id = parent[id] {
		if seen[id] {
			return true
		}
		seen[id] = true
	}
	return false
}

// TestWeekDoesNotDependOnOrder: the posts of a random week in another order give the
// same week, every post is in it once, and none comes before its parent.
func TestWeekDoesNotDependOnOrder(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		e := Event{StartsAtMillis: r.Int64N(3) * 100 * 86_400_000, EndsAtMillis: r.Int64N(3) * 100 * 86_400_000}
		posts := make([]Post, r.IntN(40))
		for i := range posts {
			posts[i] = post(fmt.Sprint("p", i), r.Int64N(400)*86_400_000, uint64(1+r.IntN(20)))
			posts[i].Op.Actor = fmt.Sprint(i) // operations are never the same
			if r.IntN(3) > 0 {
				posts[i].Parent = PostID(fmt.Sprint("p", r.IntN(len(posts)))) // cycles included
			}
			if r.IntN(3) == 0 {
				posts[i].Marks.DuplicateOf = PostID(fmt.Sprint("p", r.IntN(len(posts))))
			}
		}
		w := NewWeek(e, posts, nil)
		n := 0
		for _, th := range w.Threads {
			seen := map[PostID]bool{th.Question.ID: true}
			n += 1 + len(th.Replies)
			for _, reply := range th.Replies {
				// In a cycle, one post has to come before its parent.
				if !seen[reply.Parent] && !inCycle(posts, reply.Parent) {
					t.Fatalf("seed %d: %s comes before its parent", seed, reply.ID)
				}
				seen[reply.ID] = true
			}
		}
		if n != len(posts) {
			t.Fatalf("seed %d: %d posts in, %d out", seed, len(posts), n)
		}
		other := slices.Clone(posts)
		r.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if again := NewWeek(e, other, nil); !reflect.DeepEqual(w, again) {
			t.Fatalf("seed %d: another order, another week:\n%s\n%s", seed, shape(w), shape(again))
		}
	}
}

func TestTagsAreUnchangedByJoiningAndSplitting(t *testing.T) {
	tags := []string{"plot", "the end"}
	if got := SplitTags(JoinTags(tags)); !slices.Equal(got, tags) {
		t.Errorf("%q", got)
	}
	if got := SplitTags(" , a,,b "); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

func TestErrorsSayFieldLimitAndThatNothingChanged(t *testing.T) {
	err := (&Act{Kind: ActPost, AtMillis: 1, Text: strings.Repeat("x", schema.MaxText+1)}).Validate()
	if s := fmt.Sprint(err); s != "the text is too long: 32769 bytes, at most 32768; nothing was changed" {
		t.Errorf("%s", s)
	}
}
