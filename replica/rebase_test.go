package replica_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

// second is another change with the sequence number of the attacker's last one.
func (a *attacked) second() *wire.Change {
	c := a.next(setAt(a.x, "x"))
	c.Seq, c.Deps, c.StartOp = a.last.Seq, a.last.Deps, a.last.StartOp
	return a.done(c)
}

// proofOf is a proof by two changes, signed with the attacker's key.
func (a *attacked) proofOf(first, second *wire.Change) *repo.Message {
	sigs := a.puppet.sign(first.Encode(), second.Encode())
	return &repo.Message{Type: repo.TypeProof, DocumentID: string(a.puppet.event), Proof: &repo.Proof{
		A: first.Encode(), SigA: sigs[:64], B: second.Encode(), SigB: sigs[64:],
	}}
}

func refusalsOf(t *testing.T, n *replica.Node, id qa.EventID) []qa.NotTaken {
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

// entangled is a device whose words hang on a change whose writer lied: a question
// of its own, written in sight of it, with an edit and a vote; and a reply to it.
func entangled(t *testing.T) (a *attacked, mine, reply qa.PostID) {
	t.Helper()
	a = attack(t)
	id := a.puppet.event
	mine = ask(t, a.node, id, "mine")
	do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "mine, edited"})
	do(t, a.node, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: true})
	honest := weekOf(t, a.node, id).Threads[0].Question
	if honest.Text() != "honest" {
		t.Fatalf("%+v", honest)
	}
	reply = do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: honest.ID, Text: "a reply"})
	return a, mine, reply
}

// checkCut: what hung on the lie has left, the own words that could stand alone are
// back under a fresh actor, and the reply waits and is shown.
func checkCut(t *testing.T, a *attacked, n *replica.Node, mine, reply qa.PostID) {
	t.Helper()
	id := a.puppet.event
	w := weekOf(t, n, id)
	if got := texts(w); !slices.Equal(got, []string{"mine, edited"}) {
		t.Fatalf("%q", got)
	}
	again := w.Threads[0].Question
	if again.Origin != mine || again.ID == mine || again.By != n.Identity() || w.Threads[0].Wants != 1 || len(again.Revisions) != 2 {
		t.Fatalf("%+v", w.Threads[0])
	}
	left := refusalsOf(t, n, id)
	if len(left) != 1 || left[0].Act.Text != "a reply" || left[0].Post != reply || left[0].ByRelay || left[0].Reason == "" {
		t.Fatalf("%+v", left)
	}
	// genesis and the three written anew are in; the two of the proof and the four own are out.
	if got := statuses(entries(t, a.store, id)); got[storage.InDocument] != 4 || got[storage.Left] != 6 {
		t.Fatalf("%v", got)
	}
	actors := map[wire.ActorID]bool{}
	for _, en := range entries(t, a.store, id) {
		if len(en.Signature) != 64 || keys.Verify(id, en.Actor, en.Hash, en.Signature) != nil {
			t.Fatalf("%s is not signed", en.Hash)
		}
		if en.Own {
			actors[en.Actor] = true
		}
	}
	if len(actors) < 2 {
		t.Fatal("the actor of what left was used again")
	}
	samePostsAfterRebuild(t, n, id)
}

// comesBack: the liar's device writes its post anew, and the reply that waited for
// it is under it.
func comesBack(t *testing.T, a *attacked, n *replica.Node) {
	t.Helper()
	id := a.puppet.event
	genesis, err := wire.DecodeChange(a.all[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	origin := string(qa.MakePostID(a.key.Identity(), []byte(a.last.Actor), a.last.StartOp))
	anew := func(key keys.Key) *wire.Change {
		c := *a.last
		c.Actor, c.Seq, c.Deps, c.StartOp = a.puppet.actor(key), 1, []wire.Hash{genesis.Hash}, genesis.MaxOp()+1
		c.Ops = nil
		made := wire.OpID{Counter: c.StartOp, Actor: c.Actor}
		for _, op := range a.last.Ops {
			if op.Obj.Actor == a.last.Actor && op.Obj.Counter >= a.last.StartOp {
				op.Obj = wire.OpID{Counter: op.Obj.Counter - a.last.StartOp + c.StartOp, Actor: c.Actor}
			}
			if len(c.Ops) == 0 {
				op.Key.Prop = string(qa.MakePostID(key.Identity(), []byte(c.Actor), c.StartOp))
			}
			c.Ops = append(c.Ops, op)
		}
		text := c.Ops[len(c.Ops)-1]
		c.Ops[len(c.Ops)-1] = wire.Op{Action: wire.Set, Obj: made, Key: wire.Key{Prop: "origin"}, Value: wire.StringValue(origin)}
		text.Key.Prop = string(qa.MakeRevisionID([]byte(c.Actor), c.StartOp+uint64(len(c.Ops))))
		c.Ops = append(c.Ops, text)
		return a.done(&c)
	}
	// Somebody else claims to have written it: the reply does not go there.
	thief := anew(newKey(t))
	a.puppet.sync([]wire.Hash{thief.Hash}, nil, thief.Encode())
	eventually(t, n, "the thief's post", func() bool { return len(weekOf(t, n, id).Threads) == 2 })
	if left := refusalsOf(t, n, id); len(left) != 1 {
		t.Fatalf("%+v", left)
	}
	real := anew(a.key)
	a.puppet.sync([]wire.Hash{real.Hash, thief.Hash}, nil, real.Encode())
	eventually(t, n, "the reply", func() bool { return len(refusalsOf(t, n, id)) == 0 })
	for _, th := range weekOf(t, n, id).Threads {
		if want := th.Question.By == a.key.Identity(); want != (len(th.Replies) == 1 && th.Replies[0].Text() == "a reply") {
			t.Fatalf("%+v", th)
		}
	}
	samePostsAfterRebuild(t, n, id)
}

func TestEquivocationTakesOutWhatHangsOnItAndHonestWordsComeBack(t *testing.T) {
	for name, reveal := range map[string]func(a *attacked){
		"found by this device": func(a *attacked) {
			c := a.second()
			a.puppet.sync([]wire.Hash{c.Hash}, nil, c.Encode())
		},
		"told by the relay": func(a *attacked) { a.puppet.tell(a.proofOf(a.last, a.second())) },
		"told twice, with two changes that are not here": func(a *attacked) {
			later := a.next(setAt(a.x, "y"))
			later.Seq += 3
			other := *later
			other.TimeMillis++
			a.puppet.tell(a.proofOf(a.done(later), a.done(&other)))
			a.puppet.tell(a.proofOf(a.second(), a.last))
			a.puppet.tell(a.proofOf(a.second(), a.last))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, mine, reply := entangled(t)
			id := a.puppet.event
			reveal(a)
			eventually(t, a.node, "the own words' return", func() bool {
				p := weekOf(t, a.node, id).Threads
				return len(p) == 1 && p[0].Question.Origin == mine && p[0].Wants == 1
			})
			if name == "told twice, with two changes that are not here" {
				// Two more rows, of the proof that is not needed any more.
				if got := statuses(entries(t, a.store, id)); got[storage.Left] != 8 {
					t.Fatalf("%v", got)
				}
			} else {
				checkCut(t, a, a.node, mine, reply)
			}
			// The proof is passed on, and what was cut off is not taken again.
			eventually(t, a.node, "passing the proof on", func() bool {
				return slices.ContainsFunc(a.puppet.said(repo.TypeProof), func(m *repo.Message) bool {
					p := policy.Proof{A: m.Proof.A, SigA: m.Proof.SigA, B: m.Proof.B, SigB: m.Proof.SigB}
					actor, seq, err := policy.CheckProof(id, p)
					return err == nil && actor == a.last.Actor && seq == a.last.Seq
				})
			})
			before := len(entries(t, a.store, id))
			after := a.next(setAt(a.x, "z"))
			a.puppet.sync([]wire.Hash{after.Hash}, nil, after.Encode(), a.last.Encode())
			eventually(t, a.node, "the refusal", func() bool { return len(refusedBy(a.node, id)) == 1 })
			if got := len(entries(t, a.store, id)); got != before {
				t.Fatalf("%d entries, %d before", got, before)
			}

			// All of it is found again in the ledger.
			if err := a.node.Close(); err != nil {
				t.Fatal(err)
			}
			n := openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Dial: a.puppet}))
			n.Start(t.Context())
			a.puppet.accept()
			eventually(t, n, "passing the proof on after a restart", func() bool { return len(a.puppet.said(repo.TypeProof)) == 1 })
			if len(refusalsOf(t, n, id)) != 1 || len(entries(t, a.store, id)) != before {
				t.Fatal("a restart changed what is out")
			}
			comesBack(t, a, n)
		})
	}
}

// A proof that proves nothing changes nothing, whoever tells it.
func TestFalseProofsChangeNothing(t *testing.T) {
	a, _, _ := entangled(t)
	id := a.puppet.event
	before := entries(t, a.store, id)
	honest := a.proofOf(a.last, a.last)
	forged := a.proofOf(a.last, a.second())
	forged.Proof.SigB = bytes.Repeat([]byte{1}, 64)
	nonsense := a.proofOf(a.last, a.second())
	nonsense.Proof.B = []byte{1, 2, 3}
	for _, m := range []*repo.Message{honest, forged, nonsense} {
		a.puppet.tell(m)
	}
	a.puppet.sync([]wire.Hash{a.last.Hash}, nil) // read after them
	ask(t, a.node, id, "still here")
	synced := entries(t, a.store, id)
	if len(synced) != len(before)+1 || statuses(synced)[storage.Left] != 0 {
		t.Fatalf("%v", statuses(synced))
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

// Rebasing that is cut off after any of its transactions is finished by the next
// start: nothing is lost, nothing is written twice.
func TestRebasingSurvivesBeingCutOffAnywhere(t *testing.T) {
	for step := int64(1); step <= 5; step++ {
		a, mine, reply := entangled(t)
		id := a.puppet.event
		key := a.own
		if err := a.node.Close(); err != nil {
			t.Fatal(err)
		}
		disk := &breaking{Store: a.store}
		n := openNode(t, quick(replica.Config{Store: disk, Key: key, Dial: a.puppet}))
		n.Start(t.Context())
		a.puppet.accept()
		disk.in.Store(step)
		a.puppet.tell(a.proofOf(a.last, a.second()))
		done := func() bool { return disk.in.Load() == 1 || step == 5 && len(entries(t, a.store, id)) == 10 }
		if step == 1 {
			// It fails at once, and the connection with it.
			a.puppet.accept()
		} else {
			eventually(t, n, "the fault", done)
		}
		if err := n.Close(); err != nil { // as good as a crash: nothing is written by it
			t.Fatal(err)
		}
		disk.in.Store(0)
		n = openNode(t, quick(replica.Config{Store: disk, Key: key, Dial: a.puppet}))
		n.Start(t.Context())
		a.puppet.accept()
		if step == 1 {
			if got := statuses(entries(t, a.store, id)); got[storage.Left] != 0 {
				t.Fatalf("%v", got)
			}
			a.puppet.tell(a.proofOf(a.last, a.second()))
		}
		eventually(t, n, "the own words' return", func() bool {
			w := weekOf(t, n, id)
			return len(w.Threads) == 1 && w.Threads[0].Wants == 1
		})
		checkCut(t, a, n, mine, reply)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What an older version wrote and the rules do not allow leaves when the relay says
// so and this device agrees; what hung on it is written anew.
func TestARefusalThatThisDeviceConfirms(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	key := a.own
	if err := a.node.Close(); err != nil {
		t.Fatal(err)
	}
	// Who is no organiser sets something of the event.
	actor := a.puppet.actor(key)
	bad := a.done(&wire.Change{
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
	n := openNode(t, quick(replica.Config{Store: a.store, Key: key, Dial: a.puppet}))
	n.Start(t.Context())
	a.puppet.accept()
	ask(t, n, id, "on top of it")
	if s := statusOf(t, n, id); s.Pending != 2 || s.Changes != 4 {
		t.Fatalf("%+v", s)
	}
	a.puppet.tell(&repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refused{{Hash: bad.Hash[:], Code: "role", Reason: "no organiser"}},
	})
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
		Refused: []repo.Refused{{Hash: own[:], Code: "whim", Reason: "because"}, {Hash: a.last.Hash[:], Code: "whim", Reason: "because"}},
	})
	eventually(t, a.node, "the refusal", func() bool { return len(refusalsOf(t, a.node, id)) == 1 })
	r := refusalsOf(t, a.node, id)[0]
	if !r.ByRelay || r.Deferred || r.Code != "whim" || r.Reason != "because" || r.Post != post || r.Act.Text != "mine" || r.Hash != own.String() {
		t.Fatalf("%+v", r)
	}
	if s := statusOf(t, a.node, id); s.Pending != 1 || s.Posts != 2 {
		t.Fatalf("%+v", s)
	}
	if err := a.node.TakeBack(bounded(t), id, a.last.Hash.String()); !errors.Is(err, replica.ErrUnknownChange) {
		t.Fatalf("somebody else's change: %v", err)
	}
	if err := a.node.TakeBack(bounded(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if p, err := a.node.Post(bounded(t), id, post); err != nil || !p.Withdrawn {
		t.Fatalf("%+v, %v", p, err)
	}
}

// What left and waits can be taken back, for good.
func TestTakingBackWhatWaits(t *testing.T) {
	a, _, _ := entangled(t)
	id := a.puppet.event
	a.puppet.tell(a.proofOf(a.last, a.second()))
	eventually(t, a.node, "the cut", func() bool { return len(refusalsOf(t, a.node, id)) == 1 })
	r := refusalsOf(t, a.node, id)[0]
	if !strings.Contains(r.Reason, "written again when that post is") {
		t.Errorf("%q", r.Reason)
	}
	if err := a.node.TakeBack(bounded(t), id, r.Hash); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, a.node, id); len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	if err := a.node.Rebuild(bounded(t), id); err != nil {
		t.Fatal(err)
	}
	if left := refusalsOf(t, a.node, id); len(left) != 0 {
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
