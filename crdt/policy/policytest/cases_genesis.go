package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
)

func (b *build) genesis() {
	b.add(policy.CodeGenesis, "a second genesis", func(s *scene) Signed {
		w := &World{Event: s.Event}
		return Genesis(w, Options{By: "eve/2"}).Sign()
	})
	{
		w := NewWorld(Options{})
		bad := Genesis(&World{Event: w.Event}, Options{By: "eve"}).Sign()
		*b = append(*b, Case{Name: "the genesis of another event", Code: policy.CodeGenesis, Event: w.Event, Bad: bad})
	}
	for _, part := range []string{"kind", "gate", "access", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays"} {
		b.addGenesis(policy.CodeGenesis, "a genesis without "+part, Options{Without: part}, nil)
	}
	b.addGenesis(policy.CodeGenesis, "an event without its own map", Options{Without: "event"}, nil)
	b.addGenesis(policy.CodeGenesis, "a club without weeks", Options{Kind: "club", Without: "weeks"}, nil)
	b.addGenesis(policy.CodeGenesis, "an event with the weeks of a club", Options{}, func(d *Draft) { d.Map("weeks") })
	b.addGenesis(policy.CodeGenesis, "an event with the map of a club", Options{}, func(d *Draft) { d.Map("club") })
	b.addGenesis(policy.CodeGenesis, "a club with the map of an event", Options{Kind: "club"}, func(d *Draft) { d.Map("event") })
	b.addGenesis(policy.CodeGenesis, "rules of version 0", Options{Without: "gate"}, func(d *Draft) { d.Set("gate", wire.UintValue(0)) })
	b.addGenesis(policy.CodeGenesis, "a rules version that is a string", Options{Without: "gate"}, func(d *Draft) { d.Str("gate", "1") })
	b.addGenesis(policy.CodeValue, "an unknown kind", Options{Kind: "party", Without: "party"}, nil)
	b.addGenesis(policy.CodeValue, "an unknown access", Options{Access: "secret"}, nil)
	b.addGenesis(policy.CodeOnce, "a genesis that makes a root map twice", Options{}, func(d *Draft) { d.Map("posts") })
	b.addGenesis(policy.CodeKey, "a genesis with an unknown root key", Options{}, func(d *Draft) { d.Map("secrets") })
	b.addGenesis(policy.CodeObject, "a genesis that writes into a value", Options{}, func(d *Draft) {
		op := d.Str("event/title", "A")
		op.Obj = wire.OpID{Counter: 1, Actor: d.Actor} // the operation that sets kind
	})
	for _, key := range []string{
		"event", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays", "club", "weeks",
	} {
		b.addBy(founder, policy.CodeOnce, "a root map made later: "+key, func(_ *scene, d *Draft) { d.Map(key) })
	}
	for key, v := range map[string]wire.Value{"kind": wire.StringValue("club"), "access": wire.StringValue("invited"), "gate": wire.UintValue(2)} {
		b.addBy(founder, policy.CodeOnce, "a genesis field changed later: "+key, func(_ *scene, d *Draft) { d.Set(key, v) })
	}
	b.addBy(founder, policy.CodeKey, "an unknown root key made later", func(_ *scene, d *Draft) { d.Map("secrets") })
}
