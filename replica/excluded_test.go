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
	out, err := n.Refusals(bounded(t), id)
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

// samePostsAfterRebuild holds what was built up against what is built again.
func samePostsAfterRebuild(t *testing.T, n *replica.Node, id qa.EventID) {
	t.Helper()
	before := weekOf(t, n, id)
	if err := n.Rebuild(bounded(t), id); err != nil {
		t.Fatal(err)
	}
	if after := weekOf(t, n, id); !reflect.DeepEqual(before, after) {
		t.Fatalf("what was built up and what was built again differ:\n%+v\n%+v", before, after)
	}
}

// againstTheRules is a device, closed, whose ledger has an own change that an older
// version made and that the rules do not allow: who is no organiser sets something of the
// event.
func againstTheRules(t *testing.T) (a *attacked, bad *wire.Change) {
	t.Helper()
	a = attack(t)
	if err := a.node.Close(); err != nil {
		t.Fatal(err)
	}
	id, actor := a.puppet.event, a.puppet.actor(a.own)
	bad = a.done(&wire.Change{
		Deps: []wire.Hash{a.last.Hash}, Actor: actor, Seq: 1, StartOp: a.last.MaxOp() + 1, TimeMillis: 5,
		Ops: []wire.Op{setAt(a.x, "x")},
	})
	act, err := json.Marshal(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"title": "mine now"}, AtMillis: 5})
	if err != nil {
		t.Fatal(err)
	}
	err = a.store.Append(t.Context(), storage.Batch{Event: id, Entries: []storage.Entry{{
		Hash: bad.Hash, Actor: actor, Seq: 1, Bytes: bad.Encode(), Signature: a.puppet.sign(bad.Encode()), Own: true, Act: act,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return a, bad
}

// refusal is a relay's word that it does not take a change.
func (a *attacked) refusal(bad *wire.Change) *repo.Message {
	return &repo.Message{
		Type: repo.TypeRefused, DocumentID: string(a.puppet.event),
		Refused: []repo.Refusal{{Hash: bad.Hash[:], Code: "role", Reason: "no organiser"}},
	}
}

// breaking is a store whose Append fails at the n-th call from now.
type breaking struct {
	storage.Store
	in atomic.Int64 // 0: never
}

func (b *breaking) Append(ctx context.Context, batches ...storage.Batch) error {
	if b.in.Load() > 0 && b.in.Add(-1) == 0 {
		b.in.Store(1) // and from then on
		return errDisk
	}
	return b.Store.Append(ctx, batches...)
}

// Excluding changes, and writing anew what was built on them, that is cut off after any of
// its transactions is finished by the next start: nothing is lost, nothing is written twice.
func TestExcludingSurvivesBeingCutOffAnywhere(t *testing.T) {
	for step := int64(1); step <= 5; step++ {
		a, bad := againstTheRules(t)
		id := a.puppet.event
		disk := &breaking{Store: a.store}
		n := openNode(t, quick(replica.Config{Store: disk, Key: a.own, Dial: a.puppet}))
		n.Start(t.Context())
		a.puppet.accept()
		mine := ask(t, n, id, "on top of it")
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "on top of it, edited"})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: true})
		disk.in.Store(step)
		a.puppet.tell(a.refusal(bad))
		if step == 1 {
			// It fails at once, and the connection with it.
			a.puppet.accept()
		} else {
			eventually(t, n, "the fault", func() bool {
				return disk.in.Load() == 1 || step == 5 && len(entries(t, a.store, id)) == 9
			})
		}
		if err := n.Close(); err != nil { // as good as a crash: nothing is written by it
			t.Fatal(err)
		}
		disk.in.Store(0)
		n = openNode(t, quick(replica.Config{Store: disk, Key: a.own, Dial: a.puppet}))
		n.Start(t.Context())
		a.puppet.accept()
		if step == 1 {
			if got := statuses(entries(t, a.store, id)); len(got) != 1 {
				t.Fatalf("%v", got)
			}
			a.puppet.tell(a.refusal(bad))
		}
		eventually(t, n, "the own words' return", func() bool {
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
		// Genesis, the founder's question and the three written anew are in.
		if got := statuses(entries(t, a.store, id)); got[storage.InDocument] != 5 || got[storage.Excluded] != 3 || got[storage.Refused] != 1 {
			t.Fatalf("step %d: %v", step, got)
		}
		samePostsAfterRebuild(t, n, id)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What an older version wrote and the rules do not allow leaves when the relay says
// so and this device agrees; what hung on it is written anew.
func TestARefusalThatThisDeviceConfirms(t *testing.T) {
	a, bad := againstTheRules(t)
	id := a.puppet.event
	n := openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Dial: a.puppet}))
	n.Start(t.Context())
	a.puppet.accept()
	ask(t, n, id, "on top of it")
	if s := statusOf(t, n, id); s.Pending != 2 || s.Changes != 4 {
		t.Fatalf("%+v", s)
	}
	a.puppet.tell(a.refusal(bad))
	eventually(t, n, "the words' return", func() bool {
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
	samePostsAfterRebuild(t, n, id)
}

// What only the relay refuses stays part of the event here, is shown with the
// relay's reason, and can be taken back by withdrawing it.
func TestARefusalThatThisDeviceDoesNotConfirm(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	post := ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash
	a.puppet.tell(&repo.Message{
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
	if err := a.node.DiscardRefusal(bounded(t), id, a.last.Hash.String()); !errors.Is(err, replica.ErrUnknownChange) {
		t.Fatalf("somebody else's change: %v", err)
	}
	if err := a.node.DiscardRefusal(bounded(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if p, err := a.node.Post(bounded(t), id, post); err != nil || !p.Withdrawn {
		t.Fatalf("%+v, %v", p, err)
	}
}

// What the rules do not allow can be taken back, for good.
func TestTakingBackWhatIsExcluded(t *testing.T) {
	a, bad := againstTheRules(t)
	id := a.puppet.event
	n := openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Dial: a.puppet}))
	n.Start(t.Context())
	a.puppet.accept()
	a.puppet.tell(a.refusal(bad))
	eventually(t, n, "the exclusion", func() bool {
		return len(refusalsOf(t, n, id)) == 1 && statuses(entries(t, a.store, id))[storage.Refused] == 1
	})
	r := refusalsOf(t, n, id)[0]
	if err := n.DiscardRefusal(bounded(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, n, id); len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	if err := n.Rebuild(bounded(t), id); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, n, id); len(left) != 0 {
		t.Fatalf("after a rebuild: %+v", left)
	}
	if _, err := a.store.Entry(t.Context(), id, mustHash(t, r.Hash)); err != nil {
		t.Fatalf("the row is gone: %v", err)
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
