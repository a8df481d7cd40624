package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
)

func (b *build) objects() {
	b.addBy(founder, policy.CodeObject, "into a map that nobody made", func(_ *scene, d *Draft) {
		d.Str("event/title", "A").Obj = wire.OpID{Counter: 2, Actor: d.x.w.Writer("nobody").Actor}
	})
	b.addBy(founder, policy.CodeObject, "into an operation that did not make a map", func(s *scene, d *Draft) {
		d.Str("event/title", "A").Obj = wire.OpID{Counter: 1, Actor: s.founder.Actor}
	})
	b.addBy(founder, policy.CodeObject, "into an operation of its own that did not make a map", func(_ *scene, d *Draft) {
		at := d.Next()
		d.Str("event/title", "A")
		d.Str("event/zone", "B").Obj = at
	})
	b.add(policy.CodeObject, "into a map made concurrently", func(s *scene) Signed {
		before := s.Heads()
		s.reader.DoOn(before, func(d *Draft) { d.React(s.reply, "want", true) })
		obj := s.reader.Draft().Obj("posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID()))
		s.author.DoOn(before, func(d *Draft) { d.Post("", "Meanwhile") }) // raises the counters of changes that depend on it
		d := s.Writer("reader/2").Draft(s.author.last)
		d.Str("event/title", "A")
		d.Ops[0] = wire.Op{Action: wire.Set, Obj: obj, Key: wire.Key{Prop: "♥"}, Value: wire.BoolValue(true)}
		return d.Sign()
	})
	pred := func(name string, f func(s *scene, op *wire.Op)) {
		b.add(policy.CodePreds, name, func(s *scene) Signed {
			s.founder.Do(func(d *Draft) { d.Str("event/title", "A") })
			d := s.founder.Draft()
			f(s, d.Str("event/title", "B"))
			return d.Sign()
		})
	}
	pred("not naming the value that it replaces", func(_ *scene, op *wire.Op) { op.Pred = nil })
	pred("replacing a value that nobody wrote", func(s *scene, op *wire.Op) {
		op.Pred = []wire.OpID{{Counter: 3, Actor: s.reader.Actor}}
	})
	pred("replacing one value too many", func(s *scene, op *wire.Op) {
		op.Pred = append([]wire.OpID{{Counter: 1, Actor: s.founder.Actor}}, op.Pred...)
	})
	pred("replacing a value of another key", func(_ *scene, op *wire.Op) { op.Key.Prop = "zone" })
	two := func(name string, f func(one, two *wire.Change, s *scene, op *wire.Op)) {
		b.add(policy.CodePreds, name, func(s *scene) Signed {
			before := s.Heads()
			one := s.founder.DoOn(before, func(d *Draft) { d.Str("event/title", "A") })
			two := s.organiser.DoOn(before, func(d *Draft) { d.Str("event/title", "B") })
			d := s.founder.Draft()
			if name == "replacing a concurrent value" {
				d = s.founder.Draft(one.Change.Hash)
			}
			f(one.Change, two.Change, s, d.Str("event/title", "C"))
			return d.Sign()
		})
	}
	two("replacing only the first of two values", func(_, _ *wire.Change, _ *scene, op *wire.Op) { op.Pred = op.Pred[:1] })
	two("replacing only the second of two values", func(_, _ *wire.Change, _ *scene, op *wire.Op) { op.Pred = op.Pred[1:] })
	two("replacing a concurrent value", func(_, two *wire.Change, _ *scene, op *wire.Op) {
		op.Pred = append(op.Pred, wire.OpID{Counter: two.StartOp, Actor: two.Actor})
		if !op.Pred[0].Less(op.Pred[1]) {
			op.Pred[0], op.Pred[1] = op.Pred[1], op.Pred[0]
		}
	})
	b.add(policy.CodePreds, "replacing a value that was replaced before", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Str("event/title", "A") })
		d := s.founder.Draft()
		op := d.Str("event/title", "C")
		old := op.Pred
		s.founder.Do(func(d *Draft) { d.Str("event/title", "B") })
		d = s.founder.Draft()
		d.Str("event/title", "C").Pred = old
		return d.Sign()
	})
	b.addBy(reader, policy.CodePreds, "a new post that replaces another", func(s *scene, d *Draft) {
		d.Post("", "Hello")
		d.Ops[0].Pred = []wire.OpID{d.Obj("posts/" + string(s.question))}
	})
}
