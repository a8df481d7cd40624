package policy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// scene is an event with people in it.
type scene struct {
	*policytest.World
	t *testing.T
	r *policytest.Replica

	founder, organiser, author, moderator, reader *policytest.Writer
	question                                      qa.PostID
}

func newScene(t *testing.T, o policytest.Options) *scene {
	w := policytest.NewWorld(o)
	p := &scene{
		World: w, t: t, r: policytest.NewReplica(w.Event), founder: w.Founder, organiser: w.Writer("organiser"),
		author: w.Writer("author"), moderator: w.Writer("moderator"), reader: w.Writer("reader"),
	}
	p.apply(w.Changes[0])
	p.do(p.founder, func(d *policytest.Draft) {
		d.Role(p.organiser.ID(), qa.RoleOrganiser, true)
		d.Role(p.author.ID(), qa.RoleAuthor, true)
		d.Role(p.moderator.ID(), qa.RoleModerator, true)
		d.Role(p.reader.ID(), qa.RoleMember, true)
	})
	p.do(p.reader, func(d *policytest.Draft) { p.question = d.Post("", "Why?") })
	return p
}

func (p *scene) apply(s policytest.Signed) policytest.Signed {
	p.t.Helper()
	if err := p.r.Apply(s); err != nil {
		p.t.Errorf("refused: %v", err)
	}
	return s
}

func (p *scene) do(x *policytest.Writer, f func(d *policytest.Draft)) policytest.Signed {
	p.t.Helper()
	return p.apply(x.Do(f))
}

// TestWhatIsAllowed: values at their limits, and all acts that a role permits, are accepted.
func TestWhatIsAllowed(t *testing.T) {
	text := func(n int) wire.Value { return wire.StringValue(strings.Repeat("é", n/2)) }
	for _, access := range []string{"open", "invited"} {
		p := newScene(t, policytest.Options{Access: access})
		at := "posts/" + string(p.question)
		p.do(p.organiser, func(d *policytest.Draft) {
			for _, key := range []string{"title", "authors", "language", "zone", "source"} {
				d.Set("event/"+key, text(schema.MaxShort))
			}
			d.Set("event/description", text(schema.MaxDescription))
			for _, key := range []string{"startsAt", "endsAt", "answersFrom", "answersUntil", "winnersAt"} {
				d.Set("event/"+key, wire.IntValue(1<<53-1))
			}
			d.Set("event/prizes", wire.UintValue(1<<53-1))
			d.Bool("event/closed", false)
			d.Bool("event/approve", true)
			d.Str("event/movedTo", string(qa.MakeEventID([16]byte{1})))
			d.Str("event/cover", strings.Repeat("0a", 32))
			for i := range schema.MaxLinks {
				link := fmt.Sprint("event/links/", i)
				d.Map(link)
				d.Set(link+"/text", text(schema.MaxShort))
				d.Set(link+"/url", text(schema.MaxShort))
			}
			for i := range schema.MaxRelays {
				d.Set(fmt.Sprint("relays/", i), text(schema.MaxShort))
			}
		})
		p.do(p.organiser, func(d *policytest.Draft) {
			for _, key := range []string{"startsAt", "endsAt", "answersFrom", "answersUntil", "winnersAt"} {
				d.Set("event/"+key, wire.IntValue(-1<<53+1))
			}
			d.Str("event/movedTo", "")
			d.Str("event/cover", "")
		})
		p.do(p.organiser, func(d *policytest.Draft) {
			for i := range schema.MaxXKeys {
				d.Set("event/x/"+strings.Repeat("n", schema.MaxXName-2)+fmt.Sprintf("%02d", i), text(schema.MaxXValue))
			}
		})
		me := "people/" + string(p.reader.ID())
		p.do(p.reader, func(d *policytest.Draft) {
			d.Map(me)
			d.Set(me+"/name", text(schema.MaxName))
			d.Set(me+"/about", text(schema.MaxAbout))
			d.Set(me+"/link", text(schema.MaxPersonLink))
			d.Set("contacts/"+string(p.reader.ID()), wire.BytesValue(make([]byte, schema.MaxContact)))
		})
		for _, as := range []string{"name", "initials", "none"} {
			p.do(p.reader, func(d *policytest.Draft) { d.Str(me+"/publishAs", as) })
		}
		p.do(p.reader, func(d *policytest.Draft) {
			for i := range schema.MaxReactions {
				d.React(p.question, strings.Repeat("e", schema.MaxEmoji-2)+fmt.Sprintf("%02d", i), true)
			}
		})
		p.do(p.reader, func(d *policytest.Draft) { // an existing key is not a new one
			d.React(p.question, strings.Repeat("e", schema.MaxEmoji-2)+"00", false)
		})
		p.do(p.reader, func(d *policytest.Draft) {
			d.Set(at+"/tags", text(schema.MaxTags))
			d.Str(at+"/state", "withdrawn")
			d.Set(at+"/revisions/"+d.RevisionID(), text(schema.MaxText))
			d.Map(at + "/x")
			for i := range schema.MaxXKeys {
				d.Str(fmt.Sprint(at, "/x/", i), "A")
			}
			d.Bool(at+"/marks/answered", true)
		})
		p.do(p.reader, func(d *policytest.Draft) { d.Str(at+"/state", "") })
		p.do(p.reader, func(d *policytest.Draft) { // two posts in one change, the second a reply to the first
			first := d.Post("", "")
			second := "posts/" + string(d.Post(first, "And that?"))
			d.Set(second+"/onBehalfOf", text(schema.MaxName))
			d.Set(second+"/source", text(schema.MaxShort))
			d.Str(second+"/origin", string(p.question))
		})
		p.do(p.moderator, func(d *policytest.Draft) {
			d.Set(at+"/marks/hidden", text(schema.MaxReason))
			d.Bool(at+"/marks/pinned", true)
			d.Bool(at+"/marks/approved", true)
			d.Bool(at+"/marks/answered", false)
			d.Str(at+"/marks/duplicateOf", string(p.question))
			d.Set("blocks/"+string(p.reader.ID()), text(schema.MaxReason))
		})
		p.do(p.moderator, func(d *policytest.Draft) {
			d.Str(at+"/marks/duplicateOf", "")
			d.Str("blocks/"+string(p.reader.ID()), "")
		})
		p.do(p.author, func(d *policytest.Draft) {
			me := string(p.author.ID())
			d.Bool(at+"/marks/answered", true)
			d.Bool(at+"/marks/assigned/"+string(p.organiser.ID()), true)
			d.Bool(at+"/marks/candidate/"+me, true)
			d.Map("winners/" + me)
			d.Set("winners/"+me+"/"+string(p.question), text(schema.MaxShort))
			d.Set("draw/commit/"+me, wire.BytesValue(make([]byte, schema.MaxDraw)))
			d.Set("draw/reveal/"+me, wire.BytesValue(make([]byte, schema.MaxDraw)))
		})
		p.do(p.organiser, func(d *policytest.Draft) {
			d.Set("draw/rule", text(schema.MaxAbout))
			d.Map("winners/" + string(p.organiser.ID()))
			as := "posts/" + string(d.Post(p.question, "Said elsewhere")) + "/as"
			d.Str(as, "author")
		})
		picture := make([]byte, schema.MaxBlob)
		sum := sha256.Sum256(picture)
		for range 2 {
			p.do(p.organiser, func(d *policytest.Draft) { d.Set("blobs/"+hex.EncodeToString(sum[:]), wire.BytesValue(picture)) })
		}
		// The event is closed and reopened.
		p.do(p.organiser, func(d *policytest.Draft) { d.Bool("event/closed", true) })
		p.do(p.reader, func(d *policytest.Draft) { d.Str(at+"/revisions/"+d.RevisionID(), "What is there can be edited.") })
		p.do(p.organiser, func(d *policytest.Draft) { d.Bool("event/closed", false) })
		p.do(p.reader, func(d *policytest.Draft) { d.Post("", "Open again?") })
	}
}

// TestOlderGenesis: maps that an older genesis did not make can be made later, by people who may
// write into them.
func TestOlderGenesis(t *testing.T) {
	for _, c := range []struct {
		kind, path string
		by, not    string
	}{
		{"event", "draw/commit", "author", "moderator"},
		{"event", "draw/commit", "organiser", "reader"},
		{"event", "draw/reveal", "organiser", "reader"},
		{"event", "draw/reveal", "author", "moderator"},
		{"event", "event/links", "organiser", "author"},
		{"event", "event/x", "organiser", "author"},
		{"club", "club/x", "founder", "author"},
	} {
		p := newScene(t, policytest.Options{Kind: c.kind, Without: c.path})
		people := map[string]*policytest.Writer{
			"founder": p.founder, "organiser": p.organiser, "author": p.author, "moderator": p.moderator, "reader": p.reader,
		}
		d := people[c.not].Clone().Draft()
		d.Map(c.path)
		if err := p.r.Apply(d.Sign()); err == nil || policy.RefusalOf(err).Code != policy.CodeRole {
			t.Errorf("%s, made by %s: %v", c.path, c.not, err)
		}
		p.do(people[c.by], func(d *policytest.Draft) { d.Map(c.path) })
	}
}

func TestAClub(t *testing.T) {
	p := newScene(t, policytest.Options{Kind: "club"})
	if p.r.Policy.Kind() != "club" || p.r.Policy.Access() != "open" || p.r.Policy.Founder() != p.founder.ID() || p.r.Policy.HasNewerRules() {
		t.Errorf("%s, %s, %s", p.r.Policy.Kind(), p.r.Policy.Access(), p.r.Policy.Founder())
	}
	p.do(p.organiser, func(d *policytest.Draft) {
		d.Str("club/title", "A club")
		d.Set("club/about", wire.StringValue(strings.Repeat("x", schema.MaxDescription)))
		d.Str("club/language", "de")
		d.Str("club/x/a", "A")
		week := "weeks/" + string(qa.MakeEventID([16]byte{1}))
		d.Map(week)
		d.Str(week+"/title", "A week")
		d.Str(week+"/authors", "Ann")
		d.Set(week+"/startsAt", wire.IntValue(1))
		d.Set(week+"/endsAt", wire.IntValue(2))
		d.Str(week+"/relay", "ws://a")
	})
}

// TestNewerRules: for an event with later rules only the rules that keep automerge-go from
// aborting apply.
func TestNewerRules(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{RulesVersion: schema.RulesVersion + 1, More: func(d *policytest.Draft) { d.Map("secrets") }})
	p := &scene{World: w, t: t, r: policytest.NewReplica(w.Event)}
	p.apply(w.Changes[0])
	if !p.r.Policy.HasNewerRules() {
		t.Error("HasNewerRules is false for a later version")
	}
	twice := policytest.NewWorld(policytest.Options{Without: "gate", More: func(d *policytest.Draft) {
		d.Str("gate", "newest")
		d.Set("gate", wire.UintValue(schema.RulesVersion+1))
	}})
	if policytest.NewReplica(twice.Event).Apply(twice.Changes[0]) == nil {
		t.Error("a genesis was accepted that first names no version of the rules, and then a later one")
	}
	eve := w.Writer("eve")
	p.do(eve, func(d *policytest.Draft) {
		d.Str("event/title", "Mine now")
		d.Map("secrets/a")
		d.Str("secrets/a/b", "A")
		d.Str("secrets/a/b", "B")
	})
	p.do(eve, func(d *policytest.Draft) { d.Str("secrets/a/b", "C") })
	d := eve.Draft()
	d.Str("secrets/a/b", "D").Pred = nil
	if err := p.r.Apply(d.Sign()); err == nil {
		t.Error("wrong predecessors were accepted")
	}
	d = w.Writer("bob").Draft()
	d.Str("secrets/a/b", "D").Obj.Counter++
	if err := p.r.Apply(d.Sign()); err == nil {
		t.Error("a write into a value was accepted")
	}
}
