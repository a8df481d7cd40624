package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// plainRules is a second implementation of the rules under Roles in DESIGN.md. It is slow and
// as close to their text as possible: it uses sets of hashes, and computes every answer from
// scratch. crdt/authority must agree with it.
type plainRules struct {
	founder authority.Person
	past    map[wire.Hash]map[wire.Hash]bool // by change, without the change itself
	changes map[wire.Hash]*wire.Change
	twice   [][2]*wire.Change // pairs of changes with one actor and number
	said    []statement
}

// statement is what a change says about one role of a person, a block, or the closing.
type statement struct {
	change wire.Hash
	writer authority.Person
	op     wire.OpID
	about  authority.Person
	key    string // a role, "block" or "closed"
	on     bool
}

func newPlainRules(changes []*wire.Change) *plainRules {
	m := &plainRules{
		founder: authority.PersonOf(changes[0].Actor), past: map[wire.Hash]map[wire.Hash]bool{}, changes: map[wire.Hash]*wire.Change{},
	}
	type made struct {
		change  wire.Hash
		counter uint64
	}
	paths := map[made]string{}
	for _, c := range changes {
		for _, other := range m.changes {
			if other.Actor == c.Actor && other.Seq == c.Seq {
				m.twice = append(m.twice, [2]*wire.Change{other, c})
			}
		}
		m.changes[c.Hash] = c
		past := map[wire.Hash]bool{}
		for _, d := range c.Deps {
			past[d] = true
			for h := range m.past[d] {
				past[h] = true
			}
		}
		m.past[c.Hash] = past
		for k := range c.Ops {
			op := &c.Ops[k]
			id := wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}
			path := paths[made{c.Hash, op.Obj.Counter}]
			if op.Obj.Actor != c.Actor || op.Obj.Counter < c.StartOp {
				for h := range past {
					if m.changes[h].Actor == op.Obj.Actor {
						path += paths[made{h, op.Obj.Counter}] // at most one
					}
				}
			}
			path += "/" + op.Key.Prop
			if op.Action == wire.MakeMap {
				paths[made{c.Hash, id.Counter}] = path
				continue
			}
			s := statement{change: c.Hash, writer: authority.PersonOf(c.Actor), op: id, on: op.Value.Kind == wire.True}
			part := strings.Split(path, "/")
			switch {
			case path == "/event/closed":
				s.key = "closed"
			case part[1] == "blocks" && len(part) == 3:
				s.about, _ = authority.ParsePerson(part[2])
				s.key, s.on = "block", len(op.Value.Raw) > 0
			case part[1] == "roles" && len(part) == 4:
				s.about, _ = authority.ParsePerson(part[2])
				s.key = part[3]
			default:
				continue
			}
			// If a change makes several statements about one subject, the last counts.
			m.said = slices.DeleteFunc(m.said, func(o statement) bool {
				return o.change == s.change && o.key == s.key && o.about == s.about
			})
			m.said = append(m.said, s)
		}
	}
	return m
}

// void reports whether known contains two changes of the change's actor with its number or an
// earlier one.
func (m *plainRules) void(change wire.Hash, known map[wire.Hash]bool) bool {
	c := m.changes[change]
	return slices.ContainsFunc(m.twice, func(of [2]*wire.Change) bool {
		return of[0].Actor == c.Actor && of[0].Seq <= c.Seq && known[of[0].Hash] && known[of[1].Hash]
	})
}

// held is rule 3 for the authority changes in known.
func (m *plainRules) held(p authority.Person, role qa.Role, known, countedIn map[wire.Hash]bool) bool {
	if p == m.founder && role == qa.RoleOrganiser {
		return true
	}
	return m.inEffect(string(role), p, known, func(s statement) int { return m.grantRank(s, countedIn) })
}

func (m *plainRules) inEffect(key string, about authority.Person, known map[wire.Hash]bool, rank func(statement) int) bool {
	s := m.decisive(key, about, known, rank)
	return s != nil && s.on
}

// decisive returns the statement that decides about a role of a person, a block or the closing:
// rule 3. It returns nil if there is none.
func (m *plainRules) decisive(key string, about authority.Person, known map[wire.Hash]bool, rank func(statement) int) *statement {
	var count []statement
	for _, s := range m.said {
		if s.key == key && s.about == about && known[s.change] && rank(s) > 0 {
			count = append(count, s)
		}
	}
	var best *statement
	for i := range count {
		s := &count[i]
		if slices.ContainsFunc(count, func(o statement) bool { return m.past[o.change][s.change] }) {
			continue
		}
		if best == nil || rank(*s) > rank(*best) || rank(*s) == rank(*best) &&
			(s.op.Counter > best.op.Counter || s.op.Counter == best.op.Counter && s.op.Actor > best.op.Actor) {
			best = s
		}
	}
	return best
}

// closing is rule R21 for the changes in known.
func (m *plainRules) closing(known map[wire.Hash]bool) *statement {
	return m.decisive("closed", authority.Person{}, known, func(s statement) int { return min(1, m.rankBy(s.writer, s.change, authority.Organiser, known)) })
}

// block is the statement that decides whether a person is blocked.
func (m *plainRules) block(p authority.Person, known map[wire.Hash]bool) *statement {
	if p == m.founder {
		return nil
	}
	return m.decisive("block", p, known, func(s statement) int { return m.rank(s.writer, s.change, known) })
}

// grantRank is rules 1 and 2 for a grant or revocation, as of countedIn.
func (m *plainRules) grantRank(s statement, countedIn map[wire.Hash]bool) int {
	switch {
	case m.void(s.change, countedIn):
		return 0
	case s.writer == m.founder:
		return 2
	case s.key == string(qa.RoleOrganiser):
		return 0
	case m.authorizes(s.writer, s.change, qa.RoleOrganiser, countedIn):
		return 1
	}
	return 0
}

// authorizes is rule 2 for any act: the role was held in its past by grants that count, and no
// revocation that counts is concurrent.
func (m *plainRules) authorizes(who authority.Person, change wire.Hash, role qa.Role, countedIn map[wire.Hash]bool) bool {
	if m.void(change, countedIn) {
		return false
	}
	if role == qa.RoleOrganiser && who == m.founder {
		return true
	}
	known := map[wire.Hash]bool{}
	for h := range m.past[change] {
		known[h] = countedIn[h]
	}
	if !m.inEffect(string(role), who, known, func(s statement) int { return m.grantRank(s, countedIn) }) {
		return false
	}
	return !slices.ContainsFunc(m.said, func(s statement) bool {
		return s.about == who && s.key == string(role) && !s.on && countedIn[s.change] && m.concurrent(s, change) && m.grantRank(s, countedIn) > 0
	})
}

func (m *plainRules) rank(who authority.Person, change wire.Hash, countedIn map[wire.Hash]bool) int {
	return m.rankBy(who, change, authority.Organiser|authority.Moderator, countedIn)
}

// rankBy is the rank of the highest of the roles that authorizes a change.
func (m *plainRules) rankBy(who authority.Person, change wire.Hash, roles authority.Roles, countedIn map[wire.Hash]bool) int {
	by := func(role qa.Role) bool {
		return roles&authority.RolesOf(role) != 0 && m.authorizes(who, change, role, countedIn)
	}
	switch {
	case m.void(change, countedIn):
		return 0
	case who == m.founder:
		return int(authority.ByFounder)
	case by(qa.RoleOrganiser):
		return int(authority.ByOrganiser)
	case by(qa.RoleModerator):
		return int(authority.ByModerator)
	case by(qa.RoleAuthor):
		return int(authority.ByOther)
	}
	return 0
}

// concurrent reports whether a statement is neither in a change or its past, nor has the change in
// its own past.
func (m *plainRules) concurrent(s statement, change wire.Hash) bool {
	return s.change != change && !m.past[change][s.change] && !m.past[s.change][change]
}

// TestAuthorityFollowsTheRules compares crdt/authority with plainRules: for every change, the
// roles of everybody in its past, which the policy uses; its rank now, which the pages use; and
// who is blocked.
func TestAuthorityFollowsTheRules(t *testing.T) {
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test ./crdt/policy -run AuthorityFollows -policy.seed=%d", seed, seed)
	worlds := 60
	if testing.Short() {
		worlds = 10
	}
	roles := []qa.Role{qa.RoleOrganiser, qa.RoleModerator, qa.RoleAuthor}
	outOfEffect, blocked, closed := 0, 0, 0
	for set := range worlds {
		r := rand.New(rand.NewPCG(seed, uint64(set)))
		w, _ := disputedEvent(r, 60)
		all := changesOf(w)
		plain := newPlainRules(all)
		everything := map[wire.Hash]bool{}
		people := map[authority.Person]bool{}
		for _, c := range all {
			everything[c.Hash] = true
			people[authority.PersonOf(c.Actor)] = true
		}
		r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		x := policytest.NewReplica(w.Event)
		for _, c := range all {
			if err := x.ApplyChange(c); err != nil {
				t.Fatal(err)
			}
		}
		a := x.Policy.Authority()
		for _, c := range all {
			past := x.Graph.Past(c.Deps)
			for p := range people {
				held := a.RolesAt(p, &past)
				for _, role := range roles {
					want := plain.held(p, role, plain.past[c.Hash], plain.past[c.Hash])
					if got := held&authority.RolesOf(role) != 0; got != want {
						t.Fatalf("seed %d, set %d: in the past of %s, %s of %s: %v, want %v", seed, set, c.Hash, role, p.Identity(), got, want)
					}
				}
			}
			who := authority.PersonOf(c.Actor)
			got := a.RankAt(who, c.Hash, authority.Organiser|authority.Moderator)
			if want := plain.rank(who, c.Hash, everything); int(got) != want {
				t.Fatalf("seed %d, set %d: rank of %s %d, want %d", seed, set, c.Hash, got, want)
			}
			for _, role := range roles {
				if got := a.Authorizes(who, c.Hash, authority.RolesOf(role)); got != plain.authorizes(who, c.Hash, role, everything) {
					t.Fatalf("seed %d, set %d: the role %s authorizes %s: %v", seed, set, role, c.Hash, got)
				}
			}
			// As of a later change.
			for _, later := range all {
				known := plain.past[later.Hash]
				if !known[c.Hash] {
					continue
				}
				past := x.Graph.Past(later.Deps)
				got := a.RankIn(&past, who, c.Hash, authority.Organiser|authority.Moderator)
				if want := plain.rank(who, c.Hash, known); int(got) != want {
					t.Fatalf("seed %d, set %d: rank of %s as of %s %d, want %d", seed, set, c.Hash, later.Hash, got, want)
				}
			}
			if got == authority.NotCounted && a.RolesAt(who, &past)&(authority.Organiser|authority.Moderator) != 0 {
				outOfEffect++
			}
			inPast := plain.past[c.Hash]
			want := plain.closing(inPast)
			by, isClosed := a.ClosingAt(&past)
			if wantClosed := want != nil && want.on; isClosed != wantClosed || isClosed && by != want.change {
				t.Fatalf("seed %d, set %d: closed in the past of %s: %v, by %s", seed, set, c.Hash, isClosed, by)
			}
			if isClosed {
				closed++
			}
		}
		for p := range people {
			want := plain.block(p, everything)
			by, got := a.Block(p)
			if wantBlocked := want != nil && want.on; got != wantBlocked || got && by != want.change {
				t.Fatalf("seed %d, set %d: %s blocked: %v, by %s", seed, set, p.Identity(), got, by)
			}
			if got {
				blocked++
			}
		}
	}
	t.Logf("%d acts out of effect, %d people blocked, %d changes after a closing", outOfEffect, blocked, closed)
	if outOfEffect == 0 || blocked == 0 || closed == 0 {
		t.Error("the random events did not cover enough")
	}
}

// TestPagesShowTheAnswersOfThePolicy compares, for every act of random events, the answer that
// the policy used, which follows from the act's past, with the answer that the pages show, which
// follows from all known changes: the writer's rank at the act. The two may differ only if
// somebody equivocated, or if an authority change is concurrent with the act. Both are compared
// with plainRules, and so is what the pages show of roles, blocks, the closing and late posts.
func TestPagesShowTheAnswersOfThePolicy(t *testing.T) {
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test ./crdt/policy -run PagesShow -policy.seed=%d", seed, seed)
	worlds := 60
	if testing.Short() {
		worlds = 30
	}
	var n comparisonCounts
	for set := range worlds {
		r := rand.New(rand.NewPCG(seed, uint64(set)))
		w, _ := disputedEvent(r, 60)
		s := comparison{plain: newPlainRules(changesOf(w)), all: map[wire.Hash]bool{}, byOp: map[qa.OpID]*wire.Change{}, n: &n}
		all := changesOf(w)
		for _, c := range all {
			s.all[c.Hash] = true
			for k := range c.Ops {
				s.byOp[qa.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor.String()}] = c
			}
		}
		r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		s.replica = policytest.NewReplica(w.Event)
		for _, c := range all {
			if err := s.replica.ApplyChange(c); err != nil {
				t.Fatal(err)
			}
		}
		s.pages = projection.New(w.Event, s.replica.Graph, s.replica.Policy.Authority())
		for _, c := range s.replica.Applied {
			if err := s.pages.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, check := range []func() error{s.checkActs, s.checkPosts, s.checkEvent} {
			if err := check(); err != nil {
				t.Fatalf("seed %d, set %d: %v", seed, set, err)
			}
		}
	}
	t.Logf("%+v", n)
	if n.Acts == 0 || n.OutOfEffect == 0 || n.Same == 0 || n.Late == 0 || n.Blocked == 0 || n.Authors == 0 || n.Imported == 0 {
		t.Error("the random events did not cover enough")
	}
}

func changesOf(w *policytest.World) (all []*wire.Change) {
	for _, s := range w.Changes {
		all = append(all, s.Change)
	}
	return all
}

// comparisonCounts says how much TestPagesShowTheAnswersOfThePolicy has compared.
type comparisonCounts struct{ Acts, OutOfEffect, Same, Late, Blocked, Authors, Imported int }

// comparison is one event of TestPagesShowTheAnswersOfThePolicy.
type comparison struct {
	plain   *plainRules
	all     map[wire.Hash]bool
	byOp    map[qa.OpID]*wire.Change // of two versions, either: both are void
	replica *policytest.Replica
	pages   *projection.Projection
	n       *comparisonCounts
}

// undisturbed reports whether nobody equivocated and no authority change is concurrent with a
// change, so that its past alone decides about it.
func (s *comparison) undisturbed(c *wire.Change) bool {
	return len(s.plain.twice) == 0 && !slices.ContainsFunc(s.plain.said, func(x statement) bool { return s.plain.concurrent(x, c.Hash) })
}

// rowOf is the row of the schema that an entry of the moderation log is about.
func rowOf(l qa.LogEntry) *schema.Row {
	switch l.Kind {
	case qa.LogRole:
		return schema.MapRolesOf.Row(string(l.Role))
	case qa.LogBlock:
		return schema.MapBlocks.Keyed()
	case qa.LogClosed, qa.LogApprove:
		return schema.MapEvent.Row(string(l.Kind))
	}
	return schema.MapMarks.Row(string(l.Kind))
}

// checkActs compares the ranks of all acts in the moderation log, and the marks that follow.
func (s *comparison) checkActs() error {
	type mark struct {
		post qa.PostID
		kind qa.LogKind
	}
	marks := map[mark]string{}
	a := s.replica.Policy.Authority()
	for _, l := range s.pages.Log() {
		c, need := s.byOp[l.Op], rowOf(l).By
		who := authority.PersonOf(c.Actor)
		s.n.Acts++
		if void := s.plain.void(c.Hash, s.all); l.Void != void || void && l.InEffect {
			return fmt.Errorf("%s of %s is void: %v, in effect: %v", l.Kind, c.Hash, l.Void, l.InEffect)
		} else if void {
			s.n.OutOfEffect++
			continue
		}
		known := maps.Clone(s.plain.past[c.Hash])
		known[c.Hash] = true
		past := s.replica.Graph.Past([]wire.Hash{c.Hash})
		used, now := a.RankIn(&past, who, c.Hash, need), a.RankAt(who, c.Hash, need)
		wantUsed, wantNow := s.plain.rankBy(who, c.Hash, need, known), s.plain.rankBy(who, c.Hash, need, s.all)
		switch {
		case int(used) != wantUsed || int(now) != wantNow:
			return fmt.Errorf("%s of %s has rank %d by its past and %d now, want %d and %d", l.Kind, c.Hash, used, now, wantUsed, wantNow)
		case used == authority.NotCounted:
			return fmt.Errorf("the policy accepted %s of %s without a role", l.Kind, c.Hash)
		case l.InEffect != (now != authority.NotCounted):
			return fmt.Errorf("%s of %s has rank %d, and the pages show %v", l.Kind, c.Hash, now, l.InEffect)
		case s.undisturbed(c) && used != now:
			return fmt.Errorf("%s of %s has rank %d by its past and %d now, and nothing explains it", l.Kind, c.Hash, used, now)
		}
		if s.undisturbed(c) {
			s.n.Same++
		}
		if !l.InEffect {
			s.n.OutOfEffect++
			continue
		}
		text := l.Text
		if l.Kind == qa.LogApproved {
			text = fmt.Sprint(l.On)
		}
		marks[mark{l.Post, l.Kind}] = text // the log is in the order of operations
	}
	for _, p := range s.pages.Posts() {
		if want := marks[mark{p.ID, qa.LogHidden}]; p.Marks.Hidden != want {
			return fmt.Errorf("post %s is hidden: %q, want %q", p.ID, p.Marks.Hidden, want)
		}
		if want := marks[mark{p.ID, qa.LogApproved}] == "true"; p.Marks.Approved != want {
			return fmt.Errorf("post %s is approved: %v", p.ID, p.Marks.Approved)
		}
	}
	return nil
}

// checkPosts compares what depends on the change that made a post: whether it is late, hidden by
// a block, by an author, and imported.
func (s *comparison) checkPosts() error {
	closing := s.plain.closing(s.all)
	for _, p := range s.pages.Posts() {
		c := s.byOp[p.Op]
		if p.Void {
			h, err := wire.ParseHash(p.VoidVersion)
			if err != nil {
				return err
			}
			c = s.plain.changes[h]
		}
		outside := func(x *statement) bool {
			return x != nil && x.on && x.change != c.Hash && !s.plain.past[x.change][c.Hash]
		}
		who := authority.PersonOf(c.Actor)
		if late := outside(closing); p.Late != late {
			return fmt.Errorf("post %s is late: %v", p.ID, p.Late)
		}
		if blocked := outside(s.plain.block(who, s.all)) && !p.Marks.Approved; p.Blocked != blocked {
			return fmt.Errorf("post %s is hidden by a block: %v", p.ID, p.Blocked)
		}
		speaks := qa.RoleAuthor
		if p.AsAuthor { // an organiser imports an author's words
			speaks = qa.RoleOrganiser
		}
		if author := s.plain.authorizes(who, c.Hash, speaks, s.all); p.AuthorThen != author {
			return fmt.Errorf("post %s is an author's: %v", p.ID, p.AuthorThen)
		}
		past := s.replica.Graph.Past(c.Deps)
		held := s.replica.Policy.Authority().RolesAt(who, &past)
		if s.undisturbed(c) && p.AuthorThen != (held&authority.RolesOf(speaks) != 0) {
			return fmt.Errorf("post %s is an author's: %v, and the policy says that its writer held %b", p.ID, p.AuthorThen, held)
		}
		imported := p.IsImported()
		if (p.Imported != nil) != (p.Source != "") || imported != (p.Source != "" && s.plain.authorizes(who, c.Hash, qa.RoleOrganiser, s.all)) {
			return fmt.Errorf("post %s with source %q is imported: %v", p.ID, p.Source, imported)
		}
		if s.undisturbed(c) && imported != (p.Source != "" && held&authority.Organiser != 0) {
			return fmt.Errorf("post %s is imported: %v, and the policy says that its writer held %b", p.ID, imported, held)
		}
		for is, count := range map[*bool]*int{&p.Late: &s.n.Late, &p.Blocked: &s.n.Blocked, &p.AuthorThen: &s.n.Authors, &imported: &s.n.Imported} {
			if *is {
				*count++
			}
		}
	}
	return nil
}

// checkEvent compares the closing and everybody's roles and blocks.
func (s *comparison) checkEvent() error {
	e, blocks := s.pages.Event(), qa.Blocks(s.pages.Log())
	if x := s.plain.closing(s.all); e.Closed != (x != nil && x.on) {
		return fmt.Errorf("the event is closed: %v", e.Closed)
	}
	for _, c := range s.plain.changes {
		p := authority.PersonOf(c.Actor)
		for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleModerator, qa.RoleAuthor} {
			if want := s.plain.held(p, role, s.all, s.all); e.HasRole(p.Identity(), role) != want {
				return fmt.Errorf("%s is shown as %s: %v", p.Identity(), role, !want)
			}
		}
		l, blocked := blocks[p.Identity()]
		if x := s.plain.block(p, s.all); blocked != (x != nil && x.on) || blocked && s.byOp[l.Op].Hash != x.change {
			return fmt.Errorf("%s is shown as blocked: %v, by %s", p.Identity(), blocked, s.byOp[l.Op].Hash)
		}
	}
	return nil
}
