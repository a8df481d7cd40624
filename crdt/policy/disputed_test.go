package policy_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// disputedEvent returns an event, or sometimes a club, in which people write everything that the schema
// has, often concurrently: roles are granted and revoked, people are blocked, posts are hidden and
// the event is closed. It also returns invalid changes. Sometimes a device continues from an
// earlier change of its own, like a copied device, and so signs two versions of the next change.
func disputedEvent(r *rand.Rand, n int) (*policytest.World, []*wire.Change) {
	kind := schema.KindEvent
	if r.IntN(8) == 0 {
		kind = schema.KindClub
	}
	access := schema.AccessOpen
	if r.IntN(8) == 0 {
		access = schema.AccessInvited
	}
	w := policytest.NewWorld(policytest.Options{Kind: kind, Access: access, RulesVersion: uint64(1 + r.IntN(schema.RulesVersion))})
	replica := policytest.NewReplica(w.Event)
	if err := replica.Apply(w.Changes[0]); err != nil {
		panic(err)
	}
	type holder struct {
		*policytest.Writer
		role qa.Role
	}
	var holders []holder
	for _, h := range []struct {
		name string
		role qa.Role
	}{
		{"olga", qa.RoleOrganiser},
		{"otto", qa.RoleOrganiser},
		{"mia", qa.RoleModerator},
		{"max", qa.RoleModerator},
		{"ann", qa.RoleAuthor},
		{"art", qa.RoleAuthor},
		{"invitation", qa.RoleInviteModerator},
		{"other invitation", qa.RoleInviteMember},
	} {
		holders = append(holders, holder{w.Writer(h.name), h.role})
	}
	invitations := len(holders) - 2
	people := []*policytest.Writer{w.Founder, w.Writer("founder/2"), w.Writer("max/2")}
	for _, h := range holders[:invitations] {
		people = append(people, h.Writer)
	}
	withRoles := len(people)
	people = append(people, w.Writer("rita"), w.Writer("rudi"))
	var first policytest.Signed
	do := func(x *policytest.Writer, f func(*policytest.Draft)) {
		first = x.Do(f)
		if err := replica.Apply(first); err != nil {
			panic(err)
		}
	}
	for _, some := range [][]holder{holders[:invitations], holders[invitations:]} {
		do(w.Founder, func(d *policytest.Draft) {
			for _, h := range some {
				d.Role(h.ID(), h.role, true)
			}
		})
	}
	for _, x := range []*policytest.Writer{w.Founder, holders[0].Writer, holders[1].Writer, holders[4].Writer, holders[5].Writer} {
		do(x, func(d *policytest.Draft) {
			(&randomWrites{r: r, d: d, me: x.ID(), event: w.Event}).write(schema.MapCommit.Keyed())
		})
	}
	rows := rowsByAct(kind)
	r.Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
	rows = rows[:3] // so that acts of these kinds are often concurrent
	var posts []qa.PostID
	var closings []wire.Hash
	var bad []*wire.Change
	equivocators := r.IntN(4) // in some sets nobody equivocates
	for len(w.Changes) < n {
		x := people[r.IntN(len(people))]
		if r.IntN(2) == 0 {
			x = people[r.IntN(withRoles)]
		}
		what := r.IntN(30)
		var row *schema.Row
		if what >= 20 {
			of := rows[r.IntN(len(rows))]
			row = of[r.IntN(len(of))]
			var mayWrite []*policytest.Writer
			if row.By&(schema.Founder|schema.Organiser) != 0 {
				mayWrite = append(mayWrite, w.Founder)
			}
			for _, h := range holders {
				if row.By&authority.RolesOf(h.role) != 0 {
					mayWrite = append(mayWrite, h.Writer)
				}
			}
			if len(mayWrite) > 0 && r.IntN(4) > 0 {
				x = mayWrite[r.IntN(len(mayWrite))]
			}
		}
		back := x.Clone()
		if equivocators > 0 && r.IntN(6) == 0 {
			equivocators--
			people = append(people, back.Clone(), back.Clone(), back.Clone())
		}
		on := []wire.Hash{first.Change.Hash}
		for range 1 + r.IntN(2) {
			recent := w.Changes[max(0, len(w.Changes)-8):]
			on = append(on, recent[r.IntN(len(recent))].Change.Hash)
		}
		var closing wire.Hash
		if len(closings) > 0 {
			closing = closings[r.IntN(len(closings))]
			if row != nil && row.In == schema.MapReveal && r.IntN(4) > 0 {
				on = append(on, closing)
			}
		}
		slices.SortFunc(on, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
		d := x.Draft(slices.Compact(on)...)
		var made qa.PostID
		random := randomWrites{r: r, d: d, me: x.ID(), people: people, event: w.Event, posts: posts, closing: closing}
		someone := random.person()
		var replyTo qa.PostID
		for i := len(posts) - 1; i >= 0 && replyTo == "" && r.IntN(8) > 0; i-- {
			// A reply to a post that is missing or void in the past is invalid.
			if d.Has("posts/"+string(posts[i])) || r.IntN(12) == 0 {
				replyTo = posts[i]
			}
		}
		post := func(rest string) (string, bool) {
			if len(posts) == 0 {
				return "", false
			}
			at := "posts/" + string(posts[r.IntN(len(posts))])
			return at + rest, d.Has(at)
		}
		switch {
		case row != nil:
			random.write(row)
		case what < 4:
			h := holders[r.IntN(invitations)]
			d.Role(h.ID(), h.role, r.IntN(2) == 0)
		case what == 4:
			d.Role(someone, []qa.Role{qa.RoleModerator, qa.RoleOrganiser, qa.RoleAuthor}[r.IntN(3)], r.IntN(2) == 0)
		case what == 5:
			d.Str("blocks/"+string(someone), []string{"", "spam"}[r.IntN(2)])
		case what == 6:
			if kind == schema.KindEvent {
				d.Bool("event/closed", r.IntN(2) == 0)
			}
		case what == 7: // sometimes more operations than a change may have
			if at, ok := post("/reactions/" + string(x.ID())); ok {
				d.Path(at)
				for i := range 18 + r.IntN(5) {
					d.Bool(at+"/"+fmt.Sprint(i), true)
				}
			}
		case what == 8: // a key written twice
			if at, ok := post("/marks/answered"); ok {
				for range 1 + r.IntN(2) {
					d.Bool(at, r.IntN(2) == 0)
				}
			}
		case what == 9:
			made = d.Post("", []string{"no text:\x00", "two\nlines"}[r.IntN(2)])
		default:
			made = d.Post(replyTo, fmt.Sprint("post ", len(w.Changes)))
			for _, row := range schema.MapPost.Values() {
				if row.When != schema.AtCreation || row.Required || r.IntN(2) == 0 || row.By != 0 && r.IntN(3) > 0 {
					continue
				}
				if v := random.value(row); len(v.Raw) > 0 {
					d.Set("posts/"+string(made)+"/"+row.Key, v)
				}
			}
		}
		if len(d.Ops) == 0 {
			continue
		}
		s := d.Sign()
		if err := replica.Apply(s); err != nil {
			if code := policy.RefusalOf(err).Code; code == policy.CodePreds || code == policy.CodeObject {
				panic(fmt.Sprintf("a change that is valid by the definition is refused: %v", err))
			}
			bad = append(bad, s.Change)
			*x = *back
			continue
		}
		w.Add(s)
		if slices.ContainsFunc(s.Change.Ops, func(op wire.Op) bool { return op.Key.Prop == schema.KeyClosed && op.Value.Kind == wire.True }) {
			closings = append(closings, s.Change.Hash)
		}
		if made != "" {
			posts = append(posts, made)
		}
	}
	return w, bad
}

// rowsByAct returns the rows of the values that can be written in a document of a kind after its
// genesis and outside of new posts, grouped by the kind of act.
func rowsByAct(kind string) [][]*schema.Row {
	byAct := make([][]*schema.Row, schema.Acts)
	for _, r := range schema.Rows() {
		top, _, _ := strings.Cut(r.Path, "/")
		if only := schema.MapRoot.Row(top).Only; r.Map == schema.NoMap && r.When == schema.AnyTime && (only == "" || only == kind) {
			byAct[r.In.Act()] = append(byAct[r.In.Act()], r)
		}
	}
	return slices.DeleteFunc(byAct, func(rows []*schema.Row) bool { return len(rows) == 0 })
}

// randomWrites adds random operations to a draft, for any row of the schema.
type randomWrites struct {
	r       *rand.Rand
	d       *policytest.Draft
	me      qa.Identity
	people  []*policytest.Writer
	event   qa.EventID
	posts   []qa.PostID
	closing wire.Hash // a change that closed the event; zero for none
}

func (x *randomWrites) person() qa.Identity { return x.people[x.r.IntN(len(x.people))].ID() }

// post returns a post, perhaps one that the draft's past does not contain; "" if there is none.
func (x *randomWrites) post() (id qa.PostID) {
	for range 4 { // prefer a post of the writer, who may do more with it
		if len(x.posts) > 0 && !id.MadeBy(x.me) {
			id = x.posts[x.r.IntN(len(x.posts))]
		}
	}
	return id
}

// write writes a value for a row, at a random path. It makes the maps that the path needs. It
// writes nothing if the path needs a map that only a new post has.
func (x *randomWrites) write(row *schema.Row) {
	value := x.value(row)
	in, path := schema.MapRoot, ""
	for part := range strings.SplitSeq(row.Path, "/") {
		r := in.Row(part)
		if r.Keys != schema.IsMap {
			part = x.key(r, value)
		}
		path = strings.TrimPrefix(path+"/"+part, "/")
		if in = r.Map; in == schema.NoMap {
			x.d.Set(path, value)
		} else if !x.d.Has(path) {
			if r.When != schema.AnyTime || r.Keys == schema.ByOperation {
				return
			}
			x.d.Map(path)
		}
	}
}

// key returns a key for a row with variable keys, under which value is to be written.
func (x *randomWrites) key(r *schema.Row, value wire.Value) string {
	switch r.Keys {
	case schema.Identity:
		if r.Self {
			return string(x.me)
		}
		return string(x.person())
	case schema.Hash:
		return qa.BlobKey(value.Raw)
	case schema.EventID:
		return string(qa.MakeEventID([16]byte{byte(x.r.IntN(2))}))
	case schema.PostID:
		return string(x.post())
	case schema.ByOperation:
		if r.In == schema.MapRevisions {
			return x.d.RevisionID()
		}
		return string(x.post())
	case schema.Index:
		return strconv.Itoa(x.r.IntN(3))
	case schema.Name, schema.Emoji:
		return []string{"want", "thanks"}[x.r.IntN(2)]
	}
	panic("no key is known for the row " + r.Path)
}

// value returns a value for a row.
func (x *randomWrites) value(r *schema.Row) wire.Value {
	text := func(of ...string) wire.Value { return wire.StringValue(of[x.r.IntN(len(of))]) }
	switch {
	case r.In == schema.MapCommit, r.In == schema.MapReveal:
		return wire.BytesValue(x.ofDraw(r.In))
	case r.In == schema.MapDraw && r.Key == schema.KeyRule:
		return text(qa.DrawAll, qa.DrawFounderLast)
	case r.In == schema.MapPost && r.Key == schema.KeySource:
		return text("page:1")
	case r.Key == schema.KeyRelay:
		return text("", "ws://one", "ws://two")
	}
	switch r.Type {
	case schema.Text, schema.Line:
		return text("", "words", "other words")
	case schema.Word:
		return text(r.Words...)
	case schema.Identity:
		return text(string(x.person()))
	case schema.Hash:
		return text("", qa.BlobKey([]byte("blob 0")))
	case schema.EventID:
		return text("", string(qa.MakeEventID([16]byte{1})))
	case schema.PostID:
		return text("", string(x.post()), string(x.post()))
	case schema.Time:
		return wire.IntValue(x.r.Int64N(2) * (x.d.TimeMillis + x.r.Int64N(100_000)))
	case schema.Number:
		return wire.UintValue(x.r.Uint64N(3))
	case schema.Flag:
		return wire.BoolValue(x.r.IntN(3) > 0)
	case schema.Bytes:
		return wire.BytesValue(fmt.Append(nil, "blob ", x.r.IntN(3)))
	}
	panic("no value is known for the row " + r.Path)
}

// ofDraw returns a commitment or a reveal: nearly always of the writer's one secret.
func (x *randomWrites) ofDraw(in schema.Map) []byte {
	secret := sha256.Sum256([]byte(x.me))
	if x.r.IntN(8) == 0 {
		secret[0]++
	}
	switch {
	case x.r.IntN(8) == 0:
		return nil
	case in == schema.MapCommit:
		hash, err := qa.CommitDraw(x.event, x.me, secret[:])
		if err != nil {
			panic(err)
		}
		return hash
	case x.closing != (wire.Hash{}) && x.r.IntN(4) > 0:
		return append(secret[:], x.closing[:]...)
	}
	return secret[:]
}

// TestEveryRowIsWrittenAndShown: for every row of the schema that can be written after the genesis,
// the random events contain valid changes by somebody, and the views or the log show such a change.
func TestEveryRowIsWrittenAndShown(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, kind := range []string{schema.KindEvent, schema.KindClub} {
		for _, rows := range rowsByAct(kind) {
			for _, row := range rows {
				written, shown := false, false
				for try := 0; try < 8 && !shown; try++ { // random writes may lack what the row needs to be shown
					valid, changed := writeAndShow(t, r, kind, rows, row)
					written, shown = written || valid, changed
				}
				// replica/invitation reads claims, and pages read a picture when an event has it as its cover.
				if act := row.In.Act(); act == schema.ActClaim || act == schema.ActBlob {
					shown = true
				}
				if !written || !shown {
					t.Errorf("%s in a %s: written in a valid change: %v, shown: %v", row.Path, kind, written, shown)
				}
			}
		}
	}
	for _, row := range schema.MapPost.Values() {
		if row.When != schema.AtCreation {
			continue
		}
		views := map[string]bool{}
		for _, with := range []bool{false, true} {
			p := newScene(t, policytest.Options{})
			p.do(p.organiser, func(d *policytest.Draft) {
				at := "posts/" + string(d.Post("", "Why not?", row.Key)) + "/" + row.Key
				switch {
				case with:
					d.Set(at, validFor(row, p.question))
				case row.Required && row.Type == schema.Time:
					d.Set(at, wire.IntValue(0))
				case row.Required:
					d.Str(at, "")
				}
			})
			views[viewOf(t, p)] = true
		}
		if len(views) != 2 {
			t.Errorf("%s of a new post is not shown", row.Path)
		}
	}
	for _, row := range schema.Rows() {
		if row.Map == schema.NoMap && row.When == schema.AtCreation && row.In != schema.MapPost {
			t.Errorf("%s: new posts in the random events do not contain it", row.Path)
		}
	}
}

// writeAndShow writes random values for a row, and before it for others of its act, without which it
// may not be shown. It reports whether a change was valid, and whether one changed the views.
func writeAndShow(t *testing.T, r *rand.Rand, kind string, rows []*schema.Row, row *schema.Row) (written, shown bool) {
	p := newScene(t, policytest.Options{Kind: kind})
	invitation := p.Writer("invitation")
	p.do(p.founder, func(d *policytest.Draft) { d.Role(invitation.ID(), qa.RoleInviteMember, true) })
	people := []*policytest.Writer{p.founder, p.organiser, p.author, p.moderator, p.reader, invitation}
	posts := []qa.PostID{p.question}
	p.do(p.organiser, func(d *policytest.Draft) { posts = append(posts, d.Post("", "Why not?")) })
	write := func(x *policytest.Writer, row *schema.Row) bool {
		tried := x.Clone()
		d := tried.Draft()
		random := randomWrites{r: r, d: d, me: x.ID(), people: people, event: p.Event, posts: posts}
		if random.write(row); len(d.Ops) == 0 {
			return false
		}
		s := d.Sign()
		if p.r.Policy.Validate(s.Change) != nil {
			return false
		}
		p.apply(p.Add(s))
		*x = *tried
		return true
	}
	for range 3 {
		for _, x := range people {
			for _, other := range rows {
				if other != row {
					write(x, other)
				}
			}
			before := viewOf(t, p)
			if write(x, row) {
				written = true
				shown = shown || viewOf(t, p) != before
			}
			if shown {
				return written, shown
			}
		}
	}
	return written, shown
}

// viewOf returns what pages and programs read of an event.
func viewOf(t *testing.T, p *scene) string {
	f := projection.New(p.Event, p.r.Graph, p.r.Policy.Authority())
	for _, c := range p.r.Applied {
		if err := f.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	e := f.Event()
	e.Edits = 0 // not about what was written
	view, err := json.Marshal([]any{qa.NewWeek(e, f.Posts(), f.People()), qa.Blocks(f.Log()), f.Contacts()})
	if err != nil {
		t.Fatal(err)
	}
	return string(view)
}
