package replica_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

func refusalsOf(t *testing.T, n *replica.Node, id qa.EventID) []qa.NotAccepted {
	t.Helper()
	out, err := n.Refusals(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func statuses(entries []storage.Entry) map[storage.Status]int {
	out := map[storage.Status]int{}
	for _, en := range entries {
		out[en.Status]++
	}
	return out
}

// checkRebuildKeepsWeek checks that rebuilding the views does not change the week.
func checkRebuildKeepsWeek(t *testing.T, n *replica.Node, id qa.EventID) {
	t.Helper()
	before := weekOf(t, n, id)
	if err := n.Rebuild(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if after := weekOf(t, n, id); !reflect.DeepEqual(before, after) {
		t.Fatalf("the rebuilt views differ:\n%+v\n%+v", before, after)
	}
}

// deviceWithInvalidOwnChange returns a closed device whose ledger has a local change that an older
// version made and that the rules do not allow: the writer sets a field of the event without being
// an organiser.
func deviceWithInvalidOwnChange(t *testing.T) (a *attackedDevice, bad *wire.Change) {
	t.Helper()
	a = attack(t)
	if err := a.node.Close(); err != nil {
		t.Fatal(err)
	}
	id, actor := a.relay.event, a.relay.actor(a.own)
	bad = a.withHash(&wire.Change{
		Deps: []wire.Hash{a.last.Hash}, Actor: actor, Seq: 1, StartOp: a.last.MaxOp() + 1, TimeMillis: 5,
		Ops: []wire.Op{setAt(a.x, "x")},
	})
	act, err := json.Marshal(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"title": "mine now"}, AtMillis: 5})
	if err != nil {
		t.Fatal(err)
	}
	err = a.store.Append(t.Context(), storage.Batch{Event: id, Entries: []storage.Entry{{
		Chunk: bad.Chunk(), Actor: actor, Seq: 1, Signature: a.relay.sign(bad.Encode()), Own: true, Act: act,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return a, bad
}

// refusalMessage is a relay's message that it refuses a change.
func (a *attackedDevice) refusalMessage(bad *wire.Change) *repo.Message {
	return &repo.Message{
		Type: repo.TypeRefused, DocumentID: string(a.relay.event),
		Refused: []repo.Refusal{{Hash: bad.Hash[:], Code: "role", Reason: "no organiser"}},
	}
}

// failingFromNth is a store whose Append fails from the n-th call on.
type failingFromNth struct {
	storage.Store
	callsUntilFailure atomic.Int64 // 0: never
}

func (b *failingFromNth) Append(ctx context.Context, batches ...storage.Batch) error {
	if b.callsUntilFailure.Load() > 0 && b.callsUntilFailure.Add(-1) == 0 {
		b.callsUntilFailure.Store(1) // all later calls fail too
		return errDisk
	}
	return b.Store.Append(ctx, batches...)
}

// If excluding changes and reissuing their dependents is interrupted after any of its
// transactions, the next start finishes it: nothing is lost and nothing is written twice.
func TestInterruptedExclusionIsFinishedAtTheNextStart(t *testing.T) {
	for step := int64(1); step <= 5; step++ {
		a, bad := deviceWithInvalidOwnChange(t)
		id := a.relay.event
		disk := &failingFromNth{Store: a.store}
		n := openNode(t, fastRetries(replica.Config{Store: disk, Key: a.own, Dial: a.relay}))
		n.Start(t.Context())
		a.relay.accept()
		mine := ask(t, n, id, "on top of it")
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "on top of it, edited"})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: true})
		disk.callsUntilFailure.Store(step)
		a.relay.send(a.refusalMessage(bad))
		if step == 1 {
			// The exclusion fails at once, and ends the connection.
			a.relay.accept()
		} else {
			eventually(t, n, "the fault", func() bool {
				return disk.callsUntilFailure.Load() == 1 || step == 5 && len(entries(t, a.store, id)) == 9
			})
		}
		if err := n.Close(); err != nil { // like a crash, because Close writes nothing here
			t.Fatal(err)
		}
		disk.callsUntilFailure.Store(0)
		n = openNode(t, fastRetries(replica.Config{Store: disk, Key: a.own, Dial: a.relay}))
		n.Start(t.Context())
		a.relay.accept()
		if step == 1 {
			if got := statuses(entries(t, a.store, id)); len(got) != 1 {
				t.Fatalf("%v", got)
			}
			a.relay.send(a.refusalMessage(bad))
		}
		eventually(t, n, "reissuing this device's posts", func() bool {
			w := weekOf(t, n, id)
			return len(w.Threads) == 2 && w.Threads[1].Wants == 1 && w.Threads[1].Question.Origin == mine
		})
		w := weekOf(t, n, id)
		if again := w.Threads[1].Question; again.ID == mine || again.Text() != "on top of it, edited" || again.By != n.Identity() || len(again.Revisions) != 2 {
			t.Fatalf("step %d: %+v", step, w.Threads[1])
		}
		if r := refusalsOf(t, n, id); len(r) != 1 || r[0].Hash != bad.Hash.String() {
			t.Fatalf("step %d: %+v", step, r)
		}
		// In the document: the genesis, the founder's question and the three reissued changes.
		if got := statuses(entries(t, a.store, id)); got[storage.InDocument] != 5 || got[storage.Excluded] != 3 || got[storage.Refused] != 1 {
			t.Fatalf("step %d: %v", step, got)
		}
		checkRebuildKeepsWeek(t, n, id)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A change that an older version made and the rules do not allow is excluded when the relay
// refuses it and this device's rules confirm that. Changes that depend on it are reissued.
func TestRefusalConfirmedByThisDeviceExcludesTheChange(t *testing.T) {
	a, bad := deviceWithInvalidOwnChange(t)
	id := a.relay.event
	n := openNode(t, fastRetries(replica.Config{Store: a.store, Key: a.own, Dial: a.relay}))
	n.Start(t.Context())
	a.relay.accept()
	ask(t, n, id, "on top of it")
	if s := statusOf(t, n, id); s.Pending != 2 || s.Changes != 4 {
		t.Fatalf("%+v", s)
	}
	a.relay.send(a.refusalMessage(bad))
	eventually(t, n, "reissuing the post", func() bool {
		w := weekOf(t, n, id)
		return len(w.Threads) == 2 && w.Threads[1].Question.Origin != "" && len(refusalsOf(t, n, id)) == 1
	})
	en, err := a.store.Entry(t.Context(), id, bad.Hash)
	if err != nil || en.Status != storage.Refused {
		t.Fatalf("%+v, %v", en, err)
	}
	r := refusalsOf(t, n, id)[0]
	if r.ByRelay || r.Hash != bad.Hash.String() || r.Act.Fields["title"] != "mine now" || !strings.Contains(r.Reason, "rules") {
		t.Fatalf("%+v", r)
	}
	if w := weekOf(t, n, id); w.Event.Title != week.Title || w.Threads[1].Question.Text() != "on top of it" {
		t.Fatalf("%+v", w)
	}
	checkRebuildKeepsWeek(t, n, id)
}

// A change that only the relay refuses stays part of the event here, and is listed with the
// relay's reason. Discarding it withdraws the post.
func TestRefusalNotConfirmedByThisDeviceKeepsTheChange(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	post := ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash()
	a.relay.send(&repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "whim", Reason: "because"}, {Hash: a.last.Hash[:], Code: "whim", Reason: "because"}},
	})
	eventually(t, a.node, "the refusal", func() bool { return len(refusalsOf(t, a.node, id)) == 1 })
	r := refusalsOf(t, a.node, id)[0]
	if !r.ByRelay || r.Deferred || r.Code != "whim" || r.Reason != "because" || r.Post != post || r.Act.Text != "mine" || r.Hash != own.String() {
		t.Fatalf("%+v", r)
	}
	if s := statusOf(t, a.node, id); s.Pending != 1 || s.Posts != 2 {
		t.Fatalf("%+v", s)
	}
	if err := a.node.DiscardRefusal(testContext(t), id, a.last.Hash.String()); !errors.Is(err, replica.ErrUnknownChange) {
		t.Fatalf("somebody else's change: %v", err)
	}
	if err := a.node.DiscardRefusal(testContext(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if p, err := a.node.Post(testContext(t), id, post); err != nil || !p.Withdrawn {
		t.Fatalf("%+v, %v", p, err)
	}
}

// An excluded act can be discarded; it is not listed again, not even after a rebuild.
func TestDiscardedExcludedActIsNotListed(t *testing.T) {
	a, bad := deviceWithInvalidOwnChange(t)
	id := a.relay.event
	n := openNode(t, fastRetries(replica.Config{Store: a.store, Key: a.own, Dial: a.relay}))
	n.Start(t.Context())
	a.relay.accept()
	a.relay.send(a.refusalMessage(bad))
	eventually(t, n, "the exclusion", func() bool {
		return len(refusalsOf(t, n, id)) == 1 && statuses(entries(t, a.store, id))[storage.Refused] == 1
	})
	r := refusalsOf(t, n, id)[0]
	if err := n.DiscardRefusal(testContext(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, n, id); len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	if err := n.Rebuild(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, n, id); len(left) != 0 {
		t.Fatalf("after a rebuild: %+v", left)
	}
	if _, err := a.store.Entry(t.Context(), id, mustHash(t, r.Hash)); err != nil {
		t.Fatalf("the row was deleted: %v", err)
	}
}

func mustHash(t *testing.T, s string) wire.Hash {
	t.Helper()
	h, err := wire.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
