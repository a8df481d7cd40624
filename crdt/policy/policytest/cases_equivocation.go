package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// equivocations are changes by people who know that an actor has signed two versions,
// and build on what is void by that.
func (b *build) equivocations() {
	// Eve's question in two versions, the second of them with the first's IDs; then
	// what the bad change is for those who know of both.
	lie := func(name string, bad func(s *scene, d *Draft, first, second qa.PostID)) {
		b.add(policy.CodeEquivocation, name, func(s *scene) Signed {
			x, on := s.eve.Clone(), s.Heads()
			var first, second qa.PostID
			s.eve.DoOn(on, func(d *Draft) { first = d.Post("", "One thing") })
			x.DoOn(on, func(d *Draft) { second = d.Post("", "Another") })
			d := s.reader.Draft()
			if name == "void: somebody who equivocates goes on" {
				d = x.Draft()
			}
			bad(s, d, first, second)
			return d.Sign()
		})
	}
	b.add(policy.CodeDuplicateSeq, "void: a second version of the event's first change", func(s *scene) Signed {
		x := s.founder.Clone()
		x.seq = 0
		d := x.Draft(s.Changes[0].Change.Hash)
		d.Post("", "And nothing of this week counts")
		return d.Sign()
	})
	lie("void: an answer to a post of which there are two versions", func(_ *scene, d *Draft, first, _ qa.PostID) {
		d.Post(first, "To which?")
	})
	lie("void: a reaction to a post of which there are two versions", func(_ *scene, d *Draft, first, _ qa.PostID) {
		me := d.Next()
		d.Ops = append(d.Ops,
			wire.Op{Action: wire.MakeMap, Obj: d.Void("posts/" + string(first) + "/reactions"), Key: wire.Key{Prop: string(d.x.ID())}},
			wire.Op{Action: wire.Set, Obj: me, Key: wire.Key{Prop: "want"}, Value: wire.BoolValue(true)})
	})
	lie("void: somebody who equivocates goes on", func(_ *scene, d *Draft, first, _ qa.PostID) {
		d.Ops = append(d.Ops, wire.Op{
			Action: wire.Set, Obj: d.Void("posts/" + string(first) + "/revisions"),
			Key: wire.Key{Prop: d.RevisionID()}, Value: wire.StringValue("I meant the first"),
		})
	})
	b.add(policy.CodePreds, "void: a write that replaces what is void", func(s *scene) Signed {
		me := "people/" + string(s.eve.ID())
		s.eve.Do(func(d *Draft) { d.Path(me).Str(me+"/name", "Eve") })
		x, on := s.eve.Clone(), s.Heads()
		s.eve.DoOn(on, func(d *Draft) { d.Str(me+"/name", "Evelyn") })
		x.DoOn(on, func(d *Draft) { d.Str(me+"/about", "Me") })
		d := s.Writer("eve/2").Draft()
		d.Str(me+"/name", "Eva").Pred = []wire.OpID{{Counter: s.Changes[len(s.Changes)-2].Change.StartOp, Actor: s.eve.Actor}}
		return d.Sign()
	})
	b.add(policy.CodePreds, "void: a write that does not replace what stands again", func(s *scene) Signed {
		me := "people/" + string(s.eve.ID())
		s.eve.Do(func(d *Draft) { d.Path(me).Str(me+"/name", "Eve") })
		x, on := s.eve.Clone(), s.Heads()
		s.eve.DoOn(on, func(d *Draft) { d.Str(me+"/name", "Evelyn") })
		x.DoOn(on, func(d *Draft) { d.Str(me+"/about", "Me") })
		d := s.Writer("eve/2").Draft()
		d.Str(me+"/name", "Eva").Pred = nil
		return d.Sign()
	})
	b.add(policy.CodeRole, "void: a role by a grant of which there are two versions", func(s *scene) Signed {
		x, on := s.organiser.Clone(), s.Heads()
		s.organiser.DoOn(on, func(d *Draft) { d.Role(s.reader.ID(), qa.RoleModerator, true) })
		x.DoOn(on, func(d *Draft) { d.Str("event/title", "Another") })
		d := s.reader.Draft()
		d.Str("blocks/"+string(s.eve.ID()), "spam")
		return d.Sign()
	})
}
