package policy_test

import (
	"errors"
	"strings"
	"testing"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// TestPolicyNeedsTheDependencies: if a dependency of a change was not added, Validate and Add
// return ErrOrder, and nothing of the change is added.
func TestPolicyNeedsTheDependencies(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	first := w.Founder.Do(func(d *policytest.Draft) { d.Str("event/title", "A") })
	second := w.Founder.Do(func(d *policytest.Draft) { d.Str("event/title", "B") })
	g := graph.New()
	rules := policy.New(w.Event, g)
	for name, err := range map[string]error{
		"validate, not in the graph": rules.Validate(first.Change),
		"add, not in the graph":      rules.Add(first.Change),
	} {
		if !errors.Is(err, policy.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range w.Changes[:2] {
		if _, err := g.Add(graph.MetaOf(s.Change)); err != nil {
			t.Fatal(err)
		}
	}
	stranger := w.Writer("reader").Draft(first.Change.Hash)
	stranger.Post("", "Hello")
	stranger.Sign()
	for name, err := range map[string]error{
		"validate, in the graph and not added": rules.Validate(second.Change),
		"add, in the graph and not added":      rules.Add(second.Change),
	} {
		if !errors.Is(err, policy.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := qa.Identity(strings.Repeat("0", 64))
	if rules.HoldsRole(nobody, qa.RoleOrganiser) || rules.MayRead(nobody) || rules.Blocked(nobody) || rules.HoldsRole("nobody", qa.RoleOrganiser) {
		t.Error("somebody holds a role in an event without a genesis")
	}
	if rules.Founder() != "" || rules.Kind() != "" || rules.Access() != "" || rules.AuthorityChanges() != 0 {
		t.Error("an empty policy has an event")
	}
	if err := rules.Add(w.Changes[0].Change); err != nil {
		t.Fatal(err)
	}
	if err := rules.Add(stranger.Change); !errors.Is(err, policy.ErrOrder) {
		t.Errorf("depending on a change that was not added: %v", err)
	}
	for range 2 {
		for _, s := range w.Changes[:2] {
			if err := rules.Add(s.Change); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A change that cannot have been validated is not added.
	skipped := *second.Change
	skipped.Seq++
	odd := *second.Change
	odd.Actor = odd.Actor[1:]
	lost := w.Writer("reader").Draft(second.Change.Deps...)
	lost.Str("event/title", "C").Obj = wire.OpID{Counter: 77, Actor: w.Founder.Actor}
	lost.Sign()
	if err := rules.Add(&skipped); !errors.Is(err, policy.ErrOrder) {
		t.Errorf("a gap in the numbers: %v", err)
	}
	if err := rules.Add(&odd); !errors.Is(err, keys.ErrActor) {
		t.Errorf("an actor of 39 bytes: %v", err)
	}
	if err := rules.Add(lost.Change); !errors.Is(err, policy.ErrOrder) {
		t.Errorf("a map that does not exist: %v", err)
	}
	if err := rules.Validate(second.Change); err != nil {
		t.Errorf("after all that: %v", err)
	}
	if err := rules.Add(second.Change); err != nil {
		t.Error(err)
	}
}

// holders lists the people who hold a role, in the given order.
func holders(g *policy.Policy, role qa.Role, of ...*policytest.Writer) string {
	out := ""
	for _, x := range of {
		if g.HoldsRole(x.ID(), role) {
			out += "1"
		} else {
			out += "0"
		}
	}
	return out
}

func TestCurrentRoles(t *testing.T) {
	p := newScene(t, policytest.Options{Access: "invited"})
	rules := p.r.Policy
	eve, key := p.Writer("eve"), p.Writer("invitation")
	everybody := []*policytest.Writer{p.founder, p.organiser, p.author, p.moderator, p.reader, eve}
	for role, want := range map[qa.Role]string{
		qa.RoleOrganiser: "110000", qa.RoleAuthor: "001000", qa.RoleModerator: "000100", qa.RoleMember: "000010",
		qa.RoleInviteAuthor: "000000", "king": "000000",
	} {
		if got := holders(rules, role, everybody...); got != want {
			t.Errorf("%s: %s, want %s", role, got, want)
		}
	}
	if !rules.HoldsRole(p.author.ID(), qa.RoleOrganiser, qa.RoleAuthor) || rules.HoldsRole(p.author.ID()) {
		t.Error("one of several roles")
	}
	if rules.HoldsRole("nobody", qa.RoleMember) || rules.MayRead("nobody") || rules.Blocked("nobody") || rules.MayRead(eve.ID()) {
		t.Error("nobody holds something")
	}
	// The key of an invitation may read until it is revoked, also after its claim.
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(key.ID(), qa.RoleInviteMember, true) })
	if !rules.MayRead(key.ID()) || rules.HoldsRole(key.ID(), qa.RoleMember) || !rules.HoldsRole(key.ID(), qa.RoleInviteMember) {
		t.Error("the key of an invitation")
	}
	p.do(key, func(d *policytest.Draft) { d.Str("claims/"+string(key.ID()), string(eve.ID())) })
	if !rules.MayRead(key.ID()) || rules.MayRead(eve.ID()) {
		t.Error("after the claim")
	}
	p.do(p.organiser, func(d *policytest.Draft) {
		d.Role(key.ID(), qa.RoleInviteMember, false)
		d.Role(eve.ID(), qa.RoleMember, true)
	})
	if rules.MayRead(key.ID()) || !rules.MayRead(eve.ID()) {
		t.Error("after the answer")
	}
	p.do(eve, func(d *policytest.Draft) { d.Post("", "Thank you.") })
	// The role is revoked and granted again.
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleMember, false) })
	if rules.MayRead(eve.ID()) {
		t.Error("revoked")
	}
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleMember, true) })
	p.do(eve, func(d *policytest.Draft) { d.Post("", "Again.") })
	p.do(p.organiser, func(d *policytest.Draft) {
		d.Role(eve.ID(), qa.RoleMember, false)
		d.Role(eve.ID(), qa.RoleAuthor, true)
	})
	if rules.HoldsRole(eve.ID(), qa.RoleMember) || !rules.HoldsRole(eve.ID(), qa.RoleAuthor) {
		t.Error("one role for another")
	}
	if n := rules.AuthorityChanges(); n != 6 {
		t.Errorf("%d authority changes", n)
	}
}

// TestChangesAuthority: ChangesAuthority recognizes exactly the authority changes, before they
// are added.
func TestChangesAuthority(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	r := policytest.NewReplica(w.Event)
	take := func(s policytest.Signed) {
		t.Helper()
		before := r.Policy.AuthorityChanges()
		says := r.Policy.ChangesAuthority(s.Change)
		if err := r.Apply(s); err != nil {
			t.Fatal(err)
		}
		if is := r.Policy.AuthorityChanges() > before; is != says {
			t.Errorf("ChangesAuthority is %v for %+v, want %v", says, s.Change.Ops[0], is)
		}
	}
	for _, s := range w.Changes {
		if err := r.Apply(s); err != nil {
			t.Fatal(err)
		}
	}
	eve := w.Writer("eve")
	var q qa.PostID
	take(eve.Do(func(d *policytest.Draft) { q = d.Post("", "?") }))
	take(eve.Do(func(d *policytest.Draft) { d.React(q, "want", true) }))
	take(w.Founder.Do(func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleAuthor, true) }))
	take(w.Founder.Do(func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleAuthor, false) }))
	take(w.Founder.Do(func(d *policytest.Draft) { d.Str("blocks/"+string(eve.ID()), "no") }))
	take(w.Founder.Do(func(d *policytest.Draft) { d.Str("event/title", "A week") }))
	take(w.Founder.Do(func(d *policytest.Draft) {
		d.Str("event/title", "The week")
		d.Bool("event/closed", true)
	}))
	take(w.Founder.Do(func(d *policytest.Draft) { d.Str("posts/"+string(q)+"/marks/hidden", "no") }))
	if n := r.Policy.AuthorityChanges(); n != 4 {
		t.Errorf("%d authority changes", n)
	}
}

// TestConcurrentClaims: two concurrent claims are both valid; the organiser answers one of them.
func TestConcurrentClaims(t *testing.T) {
	p := newScene(t, policytest.Options{})
	one, two := p.Writer("invitation"), p.Writer("invitation/2")
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(one.ID(), qa.RoleInviteAuthor, true) })
	on := p.Heads()
	p.apply(one.DoOn(on, func(d *policytest.Draft) { d.Str("claims/"+string(one.ID()), string(p.reader.ID())) }))
	p.apply(two.DoOn(on, func(d *policytest.Draft) { d.Str("claims/"+string(one.ID()), string(p.author.ID())) }))
}

// TestInvitationKeyWithARole: an invitation key that holds a role may write like a person.
func TestInvitationKeyWithARole(t *testing.T) {
	p := newScene(t, policytest.Options{})
	key := p.Writer("invitation")
	p.do(p.organiser, func(d *policytest.Draft) {
		d.Role(key.ID(), qa.RoleInviteAuthor, true)
		d.Role(key.ID(), qa.RoleMember, true)
	})
	p.do(key, func(d *policytest.Draft) { d.Post("", "Hello") })
	// A key whose invitation is concurrent has no special rules.
	eve := p.Writer("eve")
	on := p.Heads()
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleInviteAuthor, true) }))
	p.apply(eve.DoOn(on, func(d *policytest.Draft) { d.Post("", "Hello") }))
}

// TestRevokedOrganisers: roles that an organiser granted before the revocation remain. Concurrent
// grants are not in effect. After a new grant the organiser can grant roles again.
func TestRevokedOrganisers(t *testing.T) {
	p := newScene(t, policytest.Options{})
	rules, eve, bob := p.r.Policy, p.Writer("eve"), p.Writer("bob")
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(eve.ID(), qa.RoleModerator, true) })
	on := p.Heads()
	p.apply(p.founder.DoOn(on, func(d *policytest.Draft) { d.Role(p.organiser.ID(), qa.RoleOrganiser, false) }))
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Role(bob.ID(), qa.RoleModerator, true) }))
	if got := holders(rules, qa.RoleModerator, p.moderator, eve, bob); got != "110" {
		t.Errorf("moderators: %s", got)
	}
	p.do(eve, func(d *policytest.Draft) { d.Str("blocks/"+string(p.reader.ID()), "spam") })
	if !rules.Blocked(p.reader.ID()) {
		t.Error("a moderator's block")
	}
	p.do(p.founder, func(d *policytest.Draft) { d.Role(p.organiser.ID(), qa.RoleOrganiser, true) })
	p.do(p.organiser, func(d *policytest.Draft) { d.Role(bob.ID(), qa.RoleModerator, true) })
	p.do(bob, func(d *policytest.Draft) { d.Str("blocks/"+string(p.reader.ID()), "") })
	if got := holders(rules, qa.RoleModerator, p.moderator, eve, bob); got != "111" || rules.Blocked(p.reader.ID()) {
		t.Errorf("moderators: %s", got)
	}
}

func TestBlocksByRank(t *testing.T) {
	p := newScene(t, policytest.Options{})
	rules := p.r.Policy
	reader := "blocks/" + string(p.reader.ID())
	// The moderator's unblocking has the higher operation, the organiser's block the higher rank.
	on := p.Heads()
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Str(reader, "spam") }))
	p.apply(p.moderator.DoOn(on, func(d *policytest.Draft) {
		d.Str("blocks/"+string(p.author.ID()), "")
		d.Str(reader, "")
	}))
	if !rules.Blocked(p.reader.ID()) || rules.Blocked(p.author.ID()) {
		t.Error("a moderator's unblocking beat an organiser's block")
	}
	// The founder ranks above both.
	on = p.Heads()
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) {
		d.Str("event/title", "A")
		d.Str(reader, "still spam")
	}))
	p.apply(p.founder.DoOn(on, func(d *policytest.Draft) { d.Str(reader, "") }))
	if rules.Blocked(p.reader.ID()) {
		t.Error("an organiser beat the founder")
	}
	// The unblocking by a moderator who was concurrently revoked does not count, and the
	// block that it replaced is in effect again.
	p.do(p.founder, func(d *policytest.Draft) { d.Str(reader, "spam after all") })
	on = p.Heads()
	p.apply(p.founder.DoOn(on, func(d *policytest.Draft) { d.Role(p.moderator.ID(), qa.RoleModerator, false) }))
	p.apply(p.moderator.DoOn(on, func(d *policytest.Draft) { d.Str(reader, "") }))
	if !rules.Blocked(p.reader.ID()) {
		t.Error("an unblocking without the role is in effect")
	}
	// Nobody can block the founder.
	p.do(p.organiser, func(d *policytest.Draft) { d.Str("blocks/"+string(p.founder.ID()), "no") })
	if rules.Blocked(p.founder.ID()) {
		t.Error("the founder is blocked")
	}
	// Among equal ranks the highest operation wins.
	on = p.Heads()
	author := "blocks/" + string(p.author.ID())
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Str(author, "") }))
	p.apply(p.Writer("organiser/2").DoOn(on, func(d *policytest.Draft) {
		d.Str("event/title", "B")
		d.Str(author, "spam")
	}))
	if !rules.Blocked(p.author.ID()) {
		t.Error("the lower operation won")
	}
}

// TestClosedInThePast: for a change with concurrent closings and reopenings in its past the
// highest operation decides; for a change with only one of them in its past that one decides.
func TestClosedInThePast(t *testing.T) {
	for _, higher := range []bool{true, false} {
		p := newScene(t, policytest.Options{})
		on := p.Heads()
		one := p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Bool("event/closed", !higher) }))
		two := p.apply(p.founder.DoOn(on, func(d *policytest.Draft) {
			d.Str("event/title", "so that it comes later")
			d.Bool("event/closed", higher)
		}))
		for name, c := range map[string]struct {
			on     []wire.Hash
			closed bool
		}{
			"neither": {on, false}, "one": {[]wire.Hash{one.Change.Hash}, !higher}, "two": {[]wire.Hash{two.Change.Hash}, higher},
			"both": {p.Heads(), higher},
		} {
			d := p.Writer("reader/" + name).Draft(c.on...)
			d.Post("", "Hello")
			err := p.r.Apply(d.Sign())
			if (err != nil) != c.closed || err != nil && policy.RefusalOf(err).Code != policy.CodeClosed {
				t.Errorf("with %s in its past: %v", name, err)
			}
		}
	}
}

// TestNewerRulesOfAnInvitedEvent: for an event with later rules access is not checked, because
// those rules are unknown.
func TestNewerRulesOfAnInvitedEvent(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{RulesVersion: schema.RulesVersion + 1, Access: "invited"})
	p := &scene{World: w, t: t, r: policytest.NewReplica(w.Event)}
	p.apply(w.Changes[0])
	p.do(w.Writer("eve"), func(d *policytest.Draft) { d.Str("event/title", "Mine") })
}

func TestRefusalOf(t *testing.T) {
	if policy.RefusalOf(nil) != nil {
		t.Error("a nil error became a refusal")
	}
	for err, want := range map[error]policy.Code{
		graph.ErrDuplicateSeq:     policy.CodeDuplicateSeq,
		graph.ErrSeqGap:           policy.CodeSequence,
		graph.ErrOwnPrevious:      policy.CodeSequence,
		graph.ErrStartOp:          policy.CodeSequence,
		graph.ErrMalformed:        policy.CodeMalformed,
		graph.ErrDependsOnRefused: policy.CodeDependsOn,
		graph.ErrPendingFull:      policy.CodePendingFull,
		graph.ErrFull:             policy.CodeFull,
		keys.ErrSignature:         policy.CodeSignature,
		keys.ErrActor:             policy.CodeSignature,
		wire.ErrTooLarge:          policy.CodeTooLarge,
		wire.ErrTooManyOps:        policy.CodeTooLarge,
		wire.ErrTooManyPreds:      policy.CodeTooLarge,
		wire.ErrTooManyHashes:     policy.CodeTooLarge,
		wire.ErrShape:             policy.CodeSchema,
		wire.ErrChecksum:          policy.CodeMalformed,
		errors.New("else"):        policy.CodeMalformed,
		&policy.Refusal{Code: policy.CodeQuota, Reason: "Enough."}: policy.CodeQuota,
	} {
		for _, err := range []error{err, errors.Join(errors.New("around it"), err)} {
			if got := policy.RefusalOf(err); got.Code != want || got.Error() == "" {
				t.Errorf("%v is %s, not %s", err, got.Code, want)
			}
		}
	}
	for _, c := range []policy.Code{
		policy.CodePendingFull, policy.CodeHeads, policy.CodeFull, policy.CodeBlocked, policy.CodeRate, policy.CodeQuota, policy.CodeLate,
		policy.CodeFounding, policy.CodeRelayFull,
	} {
		if !c.Deferred() {
			t.Errorf("%s is not deferred", c)
		}
	}
}

// TestTiesOfAuthorityChanges: of two concurrent authority changes with one rank and counter the
// one by the higher actor wins, whichever arrives first.
func TestTiesOfAuthorityChanges(t *testing.T) {
	for _, first := range []bool{true, false} {
		p := newScene(t, policytest.Options{})
		one, two := p.organiser, p.Writer("organiser/2")
		if two.Actor < one.Actor {
			one, two = two, one
		}
		on := p.Heads()
		path := "blocks/" + string(p.reader.ID())
		a := one.DoOn(on, func(d *policytest.Draft) { d.Str(path, "spam") })
		b := two.DoOn(on, func(d *policytest.Draft) { d.Str(path, "") })
		if a.Change.StartOp != b.Change.StartOp {
			// One writer's change depends on an earlier change of the same writer. The
			// counters are still equal, because that change is in the past of both.
			t.Fatal("the counters differ")
		}
		if !first {
			a, b = b, a
		}
		p.apply(a)
		p.apply(b)
		if p.r.Policy.Blocked(p.reader.ID()) {
			t.Errorf("the lower actor won (first: %v)", first)
		}
	}
}

// TestRevocationByARevokedOrganiser: a revocation by an organiser who was concurrently revoked has
// no effect.
func TestRevocationByARevokedOrganiser(t *testing.T) {
	p := newScene(t, policytest.Options{})
	on := p.Heads()
	p.apply(p.founder.DoOn(on, func(d *policytest.Draft) { d.Role(p.organiser.ID(), qa.RoleOrganiser, false) }))
	p.apply(p.organiser.DoOn(on, func(d *policytest.Draft) { d.Role(p.moderator.ID(), qa.RoleModerator, false) }))
	p.apply(p.moderator.DoOn(on, func(d *policytest.Draft) { d.Str("blocks/"+string(p.reader.ID()), "spam") }))
	if !p.r.Policy.Blocked(p.reader.ID()) || !p.r.Policy.HoldsRole(p.moderator.ID(), qa.RoleModerator) {
		t.Error("a revoked organiser's revocation counts")
	}
}

// TestReadingIdentitiesAndTheGenesis: only keys of the root map determine the kind of an event,
// and only 64 hex characters are an identity.
func TestReadingIdentitiesAndTheGenesis(t *testing.T) {
	all := qa.Identity(strings.Repeat("f", 64))
	w := policytest.NewWorld(policytest.Options{More: func(d *policytest.Draft) {
		d.Str("event/x/kind", "club")
		d.Str("event/x/access", "invited")
		d.Set("event/x/gate", wire.StringValue("2"))
		d.Role(all, qa.RoleAuthor, true)
	}})
	p := &scene{World: w, t: t, r: policytest.NewReplica(w.Event)}
	p.apply(w.Changes[0])
	rules := p.r.Policy
	if rules.Kind() != "event" || rules.Access() != "open" || rules.HasNewerRules() {
		t.Errorf("%s, %s, newer: %v", rules.Kind(), rules.Access(), rules.HasNewerRules())
	}
	if !rules.HoldsRole(all, qa.RoleAuthor) {
		t.Error("a role in the genesis is missing")
	}
	for _, id := range []string{"", "f", strings.Repeat("f", 63), strings.Repeat("f", 65), strings.Repeat("F", 64), strings.Repeat("g", 64)} {
		if rules.HoldsRole(qa.Identity(id), qa.RoleAuthor) || rules.MayRead(qa.Identity(id)) {
			t.Errorf("%q was accepted as an identity", id)
		}
	}
}

// TestActorsWithOneTag: posts of two actors with the same tag in their IDs are distinguished by
// the operation.
func TestActorsWithOneTag(t *testing.T) {
	c := newCrowd(t, policytest.Options{})
	tail := "00000001"
	one := &device{actor: wire.ActorID(strings.Repeat("a", 32) + tail)}
	two := &device{actor: wire.ActorID(strings.Repeat("a", 31) + "b" + tail)}
	three := &device{actor: wire.ActorID(strings.Repeat("c", 40))}
	var posts []qa.PostID
	for _, x := range []*device{one, two, one, two} {
		x.id = qa.IdentityOfActor([]byte(x.actor))
		ch := c.take(x, c.change(x, c.heads(), c.post(x, "")))
		posts = append(posts, qa.MakePostID(x.id, []byte(x.actor), ch.StartOp))
	}
	three.id = qa.IdentityOfActor([]byte(three.actor))
	for _, p := range posts {
		c.take(three, c.change(three, c.heads(), c.post(three, p)))
	}
}

// TestRecheck: in the ledger of a version without these rules, Recheck finds exactly the changes
// that Validate refuses by these rules.
func TestRecheck(t *testing.T) {
	found := 0
	for _, c := range policytest.Cases() {
		r := policytest.NewReplica(c.Event)
		for _, s := range c.Setup {
			ch, err := wire.DecodeChange(s.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Policy.Recheck(ch); err != nil {
				t.Fatalf("%s: a valid change: %v", c.Name, err)
			}
			if err := r.Apply(s); err != nil {
				t.Fatal(err)
			}
		}
		switch c.Code {
		case policy.CodeRepeated, policy.CodeOperations, policy.CodeTooOften:
			found++
			if err := r.Policy.Recheck(c.Bad.Change); err == nil || policy.RefusalOf(err).Code != c.Code {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
	if found < 14 {
		t.Errorf("only %d cases", found)
	}
}

// TestRecheckRefusesWeakKeys: the ledger of an earlier version may contain changes by a weak key.
// Recheck refuses them, because every other replica does.
func TestRecheckRefusesWeakKeys(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	r := policytest.NewReplica(w.Event)
	if err := r.Apply(w.Changes[0]); err != nil {
		t.Fatal(err)
	}
	c := *w.Writer("eve").Do(func(d *policytest.Draft) { d.Post("", "?") }).Change
	if err := r.Policy.Recheck(&c); err != nil {
		t.Fatalf("an ordinary change: %v", err)
	}
	c.Actor = wire.ActorID("\x01" + strings.Repeat("\x00", 31) + "8 bytes.") // y = 1: the neutral element
	if err := r.Policy.Recheck(&c); policy.RefusalOf(err) == nil || policy.RefusalOf(err).Code != policy.CodeWeakKey {
		t.Errorf("a weak key: %v", err)
	}
}
