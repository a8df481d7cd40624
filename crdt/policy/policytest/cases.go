package policytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Case is a change that nobody may take, and what has to be there before it.
type Case struct {
	Name  string
	Code  policy.Code // it is refused with
	Event qa.EventID
	Setup []Signed // valid, in causal order
	Bad   Signed
}

// scene is the event that most cases are set in, and who is in it.
type scene struct {
	*World
	founder, organiser, author, moderator *Writer
	reader, eve                           *Writer
	question, reply                       qa.PostID // the reader's, and the author's reply to it
	byEve                                 qa.PostID // a question of Eve's
}

func newScene(o Options) *scene {
	s := &scene{World: NewWorld(o)}
	s.founder = s.Founder
	s.organiser, s.author, s.moderator = s.Writer("organiser"), s.Writer("author"), s.Writer("moderator")
	s.reader, s.eve = s.Writer("reader"), s.Writer("eve")
	s.founder.Do(func(d *Draft) {
		d.Role(s.organiser.ID(), qa.RoleOrganiser, true)
		d.Role(s.author.ID(), qa.RoleAuthor, true)
		d.Role(s.moderator.ID(), qa.RoleModerator, true)
		if o.Access == "invited" {
			d.Role(s.reader.ID(), qa.RoleMember, true)
		}
	})
	s.reader.Do(func(d *Draft) { s.question = d.Post("", "Why?") })
	s.author.Do(func(d *Draft) { s.reply = d.Post(s.question, "Because.") })
	if o.Access != "invited" {
		s.eve.Do(func(d *Draft) { s.byEve = d.Post("", "And I?") })
	}
	return s
}

func (s *scene) at(rest string) string { return "posts/" + string(s.question) + "/" + rest }

// build collects cases.
type build []Case

// add adds a case that is set in a scene. make returns the bad change.
func (b *build) add(code policy.Code, name string, make func(s *scene) Signed) {
	b.addIn(Options{}, code, name, make)
}

func (b *build) addIn(o Options, code policy.Code, name string, make func(s *scene) Signed) {
	s := newScene(o)
	bad := make(s)
	*b = append(*b, Case{Name: name, Code: code, Event: s.Event, Setup: s.Changes, Bad: bad})
}

// addBy adds a case in which somebody drafts the bad change on the scene's heads.
func (b *build) addBy(who func(*scene) *Writer, code policy.Code, name string, f func(s *scene, d *Draft)) {
	b.add(code, name, func(s *scene) Signed {
		d := who(s).Draft()
		f(s, d)
		return d.Sign()
	})
}

// addGenesis adds a case whose bad change begins the event.
func (b *build) addGenesis(code policy.Code, name string, o Options, f func(d *Draft)) {
	w := &World{}
	d := Genesis(w, o)
	if f != nil {
		f(d)
	}
	bad := d.Sign()
	*b = append(*b, Case{Name: name, Code: code, Event: w.Event, Bad: bad})
}

func founder(s *scene) *Writer   { return s.founder }
func organiser(s *scene) *Writer { return s.organiser }
func author(s *scene) *Writer    { return s.author }
func moderator(s *scene) *Writer { return s.moderator }
func reader(s *scene) *Writer    { return s.reader }
func eve(s *scene) *Writer       { return s.eve }

// Cases returns the table. The cases do not depend on each other; many are set in
// events that begin alike and so have one ID.
func Cases() []Case {
	var b build
	b.signatures()
	b.bytes()
	b.shapes()
	b.sequences()
	b.equivocations()
	b.beginnings()
	b.objects()
	b.keysAndValues()
	b.posts()
	b.roles()
	b.owners()
	b.invitations()
	b.floods()
	return b
}

// WeakKeys returns public keys of small order for which the signature that
// SignWeak makes fits every message, as far as the equation goes.
func WeakKeys() map[string][32]byte {
	return map[string][32]byte{
		"the neutral point":                {1},
		"the neutral point with a sign":    {1, 31: 0x80},
		"the neutral point, not canonical": {0: 0xee, 1: 0xff, 2: 0xff, 3: 0xff, 4: 0xff, 5: 0xff, 6: 0xff, 7: 0xff, 8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff, 16: 0xff, 17: 0xff, 18: 0xff, 19: 0xff, 20: 0xff, 21: 0xff, 22: 0xff, 23: 0xff, 24: 0xff, 25: 0xff, 26: 0xff, 27: 0xff, 28: 0xff, 29: 0xff, 30: 0xff, 31: 0x7f},
	}
}

// SignWeak returns a signature that fits every message for the keys of WeakKeys:
// R is the neutral point and S is 0.
func SignWeak() []byte { return append([]byte{1}, make([]byte, keys.SignatureSize-1)...) }

// byWeakKey is a change in which nobody says their name.
func (s *scene) byWeakKey(key [32]byte) Signed {
	x := &Writer{w: s.World, Key: s.eve.Key, Actor: wire.ActorID(key[:]) + "12345678"}
	d := x.Draft()
	at := "people/" + hex.EncodeToString(key[:])
	d.Map(at)
	d.Str(at+"/name", "Nobody")
	c := d.Sign()
	c.Signature = SignWeak()
	return c
}

func (b *build) signatures() {
	write := func(s *scene) *Draft {
		d := s.eve.Draft()
		d.Post("", "Hello")
		return d
	}
	b.add(policy.CodeSignature, "unsigned", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = nil
		return x
	})
	b.add(policy.CodeSignature, "signed with zeros", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = make([]byte, keys.SignatureSize)
		return x
	})
	b.add(policy.CodeSignature, "a bit of the signature flipped", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature[17] ^= 4
		return x
	})
	b.add(policy.CodeSignature, "forged: somebody's actor, signed by another", func(s *scene) Signed {
		d := s.author.Draft()
		d.Post(s.question, "I am the author.")
		x := d.Sign()
		x.Signature, _ = keys.Sign(s.eve.Key, s.Event, x.Change.Hash)
		return x
	})
	b.add(policy.CodeSignature, "with the signature of another change", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = s.Changes[len(s.Changes)-1].Signature
		return x
	})
	b.add(policy.CodeSignature, "edited after it was signed", func(s *scene) Signed {
		x := write(s).Sign()
		i := bytes.Index(x.Bytes, []byte("Hello"))
		c := *x.Change
		c.Ops = append([]wire.Op(nil), c.Ops...)
		c.Ops[len(c.Ops)-1].Value = wire.StringValue("Jello")
		x.Change, x.Bytes = &c, c.Encode()
		if i < 0 || bytes.Contains(x.Bytes, []byte("Hello")) {
			panic("trusttest: nothing was edited")
		}
		return x
	})
	b.add(policy.CodeSignature, "replayed into another event, by its signature", func(s *scene) Signed {
		return write(s).SignFor(qa.MakeEventID([16]byte{7}))
	})
	for name, key := range WeakKeys() {
		b.add(policy.CodeWeakKey, "by "+name+", with a signature that fits", func(s *scene) Signed {
			return s.byWeakKey(key)
		})
	}
	b.add(policy.CodeSignature, "by an actor that names nobody", func(s *scene) Signed {
		d := write(s)
		d.Actor, d.Seq = "0123456789abcdef", 1
		d.Ops = nil
		d.StrAtRoot("k", "v")
		return d.Sign()
	})
}

func (b *build) bytes() {
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
	raw("a byte too many", func(b []byte) []byte { return append(b, 0) })
	raw("no change at all", func([]byte) []byte { return []byte("hello") })
	spoil(policy.CodeMalformed, "extra bytes", func(c *wire.Change) { c.Extra = []byte{1} })
	spoil(policy.CodeMalformed, "a dep twice", func(c *wire.Change) { c.Deps = append(c.Deps, c.Deps[len(c.Deps)-1]) })
	spoil(policy.CodeMalformed, "number 0", func(c *wire.Change) { c.Seq = 0 })
	spoil(policy.CodeMalformed, "an operation number 0", func(c *wire.Change) { c.StartOp = 0 })
	spoil(policy.CodeMalformed, "operation numbers beyond 2^32", func(c *wire.Change) { c.StartOp = 1 << 32 })
	spoil(policy.CodeMalformed, "replacing itself", func(c *wire.Change) {
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
	shape("a counter", func(d *Draft) { d.Ops[0].Value = wire.CounterValue(1) })
	shape("null", func(d *Draft) { d.Ops[0].Value = wire.Value{} })
	shape("a float", func(d *Draft) { d.Ops[0].Value = wire.FloatValue(1) })
	shape("a timestamp", func(d *Draft) { d.Ops[0].Value = wire.TimestampValue(1) })
	shape("a message", func(d *Draft) { d.Message = "hello" })
	shape("no time", func(d *Draft) { d.TimeMillis = 0 })
	shape("a time before 1970", func(d *Draft) { d.TimeMillis = -1 })
	b.add(policy.CodeSchema, "nothing, and no merge", func(s *scene) Signed {
		return s.eve.Draft(s.eve.last).Sign()
	})
}

func (b *build) sequences() {
	b.addBy(founder, policy.CodeSequence, "a number left out", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		d.Seq++
	})
	b.add(policy.CodeDuplicateSeq, "a number that is used in its own past", func(s *scene) Signed {
		x := s.eve.Clone()
		s.eve.Do(func(d *Draft) { d.Post("", "One thing") })
		d := x.Draft()
		d.Post("", "Another")
		return d.Sign()
	})
	b.add(policy.CodeSequence, "re-ordered: not on top of its writer's own last", func(s *scene) Signed {
		d := s.eve.Draft(s.Changes[0].Change.Hash)
		d.Deps = d.Deps[:0]
		d.Deps = append(d.Deps, s.Changes[1].Change.Hash)
		d.past = s.past(d.Deps)
		d.StartOp = s.Changes[1].Change.MaxOp() + 1
		d.Post("", "Hello")
		return d.Sign()
	})
	b.addBy(eve, policy.CodeSequence, "a high counter, to win", func(_ *scene, d *Draft) {
		d.StartOp += 1000
		d.Post("", "Hello")
	})
	b.addBy(eve, policy.CodeSequence, "back-dated: a counter below its past's", func(_ *scene, d *Draft) {
		d.StartOp--
		d.Post("", "Hello")
	})
}

func (b *build) beginnings() {
	b.add(policy.CodeGenesis, "a second beginning", func(s *scene) Signed {
		w := &World{Event: s.Event}
		return Genesis(w, Options{By: "eve/2"}).Sign()
	})
	{
		w := NewWorld(Options{})
		bad := Genesis(&World{Event: w.Event}, Options{By: "eve"}).Sign()
		*b = append(*b, Case{Name: "the beginning of another event", Code: policy.CodeGenesis, Event: w.Event, Bad: bad})
	}
	for _, part := range []string{"kind", "gate", "access", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays"} {
		b.addGenesis(policy.CodeGenesis, "a beginning without "+part, Options{Without: part}, nil)
	}
	b.addGenesis(policy.CodeGenesis, "an event without its own map", Options{Without: "event"}, nil)
	b.addGenesis(policy.CodeGenesis, "a club without weeks", Options{Kind: "club", Without: "weeks"}, nil)
	b.addGenesis(policy.CodeGenesis, "an event with the weeks of a club", Options{}, func(d *Draft) { d.Map("weeks") })
	b.addGenesis(policy.CodeGenesis, "an event with the map of a club", Options{}, func(d *Draft) { d.Map("club") })
	b.addGenesis(policy.CodeGenesis, "a club with the map of an event", Options{Kind: "club"}, func(d *Draft) { d.Map("event") })
	b.addGenesis(policy.CodeGenesis, "rules of version 0", Options{Without: "gate"}, func(d *Draft) { d.Set("gate", wire.UintValue(0)) })
	b.addGenesis(policy.CodeGenesis, "rules of a version that is a text", Options{Without: "gate"}, func(d *Draft) { d.Str("gate", "1") })
	b.addGenesis(policy.CodeValue, "a kind that is none", Options{Kind: "party", Without: "party"}, nil)
	b.addGenesis(policy.CodeValue, "an access that is none", Options{Access: "secret"}, nil)
	b.addGenesis(policy.CodeOnce, "a root map made twice", Options{}, func(d *Draft) { d.Map("posts") })
	b.addGenesis(policy.CodeKey, "a root key that the schema lacks", Options{}, func(d *Draft) { d.Map("secrets") })
	b.addGenesis(policy.CodeObject, "a beginning that works in no map", Options{}, func(d *Draft) {
		op := d.Str("event/title", "A")
		op.Obj = wire.OpID{Counter: 1, Actor: d.Actor} // the operation that sets kind
	})
	for _, key := range []string{
		"event", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays", "club", "weeks",
	} {
		b.addBy(founder, policy.CodeOnce, "made later: "+key, func(_ *scene, d *Draft) { d.Map(key) })
	}
	for key, v := range map[string]wire.Value{"kind": wire.StringValue("club"), "access": wire.StringValue("invited"), "gate": wire.UintValue(2)} {
		b.addBy(founder, policy.CodeOnce, "changed later: "+key, func(_ *scene, d *Draft) { d.Set(key, v) })
	}
	b.addBy(founder, policy.CodeKey, "a root key made later", func(_ *scene, d *Draft) { d.Map("secrets") })
}

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

func (b *build) objects() {
	b.addBy(founder, policy.CodeObject, "into a map of nobody", func(_ *scene, d *Draft) {
		d.Str("event/title", "A").Obj = wire.OpID{Counter: 2, Actor: d.x.w.Writer("nobody").Actor}
	})
	b.addBy(founder, policy.CodeObject, "into an operation that made no map", func(s *scene, d *Draft) {
		d.Str("event/title", "A").Obj = wire.OpID{Counter: 1, Actor: s.founder.Actor}
	})
	b.addBy(founder, policy.CodeObject, "into its own operation that made no map", func(_ *scene, d *Draft) {
		at := d.Next()
		d.Str("event/title", "A")
		d.Str("event/zone", "B").Obj = at
	})
	b.add(policy.CodeObject, "into a map beside its past", func(s *scene) Signed {
		before := s.Heads()
		s.reader.DoOn(before, func(d *Draft) { d.React(s.reply, "want", true) })
		obj := s.reader.Draft().Obj("posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID()))
		s.author.DoOn(before, func(d *Draft) { d.Post("", "Meanwhile") }) // so that its counters are beyond
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
	pred("naming nothing that it replaces", func(_ *scene, op *wire.Op) { op.Pred = nil })
	pred("replacing what nobody wrote", func(s *scene, op *wire.Op) {
		op.Pred = []wire.OpID{{Counter: 3, Actor: s.reader.Actor}}
	})
	pred("replacing one thing too many", func(s *scene, op *wire.Op) {
		op.Pred = append([]wire.OpID{{Counter: 1, Actor: s.founder.Actor}}, op.Pred...)
	})
	pred("replacing at another key", func(_ *scene, op *wire.Op) { op.Key.Prop = "zone" })
	two := func(name string, f func(one, two *wire.Change, s *scene, op *wire.Op)) {
		b.add(policy.CodePreds, name, func(s *scene) Signed {
			before := s.Heads()
			one := s.founder.DoOn(before, func(d *Draft) { d.Str("event/title", "A") })
			two := s.organiser.DoOn(before, func(d *Draft) { d.Str("event/title", "B") })
			d := s.founder.Draft()
			if name == "replacing beside its past" {
				d = s.founder.Draft(one.Change.Hash)
			}
			f(one.Change, two.Change, s, d.Str("event/title", "C"))
			return d.Sign()
		})
	}
	two("replacing one of two", func(_, _ *wire.Change, _ *scene, op *wire.Op) { op.Pred = op.Pred[:1] })
	two("replacing the other of two", func(_, _ *wire.Change, _ *scene, op *wire.Op) { op.Pred = op.Pred[1:] })
	two("replacing beside its past", func(_, two *wire.Change, _ *scene, op *wire.Op) {
		op.Pred = append(op.Pred, wire.OpID{Counter: two.StartOp, Actor: two.Actor})
		if !op.Pred[0].Less(op.Pred[1]) {
			op.Pred[0], op.Pred[1] = op.Pred[1], op.Pred[0]
		}
	})
	b.add(policy.CodePreds, "replacing what was replaced", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Str("event/title", "A") })
		d := s.founder.Draft()
		op := d.Str("event/title", "C")
		old := op.Pred
		s.founder.Do(func(d *Draft) { d.Str("event/title", "B") })
		d = s.founder.Draft()
		d.Str("event/title", "C").Pred = old
		return d.Sign()
	})
	b.addBy(reader, policy.CodePreds, "a new post that replaces something", func(s *scene, d *Draft) {
		d.Post("", "Hello")
		d.Ops[0].Pred = []wire.OpID{d.Obj("posts/" + string(s.question))}
	})
}

// floods are changes that say more than a person could, and what costs others more
// than it costs its writer.
func (b *build) floods() {
	b.addBy(reader, policy.CodeRepeated, "a key twice", func(s *scene, d *Draft) {
		d.Str(s.at("tags"), "a")
		d.Str(s.at("tags"), "b")
	})
	b.addBy(founder, policy.CodeRepeated, "a key twice, not replacing what it wrote itself", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		d.Str("event/title", "B").Pred = nil
	})
	b.addBy(founder, policy.CodeRepeated, "a key twice, among many", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		for i := range schema.MaxLinks {
			d.Map(fmt.Sprint("event/links/", i))
			d.Str(fmt.Sprint("event/links/", i, "/url"), "A")
		}
		d.Str("event/title", "B")
	})
	b.addBy(eve, policy.CodeRepeated, "1,000 operations on one key", func(s *scene, d *Draft) {
		at := "posts/" + string(s.byEve)
		for i := range wire.MaxOps {
			d.Str(at+"/state", []string{"withdrawn", ""}[i%2])
		}
	})
	b.addGenesis(policy.CodeRepeated, "founding with a title twice", Options{}, func(d *Draft) {
		d.Str("event/title", "A")
		d.Str("event/title", "B")
	})
	b.addBy(reader, policy.CodeOperations, "many versions at once", func(s *scene, d *Draft) {
		for range 40 {
			d.Str(s.at("revisions/"+d.RevisionID()), "again")
		}
	})
	b.addBy(reader, policy.CodeOperations, "many posts at once", func(_ *scene, d *Draft) {
		for range 5 {
			d.Post("", "again")
		}
	})
	b.addBy(reader, policy.CodeOperations, "reactions to many posts at once", func(s *scene, d *Draft) {
		for i := range schema.MaxReactions / 2 {
			d.React(s.reply, fmt.Sprint("e", i), true)
			d.React(s.question, fmt.Sprint("e", i), true)
		}
	})
	b.addBy(moderator, policy.CodeOperations, "many people blocked at once", func(_ *scene, d *Draft) {
		for i := range 5 {
			d.Str("blocks/"+string(KeyOf(fmt.Sprint(i)).Identity()), "spam")
		}
	})
	b.addBy(founder, policy.CodeOperations, "roles for many at once", func(_ *scene, d *Draft) {
		for i := range 20 {
			d.Role(KeyOf(fmt.Sprint(i)).Identity(), qa.RoleMember, true)
		}
	})
	b.addBy(moderator, policy.CodeOperations, "marks of many posts at once", func(s *scene, d *Draft) {
		for _, id := range []qa.PostID{s.question, s.reply, s.byEve} {
			for _, mark := range []string{"hidden", "pinned", "approved", "answered"} {
				if mark == "hidden" {
					d.Str("posts/"+string(id)+"/marks/hidden", "no")
				} else {
					d.Bool("posts/"+string(id)+"/marks/"+mark, true)
				}
			}
		}
	})
	b.add(policy.CodeTooOften, "a key once more than it may be written", func(s *scene) Signed {
		// By two devices of one person, whose writes count together.
		other := s.Writer("reader/2")
		for i := range schema.MaxWrites {
			[]*Writer{s.reader, other}[i%2].Do(func(d *Draft) { d.Str(s.at("state"), []string{"withdrawn", ""}[i%2]) })
		}
		d := s.reader.Draft()
		d.Str(s.at("state"), "withdrawn")
		return d.Sign()
	})
	b.add(policy.CodeTooOften, "one version of a text too many", func(s *scene) Signed {
		for range schema.MaxRevisions - 1 {
			s.reader.Do(func(d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "again") })
		}
		d := s.reader.Draft()
		d.Str(s.at("revisions/"+d.RevisionID()), "again")
		return d.Sign()
	})
	b.add(policy.CodeTooOften, "several versions at once that are too many", func(s *scene) Signed {
		for range schema.MaxRevisions - 2 {
			s.reader.Do(func(d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "again") })
		}
		d := s.reader.Draft()
		for range 2 {
			d.Str(s.at("revisions/"+d.RevisionID()), "again")
		}
		return d.Sign()
	})
}

func (b *build) keysAndValues() {
	me := string(KeyOf("founder").Identity())
	keys := map[string]string{
		"event/colour":                       "a field that events lack",
		"event/links/20":                     "a link too many",
		"event/links/01":                     "a link by another name",
		"roles/somebody":                     "roles of something that is nobody",
		"people/" + strings.ToUpper(me):      "a person in capitals",
		"people/" + me[:63]:                  "a person cut short",
		"event/x/" + strings.Repeat("n", 65): "a long name in x",
	}
	for path, name := range keys {
		b.addBy(founder, policy.CodeKey, name, func(_ *scene, d *Draft) {
			if strings.HasPrefix(path, "event/") && !strings.HasPrefix(path, "event/links") {
				d.Str(path, "A")
			} else {
				d.Map(path)
			}
		})
	}
	for path, name := range map[string]string{
		"relays/8":                "a relay too many",
		"relays/1000":             "a relay far too many",
		"blocks/eve":              "a block of something that is nobody",
		"contacts/nobody":         "the contact of nobody",
		"blobs/picture":           "a blob by name",
		"draw/seed":               "something else in the draw",
		"winners/nobody":          "the winners of nobody",
		"roles/" + me + "/king":   "a role that is none",
		"people/" + me + "/phone": "something else about a person",
	} {
		b.addBy(founder, policy.CodeKey, name, func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Str(path, "A")
		})
	}
	b.addBy(reader, policy.CodeKey, "something else of a post", func(s *scene, d *Draft) { d.Str(s.at("colour"), "red") })
	b.addBy(moderator, policy.CodeKey, "a mark that is none", func(s *scene, d *Draft) { d.Bool(s.at("marks/great"), true) })
	b.addBy(reader, policy.CodeKey, "an emoji of 33 bytes", func(s *scene, d *Draft) { d.React(s.reply, strings.Repeat("x", 33), true) })
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "a club's week that is no event", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Map("weeks/next")
		return d.Sign()
	})
	b.addIn(Options{Kind: "club"}, policy.CodeKey, "the closing of a club", func(s *scene) Signed {
		d := s.founder.Draft()
		d.Bool("club/closed", true)
		return d.Sign()
	})

	for path, v := range map[string]wire.Value{
		"event/title":                  wire.BytesValue([]byte("A")),
		"event/startsAt":               wire.UintValue(5),
		"event/prizes":                 wire.IntValue(5),
		"event/closed":                 wire.StringValue("true"),
		"event/approve":                wire.UintValue(1),
		"event/movedTo":                wire.StringValue("elsewhere"),
		"event/cover":                  wire.StringValue("cover.jpg"),
		"people/" + me + "/publishAs":  wire.StringValue("loudly"),
		"roles/" + me + "/author":      wire.StringValue("yes"),
		"draw/commit/" + me:            wire.StringValue("secret"),
		"contacts/" + me:               wire.StringValue("by mail"),
		"blocks/" + me[1:] + "0":       wire.BoolValue(true),
		"event/links":                  wire.StringValue("none"),
		"people/" + me:                 wire.StringValue("me"),
		"winners/" + me + "/" + postID: wire.BoolValue(true),
	} {
		b.addBy(founder, policy.CodeValue, "a value of another kind at "+strings.ReplaceAll(strings.ReplaceAll(path, me, "<id>"), me[1:]+"0", "<id>"), func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Set(path, v)
		})
	}
	b.addBy(founder, policy.CodeValue, "a map for a value", func(_ *scene, d *Draft) { d.Map("event/title") })
	b.addBy(moderator, policy.CodeValue, "hidden without words", func(s *scene, d *Draft) { d.Bool(s.at("marks/hidden"), true) })
	b.addBy(moderator, policy.CodeValue, "a duplicate of something that is no post", func(s *scene, d *Draft) { d.Str(s.at("marks/duplicateOf"), "that") })
	b.addBy(reader, policy.CodeValue, "a state that is none", func(s *scene, d *Draft) { d.Str(s.at("state"), "lost") })
	b.addBy(reader, policy.CodeValue, "a reaction in words", func(s *scene, d *Draft) {
		at := "posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID())
		d.Path(at).Str(at+"/want", "very much")
	})
	b.addBy(founder, policy.CodeValue, "a post as somebody else", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/as", "king")
	})
	b.addBy(founder, policy.CodeValue, "an origin that is no post", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/origin", "that")
	})

	long := func(n int) wire.Value { return wire.StringValue(strings.Repeat("x", n)) }
	for path, v := range map[string]wire.Value{
		"event/title":                  long(schema.MaxShort + 1),
		"event/authors":                long(schema.MaxShort + 1),
		"event/description":            long(schema.MaxDescription + 1),
		"event/x/colour":               long(schema.MaxXValue + 1),
		"relays/0":                     long(schema.MaxShort + 1),
		"people/" + me + "/name":       long(schema.MaxName + 1),
		"people/" + me + "/about":      long(schema.MaxAbout + 1),
		"people/" + me + "/link":       long(schema.MaxPersonLink + 1),
		"draw/rule":                    long(schema.MaxAbout + 1),
		"draw/commit/" + me:            wire.BytesValue(make([]byte, schema.MaxDraw+1)),
		"contacts/" + me:               wire.BytesValue(make([]byte, schema.MaxContact+1)),
		"event/startsAt":               wire.IntValue(1 << 53),
		"event/endsAt":                 wire.IntValue(-1 << 53),
		"event/prizes":                 wire.UintValue(1 << 53),
		"winners/" + me + "/" + postID: long(schema.MaxShort + 1),
	} {
		b.addBy(founder, policy.CodeLimit, "over-long: "+strings.ReplaceAll(path, me, "<id>"), func(_ *scene, d *Draft) {
			if up, _ := split(path); strings.Contains(up, "/") {
				d.Path(up)
			}
			d.Set(path, v)
		})
	}
	b.texts()
	b.addBy(eve, policy.CodeLimit, "over-long: a text of 32 KiB and a byte", func(_ *scene, d *Draft) { d.Post("", strings.Repeat("x", schema.MaxText+1)) })
	b.addBy(reader, policy.CodeLimit, "over-long: tags", func(s *scene, d *Draft) { d.Set(s.at("tags"), long(schema.MaxTags+1)) })
	b.addBy(moderator, policy.CodeLimit, "over-long: a reason", func(s *scene, d *Draft) { d.Set(s.at("marks/hidden"), long(schema.MaxReason+1)) })
	b.addBy(founder, policy.CodeLimit, "over-long: on whose behalf", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Set("posts/"+string(id)+"/onBehalfOf", long(schema.MaxName+1))
	})
	b.addBy(reader, policy.CodeLimit, "21 emoji at once", func(s *scene, d *Draft) {
		for i := range schema.MaxReactions + 1 {
			d.React(s.reply, fmt.Sprint("e", i), true)
		}
	})
	b.addBy(founder, policy.CodeLimit, "21 x among other things", func(_ *scene, d *Draft) {
		for i := range schema.MaxLinks {
			d.Map(fmt.Sprint("event/links/", i))
		}
		for i := range schema.MaxXKeys + 1 {
			d.Str(fmt.Sprint("event/x/", i), "A")
		}
	})
	b.add(policy.CodeLimit, "a 21st emoji", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) {
			for i := range schema.MaxReactions {
				d.React(s.reply, fmt.Sprint("e", i), true)
			}
		})
		d := s.reader.Draft()
		d.React(s.reply, "one more", true)
		return d.Sign()
	})
	b.addBy(founder, policy.CodeLimit, "21 names in the event's x", func(_ *scene, d *Draft) {
		for i := range schema.MaxXKeys + 1 {
			d.Str(fmt.Sprint("event/x/", i), "A")
		}
	})
	b.addBy(reader, policy.CodeLimit, "21 names in a post's x", func(s *scene, d *Draft) {
		d.Map(s.at("x"))
		for i := range schema.MaxXKeys + 1 {
			d.Str(s.at(fmt.Sprint("x/", i)), "A")
		}
	})
}

// postID is a post ID of nobody's.
var postID = string(qa.MakePostID("0123456789abcdef", []byte("01234567"), 7))

// InvalidTexts are strings that an event of version 2 takes nowhere, by what is wrong.
var InvalidTexts = map[string]string{
	"NUL":                                   "a\x00b",
	"escape":                                "a\x1b[31mb",
	"a carriage return":                     "a\r\nb",
	"DEL":                                   "a\x7fb",
	"C1":                                    "a\u009b31mb",
	"a right-to-left override":              "a\u202eb",
	"an embedding":                          "a\u202ab\u202c",
	"an isolate":                            "\u2067a\u2069",
	"a deprecated control":                  "a\u206ab",
	"a noncharacter":                        "a\uffffb",
	"a noncharacter of another plane":       "a\U0001fffeb",
	"a noncharacter of the Arabic block":    "a\ufdd0b",
	"a zero-width space alone":              "\u200b",
	"spaces alone":                          " \u00a0 ",
	"fillers alone":                         "\u3164\u115f\u2800",
	"a joiner and a variation selector":     "\u200d\ufe0f",
	"tags alone":                            "\U000e0067\U000e007f",
	"a soft hyphen and a byte order mark":   "\u00ad\ufeff",
	"accents on nothing":                    " \u0301\u20dd",
	"an invisible operator and a word join": "\u2062\u2060",
}

// InvalidLines are texts that an event of version 2 does not take where it wants a line.
var InvalidLines = map[string]string{
	"a line break":            "a\nb",
	"a tab":                   "a\tb",
	"a line separator":        "a\u2028b",
	"a right-to-left mark":    "a\u200fb",
	"an Arabic letter mark":   "a\u061cb",
	"a line break at the end": "a\n",
}

// texts are strings that are no texts, or no lines.
func (b *build) texts() {
	for name, s := range InvalidTexts {
		b.addBy(eve, policy.CodeText, "a question with "+name, func(_ *scene, d *Draft) { d.Post("", s) })
		b.addBy(eve, policy.CodeText, "a name with "+name, func(x *scene, d *Draft) {
			me := "people/" + string(x.eve.ID())
			d.Path(me).Str(me+"/name", s)
		})
	}
	for name, s := range InvalidLines {
		b.addBy(founder, policy.CodeText, "a title with "+name, func(_ *scene, d *Draft) { d.Str("event/title", s) })
	}
	const line = "a\nb"
	b.addBy(founder, policy.CodeText, "authors on two lines", func(_ *scene, d *Draft) { d.Str("event/authors", line) })
	b.addBy(founder, policy.CodeText, "a relay on two lines", func(_ *scene, d *Draft) { d.Str("relays/0", line) })
	b.addBy(founder, policy.CodeText, "a link's text on two lines", func(_ *scene, d *Draft) {
		d.Path("event/links/0").Str("event/links/0/text", line)
	})
	b.addBy(reader, policy.CodeText, "tags on two lines", func(s *scene, d *Draft) { d.Str(s.at("tags"), line) })
	b.addBy(eve, policy.CodeText, "on behalf of somebody on two lines", func(_ *scene, d *Draft) {
		id := d.Post("", "Hello")
		d.Str("posts/"+string(id)+"/onBehalfOf", line)
	})
	b.addBy(moderator, policy.CodeText, "a reason with NUL", func(s *scene, d *Draft) { d.Str(s.at("marks/hidden"), "a\x00b") })
	b.addBy(moderator, policy.CodeText, "a block whose reason cannot be seen", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "\u200b") })
	b.addBy(founder, policy.CodeText, "a description with NUL", func(_ *scene, d *Draft) { d.Str("event/description", "a\x00b") })
	b.addBy(founder, policy.CodeText, "a key of x with a line break", func(_ *scene, d *Draft) { d.Str("event/x/a\nb", "A") })
	b.addBy(reader, policy.CodeText, "an emoji that cannot be seen", func(s *scene, d *Draft) { d.React(s.reply, "\u200d\ufe0f", true) })
	b.addIn(Options{Kind: "club"}, policy.CodeText, "a club's week with NUL in its title", func(s *scene) Signed {
		week := "weeks/" + string(qa.MakeEventID([16]byte{1}))
		d := s.founder.Draft()
		d.Map(week)
		d.Str(week+"/title", "a\x00b")
		return d.Sign()
	})
	b.addGenesis(policy.CodeText, "a beginning with a title that cannot be seen", Options{More: func(d *Draft) { d.Str("event/title", "\u200b") }}, nil)
}

func (b *build) posts() {
	for _, part := range []string{"revisions", "reactions", "marks", "marks/assigned", "marks/candidate", "parent", "at", "revision"} {
		b.addBy(eve, policy.CodePost, "a post without "+part, func(_ *scene, d *Draft) { d.Post("", "Hello", part) })
	}
	b.addBy(eve, policy.CodePost, "a post with two versions of its text", func(_ *scene, d *Draft) {
		at := "posts/" + string(d.Post("", "Hello"))
		d.Str(at+"/revisions/"+d.RevisionID(), "Hello again")
	})
	for name, id := range map[string]func(s *scene, d *Draft) string{
		"a post by the name of another": func(s *scene, _ *Draft) string { return string(s.question) },
		"a post by a name of somebody else's": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.reader.ID(), []byte(s.reader.Actor), d.Next().Counter))
		},
		"a post by the name of a later operation": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter+1))
		},
		"a post by the name of an earlier one": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter-1))
		},
		"a post by the name of one's other device": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(s.Writer("eve/2").Actor), d.Next().Counter))
		},
		"a post by no name": func(*scene, *Draft) string { return "first" },
	} {
		b.addBy(eve, policy.CodePostID, name, func(s *scene, d *Draft) { d.Map("posts/" + id(s, d)) })
	}
	b.addBy(reader, policy.CodeRevisionID, "a version of a text written over another", func(s *scene, d *Draft) {
		at := s.at("revisions")
		for _, c := range d.past {
			for _, op := range c.Ops {
				if op.Obj == d.Obj(at) {
					d.Str(at+"/"+op.Key.Prop, "Something else")
					return
				}
			}
		}
	})
	b.addBy(reader, policy.CodeRevisionID, "a version by the name of a later operation", func(s *scene, d *Draft) {
		d.Str(s.at("revisions/"+string(qa.MakeRevisionID([]byte(d.Actor), d.Next().Counter+1))), "A")
	})
	b.addBy(reader, policy.CodeRevisionID, "a version by the name of another's operation", func(s *scene, d *Draft) {
		d.Str(s.at("revisions/"+string(qa.MakeRevisionID([]byte(s.eve.Actor), d.Next().Counter))), "A")
	})
	parent := func(name string, id func(s *scene, d *Draft) qa.PostID) {
		b.addBy(eve, policy.CodeParent, name, func(s *scene, d *Draft) { d.Post(id(s, d), "Hello") })
	}
	parent("an answer to a post of nobody", func(*scene, *Draft) qa.PostID { return qa.PostID(postID) })
	parent("an answer to itself", func(_ *scene, d *Draft) qa.PostID { return d.PostID() })
	parent("an answer to what it makes later", func(s *scene, d *Draft) qa.PostID {
		return qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter+9)
	})
	parent("an answer to something that is no post", func(s *scene, d *Draft) qa.PostID {
		return qa.MakePostID(s.reader.ID(), []byte(s.reader.Actor), d.Obj("posts/"+string(s.question)).Counter+1)
	})
	b.add(policy.CodeParent, "an answer to a post beside its past", func(s *scene) Signed {
		before := s.Heads()
		var other qa.PostID
		s.reader.DoOn(before, func(d *Draft) { other = d.Post("", "Unseen") })
		d := s.eve.Draft(before...)
		d.Post(other, "I see you")
		return d.Sign()
	})
	b.addBy(eve, policy.CodeValue, "an answer to something that is no ID", func(_ *scene, d *Draft) { d.Post("that one", "Hello") })
	later := map[string]wire.Value{
		"parent": wire.StringValue(""), "at": wire.IntValue(5), "onBehalfOf": wire.StringValue("Ann"),
		"source": wire.StringValue("a page"), "origin": wire.StringValue(postID),
	}
	for key, v := range later {
		b.addBy(reader, policy.CodeOnce, "back-dated: "+key+" of a post that is there", func(s *scene, d *Draft) { d.Set(s.at(key), v) })
	}
	b.addBy(founder, policy.CodeOnce, "made an author's later", func(s *scene, d *Draft) { d.Str(s.at("as"), "author") })
	b.addBy(reader, policy.CodeOnce, "a post's map made again", func(s *scene, d *Draft) { d.Map(s.at("reactions")) })
	b.addBy(eve, policy.CodeOnce, "a post's time twice", func(_ *scene, d *Draft) {
		at := "posts/" + string(d.Post("", "Hello"))
		d.Set(at+"/at", wire.IntValue(5))
	})
	b.add(policy.CodeOnce, "one's reactions made again", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) { d.React(s.reply, "want", true) })
		d := s.reader.Draft()
		d.Map("posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID()))
		return d.Sign()
	})
	b.add(policy.CodeClosed, "a new post in an event that is closed", func(s *scene) Signed {
		s.organiser.Do(func(d *Draft) { d.Bool("event/closed", true) })
		d := s.reader.Draft()
		d.Post(s.question, "One more thing")
		return d.Sign()
	})
}

func (b *build) roles() {
	type attempt struct {
		who  func(*scene) *Writer
		name string
		f    func(s *scene, d *Draft)
	}
	for _, a := range []attempt{
		{reader, "a reader renames the event", func(_ *scene, d *Draft) { d.Str("event/title", "Mine") }},
		{moderator, "a moderator renames the event", func(_ *scene, d *Draft) { d.Str("event/title", "Mine") }},
		{author, "an author closes the event", func(_ *scene, d *Draft) { d.Bool("event/closed", true) }},
		{author, "an author adds a link", func(_ *scene, d *Draft) { d.Map("event/links/0") }},
		{reader, "a reader names a relay", func(_ *scene, d *Draft) { d.Str("relays/0", "ws://mine") }},
		{reader, "a reader writes to the event's x", func(_ *scene, d *Draft) { d.Str("event/x/a", "A") }},
		{reader, "a reader hides a post", func(s *scene, d *Draft) { d.Str("posts/"+string(s.reply)+"/marks/hidden", "no") }},
		{author, "an author hides a post", func(s *scene, d *Draft) { d.Str(s.at("marks/hidden"), "no") }},
		{author, "an author pins a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/pinned"), true) }},
		{reader, "the writer pins a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/pinned"), true) }},
		{reader, "the writer approves a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/approved"), true) }},
		{eve, "a reader marks another's question as answered", func(s *scene, d *Draft) { d.Bool(s.at("marks/answered"), true) }},
		{eve, "a reader marks a duplicate", func(s *scene, d *Draft) { d.Str(s.at("marks/duplicateOf"), string(s.byEve)) }},
		{moderator, "a moderator assigns a question", func(s *scene, d *Draft) { d.Bool(s.at("marks/assigned/"+string(s.author.ID())), true) }},
		{organiser, "an organiser without that role names a candidate", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.organiser.ID())), true) }},
		{reader, "a reader names a candidate", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.reader.ID())), true) }},
		{eve, "a reader takes a role", func(s *scene, d *Draft) { d.Map("roles/" + string(s.eve.ID())) }},
		{moderator, "a moderator takes a role more", func(s *scene, d *Draft) { d.Bool("roles/"+string(s.moderator.ID())+"/author", true) }},
		{author, "an author takes the organiser's role", func(s *scene, d *Draft) { d.Bool("roles/"+string(s.author.ID())+"/organiser", true) }},
		{organiser, "an organiser names an organiser", func(s *scene, d *Draft) { d.Role(s.eve.ID(), qa.RoleOrganiser, true) }},
		{organiser, "an organiser steps down alone", func(s *scene, d *Draft) { d.Role(s.organiser.ID(), qa.RoleOrganiser, false) }},
		{reader, "a reader blocks somebody", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "no") }},
		{author, "an author blocks somebody", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "no") }},
		{eve, "a reader chooses a winner", func(s *scene, d *Draft) { d.Map("winners/" + string(s.eve.ID())) }},
		{moderator, "a moderator chooses a winner", func(s *scene, d *Draft) { d.Map("winners/" + string(s.moderator.ID())) }},
		{eve, "a reader takes part in the draw's secrets", func(s *scene, d *Draft) { d.Set("draw/commit/"+string(s.eve.ID()), wire.BytesValue([]byte{1})) }},
		{author, "an author sets the draw's rule", func(_ *scene, d *Draft) { d.Str("draw/rule", "mine") }},
		{reader, "a reader adds a picture", func(_ *scene, d *Draft) { picture(d, "a picture", "a picture") }},
		{reader, "answering as the author", func(s *scene, d *Draft) {
			at := "posts/" + string(d.Post(s.question, "Thus spoke the author."))
			d.Str(at+"/as", "author")
		}},
		{moderator, "a moderator carries over an author's answer", func(s *scene, d *Draft) {
			at := "posts/" + string(d.Post(s.question, "Thus spoke the author."))
			d.Str(at+"/as", "author")
		}},
	} {
		b.addBy(a.who, policy.CodeRole, a.name, a.f)
	}
	b.addIn(Options{Kind: "club"}, policy.CodeRole, "a reader lists a week in a club", func(s *scene) Signed {
		d := s.reader.Draft()
		d.Map("weeks/" + string(qa.MakeEventID([16]byte{3})))
		return d.Sign()
	})
	b.addIn(Options{Kind: "club"}, policy.CodeRole, "a reader renames a club", func(s *scene) Signed {
		d := s.reader.Draft()
		d.Str("club/title", "Mine")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that is granted beside its past", func(s *scene) Signed {
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		d := s.eve.Draft(before...)
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that was revoked", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.moderator.ID(), qa.RoleModerator, false) })
		d := s.moderator.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that a revoked organiser gave, behind the revocation's back", func(s *scene) Signed {
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.organiser.ID(), qa.RoleOrganiser, false) })
		s.organiser.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		d := s.eve.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that the founder took while an organiser gave it", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, false) })
		s.organiser.DoOn(before, func(d *Draft) {
			d.Role(s.reader.ID(), qa.RoleMember, true)
			d.Bool("roles/"+string(s.eve.ID())+"/moderator", true) // and with the higher counter
		})
		d := s.eve.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "a choice by who was an author once", func(s *scene) Signed {
		s.author.Do(func(d *Draft) { d.Map("winners/" + string(s.author.ID())) })
		s.founder.Do(func(d *Draft) { d.Role(s.author.ID(), qa.RoleAuthor, false) })
		d := s.author.Draft()
		d.Str("winners/"+string(s.author.ID())+"/"+string(s.question), "a copy")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that it grants itself", func(s *scene) Signed {
		d := s.organiser.Draft()
		d.Role(s.organiser.ID(), qa.RoleAuthor, true)
		d.Bool(s.at("marks/candidate/"+string(s.organiser.ID())), true)
		return d.Sign()
	})
	stranger := func(name string, f func(s *scene, d *Draft)) {
		b.addIn(Options{Access: "invited"}, policy.CodeRole, name, func(s *scene) Signed {
			d := s.eve.Draft()
			f(s, d)
			return d.Sign()
		})
	}
	stranger("a stranger asks in an invited event", func(_ *scene, d *Draft) { d.Post("", "May I?") })
	stranger("a stranger reacts in an invited event", func(s *scene, d *Draft) { d.React(s.question, "want", true) })
	stranger("a stranger names themselves in an invited event", func(s *scene, d *Draft) { d.Map("people/" + string(s.eve.ID())) })
	b.addIn(Options{Access: "invited"}, policy.CodeRole, "a stranger merges in an invited event", func(s *scene) Signed {
		before := s.Heads()
		s.author.DoOn(before, func(d *Draft) { d.React(s.question, "a", true) })
		s.reader.DoOn(before, func(d *Draft) { d.React(s.question, "b", true) })
		return s.eve.Draft().Sign()
	})
	b.addIn(Options{Access: "invited"}, policy.CodeRole, "a member who was put out asks", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.reader.ID(), qa.RoleMember, false) })
		d := s.reader.Draft()
		d.Post("", "Still there?")
		return d.Sign()
	})
}

// picture sets a blob.
func picture(d *Draft, bytes, under string) {
	sum := sha256.Sum256([]byte(under))
	d.Set("blobs/"+hex.EncodeToString(sum[:]), wire.BytesValue([]byte(bytes)))
}

func (b *build) owners() {
	for name, f := range map[string]func(s *scene, d *Draft){
		"another's post edited":             func(s *scene, d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "Edited") },
		"another's post withdrawn":          func(s *scene, d *Draft) { d.Str(s.at("state"), "withdrawn") },
		"another's post tagged":             func(s *scene, d *Draft) { d.Str(s.at("tags"), "spam") },
		"an x on another's post":            func(s *scene, d *Draft) { d.Map(s.at("x")) },
		"a vote for somebody else":          func(s *scene, d *Draft) { d.Map(s.at("reactions/" + string(s.author.ID()))) },
		"somebody else named":               func(s *scene, d *Draft) { d.Map("people/" + string(s.reader.ID())) },
		"somebody else's contact":           func(s *scene, d *Draft) { d.Set("contacts/"+string(s.reader.ID()), wire.BytesValue([]byte{1})) },
		"an invitation claimed for another": func(s *scene, d *Draft) { d.Str("claims/"+string(s.reader.ID()), string(s.eve.ID())) },
	} {
		b.addBy(eve, policy.CodeOwner, name, f)
	}
	b.addBy(founder, policy.CodeOwner, "an organiser edits a post", func(s *scene, d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "Edited") })
	b.addBy(author, policy.CodeOwner, "a candidate named for another author", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.eve.ID())), true) })
	b.addBy(author, policy.CodeOwner, "winners chosen for another author", func(s *scene, d *Draft) { d.Map("winners/" + string(s.founder.ID())) })
	b.addBy(author, policy.CodeOwner, "another's part in the draw", func(s *scene, d *Draft) {
		d.Set("draw/reveal/"+string(s.founder.ID()), wire.BytesValue([]byte{1}))
	})
	for name, path := range map[string]string{"name": "people/%s/name", "a choice": "winners/%s/" + postID} {
		b.add(policy.CodeOwner, "into somebody else's map: "+name, func(s *scene) Signed {
			at := fmt.Sprintf(path, s.author.ID())
			up, _ := split(at)
			s.author.Do(func(d *Draft) { d.Map(up) })
			d := s.founder.Draft()
			d.Str(at, "A")
			return d.Sign()
		})
	}
	b.add(policy.CodeOwner, "into the x of another's post", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) { d.Map(s.at("x")) })
		d := s.eve.Draft()
		d.Str(s.at("x/a"), "A")
		return d.Sign()
	})
	b.add(policy.CodeOwner, "another's vote turned", func(s *scene) Signed {
		s.author.Do(func(d *Draft) { d.React(s.question, "want", true) })
		d := s.eve.Draft()
		d.Bool(s.at("reactions/"+string(s.author.ID())+"/want"), false)
		return d.Sign()
	})
}

func (b *build) invitations() {
	invited := func(code policy.Code, name string, f func(s *scene, key *Writer) Signed) {
		for _, access := range []string{"open", "invited"} {
			b.addIn(Options{Access: access}, code, name+", "+access, func(s *scene) Signed {
				key := s.Writer("invitation")
				s.organiser.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, true) })
				return f(s, key)
			})
		}
	}
	claim := func(x *Writer, d *Draft, who qa.Identity) { d.Str("claims/"+string(x.ID()), string(who)) }
	invited(policy.CodeClaim, "an invitation's key asks", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		d.Post("", "Hello")
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim and something else", func(s *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, s.eve.ID())
		d.Map("people/" + string(key.ID()))
		return d.Sign()
	})
	invited(policy.CodeOnce, "a second claim", func(s *scene, key *Writer) Signed {
		key.Do(func(d *Draft) { claim(key, d, s.eve.ID()) })
		d := key.Draft()
		claim(key, d, s.reader.ID())
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim by the invitation itself", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, key.ID())
		return d.Sign()
	})
	invited(policy.CodeValue, "a claim by nobody", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, "somebody")
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim of an invitation that was revoked", func(s *scene, key *Writer) Signed {
		s.founder.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, false) })
		d := key.Draft()
		claim(key, d, s.eve.ID())
		return d.Sign()
	})
	invited(policy.CodeClaim, "a revoked invitation's key asks", func(s *scene, key *Writer) Signed {
		s.founder.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, false) })
		d := key.Draft()
		d.Post("", "Hello")
		return d.Sign()
	})
	b.add(policy.CodeClaim, "a claim and something else, by who holds a role besides", func(s *scene) Signed {
		s.organiser.Do(func(d *Draft) { d.Role(s.author.ID(), qa.RoleInviteAuthor, true) })
		d := s.author.Draft()
		claim(s.author, d, s.eve.ID())
		d.Map("people/" + string(s.author.ID()))
		return d.Sign()
	})
	b.addBy(eve, policy.CodeClaim, "a claim of what is no invitation", func(s *scene, d *Draft) { claim(s.eve, d, s.reader.ID()) })
	b.addBy(founder, policy.CodeClaim, "a founder's claim of nothing, with something else", func(s *scene, d *Draft) {
		claim(s.founder, d, s.reader.ID())
		d.Str("event/title", "A")
	})
	b.addBy(founder, policy.CodeBlob, "a picture that is not what its name says", func(_ *scene, d *Draft) { picture(d, "a picture", "another") })
	b.addBy(founder, policy.CodeBlob, "a picture that is not alone", func(_ *scene, d *Draft) {
		picture(d, "a picture", "a picture")
		d.Str("event/title", "A")
	})
	b.addBy(founder, policy.CodeLimit, "over-long: a picture", func(_ *scene, d *Draft) {
		big := strings.Repeat("x", schema.MaxBlob+1)
		picture(d, big, big)
	})
}
