package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
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
	return best != nil && best.on
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
		concurrent := s.change != change && !m.past[change][s.change] && !m.past[s.change][change]
		return s.about == who && s.key == string(role) && !s.on && countedIn[s.change] && concurrent && m.grantRank(s, countedIn) > 0
	})
}

func (m *plainRules) rank(who authority.Person, change wire.Hash, countedIn map[wire.Hash]bool) int {
	switch {
	case m.void(change, countedIn):
		return 0
	case who == m.founder:
		return int(authority.ByFounder)
	case m.authorizes(who, change, qa.RoleOrganiser, countedIn):
		return int(authority.ByOrganiser)
	case m.authorizes(who, change, qa.RoleModerator, countedIn):
		return int(authority.ByModerator)
	}
	return 0
}

// TestAuthorityFollowsTheRules compares crdt/authority with plainRules: for every change, the
// roles of everybody in its past, which the policy uses; its rank now, which the pages use; and
// who is blocked.
func TestAuthorityFollowsTheRules(t *testing.T) {
	seed := *orderSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: go test ./crdt/policy -run AuthorityIs -policy.seed=%d", seed, seed)
	worlds := 60
	if testing.Short() {
		worlds = 10
	}
	roles := []qa.Role{qa.RoleOrganiser, qa.RoleModerator, qa.RoleAuthor}
	outOfEffect, blocked, closed := 0, 0, 0
	for set := range worlds {
		r := rand.New(rand.NewPCG(seed, uint64(set)))
		w, _ := quarrel(r, 60)
		var all []*wire.Change
		for _, s := range w.Changes {
			all = append(all, s.Change)
		}
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
			if got, want := a.HeldAt(who, c.Hash), a.RolesAt(who, &past); got != want {
				t.Fatalf("seed %d, set %d: the writer of %s held %b when the change was added, %b by its past", seed, set, c.Hash, got, want)
			}
			got := a.RankAt(who, c.Hash, authority.Organiser|authority.Moderator)
			if want := plain.rank(who, c.Hash, everything); int(got) != want {
				t.Fatalf("seed %d, set %d: rank of %s %d, want %d", seed, set, c.Hash, got, want)
			}
			if got := a.Authorizes(who, c.Hash, authority.Author); got != plain.authorizes(who, c.Hash, qa.RoleAuthor, everything) {
				t.Fatalf("seed %d, set %d: an author's %s: %v", seed, set, c.Hash, got)
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
			if got == authority.NotCounted && a.HeldAt(who, c.Hash)&(authority.Organiser|authority.Moderator) != 0 {
				outOfEffect++
			}
			inPast := plain.past[c.Hash]
			wantClosed := plain.inEffect("closed", authority.Person{}, inPast, func(s statement) int {
				return min(1, plain.rankAs(s, qa.RoleOrganiser, inPast))
			})
			if got := a.ClosedAt(&past); got != wantClosed {
				t.Fatalf("seed %d, set %d: closed in the past of %s: %v", seed, set, c.Hash, got)
			}
			if wantClosed {
				closed++
			}
		}
		for p := range people {
			want := p != plain.founder && plain.inEffect("block", p, everything, func(s statement) int { return plain.rank(s.writer, s.change, everything) })
			if _, got := a.Block(p); got != want {
				t.Fatalf("seed %d, set %d: %s blocked: %v", seed, set, p.Identity(), got)
			}
			if want {
				blocked++
			}
		}
	}
	t.Logf("%d acts out of effect, %d people blocked, %d changes after a closing", outOfEffect, blocked, closed)
	if outOfEffect == 0 || blocked == 0 || closed == 0 {
		t.Error("the random events did not cover enough")
	}
}

// rankAs is the rank by one role, or as the founder.
func (m *plainRules) rankAs(s statement, role qa.Role, countedIn map[wire.Hash]bool) int {
	if !m.void(s.change, countedIn) && (s.writer == m.founder || m.authorizes(s.writer, s.change, role, countedIn)) {
		return 1
	}
	return 0
}
