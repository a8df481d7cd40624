package policytest

import (
	"bytes"
	"fmt"
	"strings"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
)

func (b *build) encodings() {
	spoil := func(code policy.Code, name string, f func(c *wire.Change)) {
		b.addBy(founder, code, name, func(s *scene, d *Draft) {
			d.Str("event/title", "A")
			f(d.Change)
		})
	}
	raw := func(name string, f func(b []byte) []byte) {
		b.add(policy.CodeMalformed, name, func(s *scene) Signed {
			d := s.founder.Draft()
			d.Str("event/title", "A")
			x := d.Sign()
			x.Bytes = f(bytes.Clone(x.Bytes))
			return x
		})
	}
	raw("cut off", func(b []byte) []byte { return b[:len(b)-1] })
	raw("a wrong checksum", func(b []byte) []byte { b[5] ^= 1; return b })
	raw("a trailing byte", func(b []byte) []byte { return append(b, 0) })
	raw("not a change", func([]byte) []byte { return []byte("hello") })
	spoil(policy.CodeMalformed, "extra bytes", func(c *wire.Change) { c.Extra = []byte{1} })
	spoil(policy.CodeMalformed, "a dependency named twice", func(c *wire.Change) { c.Deps = append(c.Deps, c.Deps[len(c.Deps)-1]) })
	spoil(policy.CodeMalformed, "sequence number 0", func(c *wire.Change) { c.Seq = 0 })
	spoil(policy.CodeMalformed, "operation counter 0", func(c *wire.Change) { c.StartOp = 0 })
	spoil(policy.CodeMalformed, "operation counters beyond 2^32", func(c *wire.Change) { c.StartOp = 1 << 32 })
	spoil(policy.CodeMalformed, "an operation that replaces itself", func(c *wire.Change) {
		c.Ops[0].Pred = []wire.OpID{{Counter: c.StartOp, Actor: c.Actor}}
	})
	spoil(policy.CodeMalformed, "an empty key", func(c *wire.Change) { c.Ops[0].Key.Prop = "" })
	spoil(policy.CodeMalformed, "text that is not UTF-8", func(c *wire.Change) { c.Ops[0].Value.Raw = []byte{0xff} })
	spoil(policy.CodeTooLarge, "over-long: 1,001 operations", func(c *wire.Change) {
		for i := range wire.MaxOps {
			c.Ops = append(c.Ops, wire.Op{Action: wire.Set, Key: wire.Key{Prop: fmt.Sprint(i)}, Value: wire.UintValue(1)})
		}
	})
	spoil(policy.CodeTooLarge, "over-long: more than 64 KiB", func(c *wire.Change) {
		c.Ops[0].Value = wire.StringValue(strings.Repeat("x", wire.MaxChange))
	})
}

func (b *build) shapes() {
	shape := func(name string, f func(d *Draft)) {
		b.addBy(founder, policy.CodeSchema, name, func(_ *scene, d *Draft) {
			d.Str("event/title", "A")
			f(d)
		})
	}
	shape("a deleted key", func(d *Draft) {
		d.Ops = nil
		op := d.Bool("roles/"+string(d.x.w.Writer("author").ID())+"/author", false)
		op.Action, op.Value = wire.Del, wire.Value{}
	})
	shape("a list", func(d *Draft) { d.Ops[0].Action, d.Ops[0].Value = wire.MakeList, wire.Value{} })
	shape("a text object", func(d *Draft) { d.Ops[0].Action, d.Ops[0].Value = wire.MakeText, wire.Value{} })
	shape("a counter", func(d *Draft) { d.Ops[0].Value = wire.Value{Kind: wire.Counter, Raw: []byte{1}} })
	shape("null", func(d *Draft) { d.Ops[0].Value = wire.Value{} })
	shape("a float", func(d *Draft) { d.Ops[0].Value = wire.Value{Kind: wire.F64, Raw: make([]byte, 8)} })
	shape("a timestamp", func(d *Draft) { d.Ops[0].Value = wire.Value{Kind: wire.Timestamp, Raw: []byte{1}} })
	shape("a message", func(d *Draft) { d.Message = "hello" })
	shape("no time", func(d *Draft) { d.TimeMillis = 0 })
	shape("a time before 1970", func(d *Draft) { d.TimeMillis = -1 })
	b.add(policy.CodeSchema, "no operations, and not a merge", func(s *scene) Signed {
		return s.eve.Draft(s.eve.last).Sign()
	})
}

func (b *build) sequences() {
	b.addBy(founder, policy.CodeSequence, "a gap in the sequence numbers", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		d.Seq++
	})
	b.add(policy.CodeDuplicateSeq, "a sequence number used in its own past", func(s *scene) Signed {
		x := s.eve.Clone()
		s.eve.Do(func(d *Draft) { d.Post("", "One thing") })
		d := x.Draft()
		d.Post("", "Another")
		return d.Sign()
	})
	b.add(policy.CodeSequence, "not depending on its writer's last change", func(s *scene) Signed {
		d := s.eve.Draft(s.Changes[0].Change.Hash)
		d.Deps = d.Deps[:0]
		d.Deps = append(d.Deps, s.Changes[1].Change.Hash)
		d.past = s.past(d.Deps)
		d.StartOp = s.Changes[1].Change.MaxOp() + 1
		d.Post("", "Hello")
		return d.Sign()
	})
	b.addBy(eve, policy.CodeSequence, "a counter raised to win conflicts", func(_ *scene, d *Draft) {
		d.StartOp += 1000
		d.Post("", "Hello")
	})
	b.addBy(eve, policy.CodeSequence, "a counter below that of its past", func(_ *scene, d *Draft) {
		d.StartOp--
		d.Post("", "Hello")
	})
}
