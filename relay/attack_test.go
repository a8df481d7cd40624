package relay_test

import (
	"reflect"
	"testing"

	"flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// play is an event with people in it. Eve has a valid identity and a modified program.
type play struct {
	*policytest.World
	author, moderator, reader, eve *policytest.Writer
	question                       qa.PostID // the reader's
}

func (p *play) at(rest string) string { return "posts/" + string(p.question) + "/" + rest }

func newPlay(name string) *play {
	p := &play{World: policytest.NewWorld(policytest.Options{More: func(d *policytest.Draft) { d.Str("event/title", name) }})}
	p.author, p.moderator, p.reader, p.eve = p.Writer("author"), p.Writer("moderator"), p.Writer("reader"), p.Writer("eve")
	p.Founder.Do(func(d *policytest.Draft) {
		d.Role(p.author.ID(), qa.RoleAuthor, true)
		d.Role(p.moderator.ID(), qa.RoleModerator, true)
	})
	p.reader.Do(func(d *policytest.Draft) { p.question = d.Post("", "Why?") })
	return p
}

// view returns the projection of the changes that a device has: the state that it shows.
func view(t testing.TB, d *relaytest.Device) *projection.Projection {
	t.Helper()
	shown := document.New(d.Event, document.Options{Projection: true})
	for _, h := range d.Order() {
		c, err := d.Signed(h)
		if err != nil {
			t.Fatal(err)
		}
		added, err := shown.Add(document.NewChange(c.Change, c.Chunk(), c.Signature, 0))
		if err != nil || added.Refusal != nil || len(added.Applied) != 1 {
			t.Fatal(err, added.Refusal)
		}
	}
	return shown.Projection()
}

// TestAcceptedAttacksHaveNoEffect: the relay accepts a hostile change if nothing in the change's own past
// forbids it. The change then has no effect, and every honest device shows the same state. (The table of
// policytest.Cases has the changes that are refused.)
func TestAcceptedAttacksHaveNoEffect(t *testing.T) {
	for _, c := range []struct {
		name   string
		attack func(p *play) []policytest.Signed
		check  func(t *testing.T, p *play, f *projection.Projection)
	}{
		{"two votes by two devices", func(p *play) []policytest.Signed {
			on := p.Heads()
			vote := func(d *policytest.Draft) { d.React(p.question, qa.WantEmoji, true) }
			return []policytest.Signed{p.Writer("eve/1").DoOn(on, vote), p.Writer("eve/2").DoOn(on, vote)}
		}, func(t *testing.T, p *play, f *projection.Projection) {
			post, _ := f.Post(p.question)
			if len(post.Reactions) != 1 {
				t.Errorf("counted %d times", len(post.Reactions))
			}
		}},
		{"a revoked role, with old dependencies", func(p *play) []policytest.Signed {
			before := p.Heads()
			p.Founder.Do(func(d *policytest.Draft) { d.Role(p.moderator.ID(), qa.RoleModerator, false) })
			return []policytest.Signed{p.Changes[len(p.Changes)-1], p.moderator.DoOn(before, func(d *policytest.Draft) { d.Str(p.at("marks/hidden"), "because") })}
		}, func(t *testing.T, p *play, f *projection.Projection) {
			if post, _ := f.Post(p.question); post.Marks.Hidden != "" {
				t.Error("somebody without the role hid a post as a moderator")
			}
		}},
		{"a leaked invitation, claimed a second time beside the first", func(p *play) []policytest.Signed {
			key, again := p.Writer("link"), p.Writer("link/2")
			granted := p.Founder.Do(func(d *policytest.Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, true) })
			on := p.Heads()
			claim := func(who *policytest.Writer) func(*policytest.Draft) {
				return func(d *policytest.Draft) { d.Str("claims/"+string(key.ID()), string(who.ID())) }
			}
			first := key.DoOn(on, claim(p.reader))
			// The founder's device answers the first, and revokes the invitation.
			answer := p.Founder.Do(func(d *policytest.Draft) {
				d.Role(p.reader.ID(), qa.RoleAuthor, true)
				d.Role(key.ID(), qa.RoleInviteAuthor, false)
			})
			return []policytest.Signed{granted, first, answer, again.DoOn(on, claim(p.eve))}
		}, func(t *testing.T, p *play, f *projection.Projection) {
			roles := f.Event().Roles
			if !holds(roles, p.reader.ID(), qa.RoleAuthor) || holds(roles, p.eve.ID(), qa.RoleAuthor) {
				t.Errorf("roles %+v", roles)
			}
		}},
		{"a block that is lifted with a high counter", func(p *play) []policytest.Signed {
			// Eve is a moderator here; the founder blocks the reader's tormentor.
			p.Founder.Do(func(d *policytest.Draft) { d.Role(p.eve.ID(), qa.RoleModerator, true) })
			bully := p.Writer("bully")
			all := []policytest.Signed{p.Changes[len(p.Changes)-1], bully.Do(func(d *policytest.Draft) { d.Post("", "Ha!") })}
			on := p.Heads()
			all = append(all, p.Founder.DoOn(on, func(d *policytest.Draft) { d.Str("blocks/"+string(bully.ID()), "enough") }))
			for range 20 { // raises the counter as far as it likes
				all = append(all, p.eve.DoOn(on, func(d *policytest.Draft) { d.Post("", "filler") }))
				on = []wire.Hash{all[len(all)-1].Change.Hash}
			}
			return append(all, p.eve.DoOn(on, func(d *policytest.Draft) { d.Str("blocks/"+string(bully.ID()), "") }))
		}, func(t *testing.T, p *play, f *projection.Projection) {
			if _, blocked := qa.Blocks(f.Log())[p.Writer("bully").ID()]; !blocked {
				t.Error("a moderator's high counter lifts the founder's block")
			}
		}},
		{"a role won back with a high counter", func(p *play) []policytest.Signed {
			p.Founder.Do(func(d *policytest.Draft) { d.Role(p.eve.ID(), qa.RoleOrganiser, true) })
			all := []policytest.Signed{p.Changes[len(p.Changes)-1]}
			on := p.Heads()
			all = append(all, p.Founder.DoOn(on, func(d *policytest.Draft) { d.Role(p.moderator.ID(), qa.RoleModerator, false) }))
			for range 20 {
				all = append(all, p.eve.DoOn(on, func(d *policytest.Draft) { d.Post("", "filler") }))
				on = []wire.Hash{all[len(all)-1].Change.Hash}
			}
			return append(all, p.eve.DoOn(on, func(d *policytest.Draft) { d.Role(p.moderator.ID(), qa.RoleModerator, true) }))
		}, func(t *testing.T, p *play, f *projection.Projection) {
			if holds(f.Event().Roles, p.moderator.ID(), qa.RoleModerator) {
				t.Error("an organiser's high counter beats the founder")
			}
		}},
		{"written beside the end of the event", func(p *play) []policytest.Signed {
			before := p.Heads()
			closed := p.Founder.Do(func(d *policytest.Draft) { d.Bool("event/closed", true) })
			return []policytest.Signed{closed, p.eve.DoOn(before, func(d *policytest.Draft) { d.Post("", "Just in time") })}
		}, func(t *testing.T, p *play, f *projection.Projection) {
			late := 0
			for _, post := range f.Posts() {
				if post.By == p.eve.ID() && post.Late {
					late++
				}
			}
			if late != 1 {
				t.Errorf("%d posts are late", late)
			}
		}},
		{"written by the blocked before they knew", func(p *play) []policytest.Signed {
			before := p.Heads()
			block := p.moderator.Do(func(d *policytest.Draft) { d.Str("blocks/"+string(p.eve.ID()), "spam") })
			spam := p.eve.DoOn(before, func(d *policytest.Draft) { d.Post("", "Buy!") })
			// Somebody answers the blocked post, so the relay still accepts it.
			return []policytest.Signed{block, spam, p.reader.Do(func(d *policytest.Draft) { d.Post("", "No, thanks.") })}
		}, func(t *testing.T, p *play, f *projection.Projection) {
			hidden := 0
			for _, post := range f.Posts() {
				if post.By == p.eve.ID() && post.Blocked {
					hidden++
				}
			}
			if hidden != 1 || len(f.Posts()) != 4 {
				t.Errorf("%d of %d posts are hidden as a blocked person's", hidden, len(f.Posts()))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, relay.Config{})
			p := newPlay(c.name)
			setup := append([]policytest.Signed{}, p.Changes...)
			genesis := setup[0]
			relaytest.Adopt(p.Event, relaytest.Signed{Change: genesis.Change, Signature: genesis.Signature})
			honest, other, evil := relaytest.NewDevice("honest", p.Event), relaytest.NewDevice("other", p.Event), relaytest.NewDevice("evil", p.Event)
			connect(t, s, honest, other, evil)
			if err := evil.Send(envelope("evil", p.Event, setup...)); err != nil {
				t.Fatal(err)
			}
			until(t, honest, changes(len(setup)-1))
			attack := c.attack(p)
			if err := evil.Send(envelope("evil", p.Event, attack...)); err != nil {
				t.Fatal(err)
			}
			all := len(setup) - 1 + len(attack)
			until(t, honest, changes(all))
			until(t, other, changes(all))
			if _, err := honest.Write("And life goes on."); err != nil {
				// Not in an event that is closed.
				if r := policy.RefusalOf(err); r.Code != policy.CodeClosed {
					t.Error(err)
				}
			} else {
				all++
			}
			until(t, other, changes(all))
			sameMessage(t, honest, other, evil)
			one, two := view(t, honest), view(t, other)
			if !reflect.DeepEqual(one.Posts(), two.Posts()) || !reflect.DeepEqual(one.Event(), two.Event()) {
				t.Error("two devices show different states")
			}
			if len(evil.State().Refused) > 0 {
				t.Errorf("refused: %+v", evil.State().Refused)
			}
			c.check(t, p, one)
		})
	}
}

func holds(roles []qa.Grant, who qa.Identity, role qa.Role) bool {
	for _, r := range roles {
		if r.ID == who && r.Role == role {
			return true
		}
	}
	return false
}
