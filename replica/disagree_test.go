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

// syncWhile runs Sync, and again and again what the relay says meanwhile, until
// Sync has returned.
func syncWhile(t *testing.T, a *attacked, says func()) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- a.node.Sync(bounded(t), a.puppet.event) }()
	for {
		says()
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

// What the relay will not have is no reason to wait for it, nor is what was
// written on top.
func TestSyncEndsWhenTheRelayRefused(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash
	ask(t, a.node, id, "on top of it")
	refusal := &repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "schema", Reason: "not allowed in an event document"}},
	}
	err := syncWhile(t, a, func() {
		a.puppet.sync([]wire.Hash{a.last.Hash}, nil)
		a.puppet.tell(refusal)
	})
	wantDisagreement(t, err, replica.ErrDisagree, own)
	var n *replica.NotSyncedError
	if errors.As(err, &n); n.Pending != 2 {
		t.Errorf("%d changes are said to wait", n.Pending)
	}

	// Asked again, and the relay has thought better of it.
	if err := syncWhile(t, a, func() { a.puppet.sync(headsOf(t, a), nil) }); err != nil {
		t.Errorf("after the relay took it: %v", err)
	}
}

func headsOf(t *testing.T, a *attacked) []wire.Hash {
	t.Helper()
	var heads []wire.Hash
	for _, s := range statusOf(t, a.node, a.puppet.event).Heads {
		h, err := wire.ParseHash(s)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h)
	}
	return heads
}

// Nor is what this device will not have.
func TestSyncEndsWhenThisDeviceRefused(t *testing.T) {
	a := attack(t)
	bad := a.next(wire.Op{Action: wire.Del, Obj: a.posts, Key: wire.Key{Prop: "x"}, Pred: []wire.OpID{a.posts}})
	a.puppet.sync([]wire.Hash{bad.Hash}, nil, bad.Encode())
	honest := wire.Message{Heads: []wire.Hash{bad.Hash}, Have: []wire.Have{{LastSync: []wire.Hash{a.last.Hash}}}}
	err := syncWhile(t, a, func() {
		// What a relay that holds both says, and its answer to the question for more.
		a.puppet.tell(&repo.Message{Type: repo.TypeSync, DocumentID: string(a.puppet.event), Data: honest.Encode()})
		honest.Changes = [][]byte{a.all[1].Bytes}
	})
	wantDisagreement(t, err, replica.ErrDisagree, bad.Hash)
	// The founder's change before it is held by both.
	if err := syncWhile(t, a, func() { a.puppet.sync([]wire.Hash{a.last.Hash}, nil) }); err != nil {
		t.Errorf("after the relay dropped it: %v", err)
	}
}

// A relay that names heads it never shows ends in no progress, and Sync with it.
func TestSyncEndsWithoutProgress(t *testing.T) {
	a := attack(t)
	err := syncWhile(t, a, func() { a.puppet.sync([]wire.Hash{{1}}, nil) })
	wantDisagreement(t, err, sync.ErrNoProgress)
}

// What is put off may be taken yet: Sync waits, and has the list when time is up.
func TestSyncWaitsForWhatIsPutOff(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash
	a.puppet.tell(&repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "quota", Reason: "too much at once", Deferred: true}},
	})
	rounds := 0
	err := syncWhile(t, a, func() {
		if rounds++; rounds < 10 {
			a.puppet.sync([]wire.Hash{a.last.Hash}, nil)
		} else {
			a.puppet.sync([]wire.Hash{own}, nil)
		}
	})
	if err != nil {
		t.Fatalf("put off, and taken later: %v", err)
	}
}
