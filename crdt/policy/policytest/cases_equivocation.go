package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// equivocations are changes that depend on two versions that an actor signed, and that
// refer to something void.
func (b *build) equivocations() {
	// Eve signs two versions of a question, with the same IDs. The bad change depends on both.
	equivocate := func(name string, bad func(s *scene, d *Draft, first, second qa.PostID)) {
		b.add(policy.CodeEquivocation, name, func(s *scene) Signed {
			x, on := s.eve.Clone(), s.Heads()
			var first, second qa.PostID
			s.eve.DoOn(on, func(d *Draft) { first = d.Post("", "One thing") })
			x.DoOn(on, func(d *Draft) { second = d.Post("", "Another") })
			d := s.reader.Draft()
			if name == "void: a further change by an equivocating actor" {
				d = x.Draft()
			}
			bad(s, d, first, second)
			return d.Sign()
		})
	}
	b.add(policy.CodeDuplicateSeq, "void: a second version of the genesis", func(s *scene) Signed {
		x := s.founder.Clone()
		x.seq = 0
		d := x.Draft(s.Changes[0].Change.Hash)
		d.Post("", "And nothing of this week counts")
		return d.Sign()
	})
	equivocate("void: a reply to a post with two versions", func(_ *scene, d *Draft, first, _ qa.PostID) {
		d.Post(first, "To which?")
	})
	equivocate("void: a reaction to a post with two versions", func(_ *scene, d *Draft, first, _ qa.PostID) {
		me := d.Next()
		d.Ops = append(d.Ops,
			wire.Op{Action: wire.MakeMap, Obj: d.Void("posts/" + string(first) + "/reactions"), Key: wire.Key{Prop: string(d.x.ID())}},
			wire.Op{Action: wire.Set, Obj: me, Key: wire.Key{Prop: "want"}, Value: wire.BoolValue(true)})
	})
	equivocate("void: a further change by an equivocating actor", func(_ *scene, d *Draft, first, _ qa.PostID) {
		d.Ops = append(d.Ops, wire.Op{
			Action: wire.Set, Obj: d.Void("posts/" + string(first) + "/revisions"),
			Key: wire.Key{Prop: d.RevisionID()}, Value: wire.StringValue("I meant the first"),
		})
	})
	b.add(policy.CodePreds, "void: a write that replaces a void value", func(s *scene) Signed {
		me := "people/" + string(s.eve.ID())
		s.eve.Do(func(d *Draft) { d.Path(me).Str(me+"/name", "Eve") })
		x, on := s.eve.Clone(), s.Heads()
		s.eve.DoOn(on, func(d *Draft) { d.Str(me+"/name", "Evelyn") })
		x.DoOn(on, func(d *Draft) { d.Str(me+"/about", "Me") })
		d := s.Writer("eve/2").Draft()
		d.Str(me+"/name", "Eva").Pred = []wire.OpID{{Counter: s.Changes[len(s.Changes)-2].Change.StartOp, Actor: s.eve.Actor}}
		return d.Sign()
	})
	b.add(policy.CodePreds, "void: a write that does not replace a restored value", func(s *scene) Signed {
		me := "people/" + string(s.eve.ID())
		s.eve.Do(func(d *Draft) { d.Path(me).Str(me+"/name", "Eve") })
		x, on := s.eve.Clone(), s.Heads()
		s.eve.DoOn(on, func(d *Draft) { d.Str(me+"/name", "Evelyn") })
		x.DoOn(on, func(d *Draft) { d.Str(me+"/about", "Me") })
		d := s.Writer("eve/2").Draft()
		d.Str(me+"/name", "Eva").Pred = nil
		return d.Sign()
	})
	b.add(policy.CodeRole, "void: a role by a grant with two versions", func(s *scene) Signed {
		x, on := s.organiser.Clone(), s.Heads()
		s.organiser.DoOn(on, func(d *Draft) { d.Role(s.reader.ID(), qa.RoleModerator, true) })
		x.DoOn(on, func(d *Draft) { d.Str("event/title", "Another") })
		d := s.reader.Draft()
		d.Str("blocks/"+string(s.eve.ID()), "spam")
		return d.Sign()
	})
}
