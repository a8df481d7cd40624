package relay_test

import (
	"testing"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
	"flyleaf/storage/mem"
)

// TestLatePostsAreDeferred: a post that was on its way when the event was closed is accepted. Long after the
// closing, posts that depend only on the state before it are deferred until the event is reopened, also by a
// relay that has restarted. An author's are accepted, a member's are not.
func TestLatePostsAreDeferred(t *testing.T) {
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, Limits: retrying})
	e := relaytest.NewEvent("late", "open")
	founder, early, late := relaytest.NewDevice("founder of late", e.ID), relaytest.NewDevice("early", e.ID), relaytest.NewDevice("mallory", e.ID)
	write(t, early, 1)
	hers := write(t, late, 2)
	author, member := relaytest.NewDevice("author", e.ID), relaytest.NewDevice("member", e.ID)
	write(t, author, 1)
	write(t, member, 2)
	connect(t, s, founder)
	for name, role := range map[string]qa.Role{"author": qa.RoleAuthor, "member": qa.RoleMember} {
		_, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
			return e.Role(a, op, relaytest.KeyOf(name).Identity(), role, true)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var closing wire.OpID
	_, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
		closing = wire.OpID{Counter: op, Actor: a}
		return []wire.Op{{Action: wire.Set, Obj: e.Map("event"), Key: wire.Key{Prop: "closed"}, Value: wire.BoolValue(true)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	onDisk(t, founder)
	have := founder.State().Changes
	c.advance(relay.LateFor - time.Second)
	connect(t, s, early)
	until(t, founder, changes(have+1))
	c.advance(2 * time.Second)
	connect(t, s, late)
	isLate := func(s relaytest.State) bool {
		codes := deferred(s)
		return len(codes) == 2 && codes[0] == policy.CodeLate && codes[1] == policy.CodeLate
	}
	until(t, late, isLate)
	quiet(t, late)
	connect(t, s, member)
	until(t, member, isLate)
	connect(t, s, author)
	until(t, founder, changes(have+2))

	// Another relay on the same disk knows since when.
	again := start(t, relay.Config{Store: store, Now: c.now, Limits: retrying})
	mallory := relaytest.NewDevice("mallory", e.ID)
	for _, h := range hers {
		x, err := late.Signed(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := mallory.Receive(x); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, again, mallory)
	until(t, mallory, isLate)

	// Who opens the event again has them come by themselves.
	_, err = founder.Do(func(wire.ActorID, uint64) []wire.Op {
		return []wire.Op{{Action: wire.Set, Obj: e.Map("event"), Key: wire.Key{Prop: "closed"}, Value: wire.BoolValue(false), Pred: []wire.OpID{closing}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, founder, changes(have+7))
}
