package replica_test

import (
	"errors"
	"testing"
	"time"

	"flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/replica"
)

// syncWhile runs Sync, and calls sendMessages repeatedly until Sync has returned. sendMessages
// sends the relay's messages.
func syncWhile(t *testing.T, a *attackedDevice, sendMessages func()) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- a.node.Sync(testContext(t), a.relay.event) }()
	for {
		sendMessages()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Millisecond):
		}
	}
}

func wantDisagreement(t *testing.T, err error, cause error, refused ...wire.Hash) {
	t.Helper()
	var n *replica.NotSyncedError
	if !errors.As(err, &n) || !errors.Is(err, cause) || !n.Disagrees() {
		t.Fatalf("Sync: %v", err)
	}
	if len(n.Refused) != len(refused) {
		t.Fatalf("%d refused: %+v", len(n.Refused), n.Refused)
	}
	for i, h := range refused {
		if n.Refused[i].Hash != h || n.Refused[i].Code == "" || n.Refused[i].Reason == "" {
			t.Errorf("refused %+v, want %s", n.Refused[i], h)
		}
	}
}

// Sync does not wait for changes that the relay refuses, nor for changes that depend on them.
func TestSyncEndsWhenTheRelayRefuses(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash()
	ask(t, a.node, id, "on top of it")
	refusal := &repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "schema", Reason: "not allowed in an event document"}},
	}
	err := syncWhile(t, a, func() {
		a.relay.sync([]wire.Hash{a.last.Hash}, nil)
		a.relay.send(refusal)
	})
	wantDisagreement(t, err, replica.ErrDisagree, own)
	var n *replica.NotSyncedError
	if errors.As(err, &n); n.Pending != 2 {
		t.Errorf("%d changes are said to wait", n.Pending)
	}

	// The next Sync succeeds if the relay now has the changes.
	if err := syncWhile(t, a, func() { a.relay.sync(headsOf(t, a), nil) }); err != nil {
		t.Errorf("after the relay accepted the changes: %v", err)
	}
}

func headsOf(t *testing.T, a *attackedDevice) []wire.Hash {
	t.Helper()
	var heads []wire.Hash
	for _, s := range statusOf(t, a.node, a.relay.event).Heads {
		h, err := wire.ParseHash(s)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h)
	}
	return heads
}

// Sync does not wait for changes that this device refuses.
func TestSyncEndsWhenThisDeviceRefuses(t *testing.T) {
	a := attack(t)
	bad := a.next(wire.Op{Action: wire.Del, Obj: a.posts, Key: wire.Key{Prop: "x"}, Pred: []wire.OpID{a.posts}})
	a.relay.sync([]wire.Hash{bad.Hash}, nil, bad.Encode())
	honest := wire.Message{Heads: []wire.Hash{bad.Hash}, Have: []wire.Have{{LastSync: []wire.Hash{a.last.Hash}}}}
	err := syncWhile(t, a, func() {
		// The message of a relay that has both changes, and its answer to the request for
		// missing changes.
		a.relay.send(&repo.Message{Type: repo.TypeSync, DocumentID: string(a.relay.event), Data: honest.Encode()})
		honest.Changes = [][]byte{a.all[1].Bytes()}
	})
	wantDisagreement(t, err, replica.ErrDisagree, bad.Hash)
	// Both have the founder's change before it.
	if err := syncWhile(t, a, func() { a.relay.sync([]wire.Hash{a.last.Hash}, nil) }); err != nil {
		t.Errorf("after the relay dropped it: %v", err)
	}
}

// If a relay announces heads but never sends the changes, Sync ends with ErrNoProgress.
func TestSyncEndsWithoutProgress(t *testing.T) {
	a := attack(t)
	err := syncWhile(t, a, func() { a.relay.sync([]wire.Hash{{1}}, nil) })
	wantDisagreement(t, err, sync.ErrNoProgress)
}

// Sync waits for deferred changes, because the relay may accept them later.
func TestSyncWaitsForDeferredChanges(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash()
	a.relay.send(&repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "quota", Reason: "too much at once", Deferred: true}},
	})
	rounds := 0
	err := syncWhile(t, a, func() {
		if rounds++; rounds < 10 {
			a.relay.sync([]wire.Hash{a.last.Hash}, nil)
		} else {
			a.relay.sync([]wire.Hash{own}, nil)
		}
	})
	if err != nil {
		t.Fatalf("deferred, and accepted later: %v", err)
	}
}
