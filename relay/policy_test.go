package relay_test

import (
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// TestStoredChangesThatTheRulesRefuseNow: an earlier version stored changes that the rules refuse now. The relay
// excludes them and all that depend on them. Peers that offer them are told why. Nothing else changes.
func TestStoredChangesThatTheRulesRefuseNow(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	eve, ann := w.Writer("eve"), w.Writer("ann")
	var spam qa.PostID
	eve.Do(func(d *policytest.Draft) { spam = d.Post("", "spam") })
	good := len(w.Changes)
	for range 20 {
		eve.Toggle("posts/"+string(spam)+"/state", 1000)
	}
	ann.Do(func(d *policytest.Draft) { d.Post("", "on top of it") })
	store := mem.New()
	b := storage.Batch{Event: w.Event}
	for _, s := range w.Changes {
		b.Entries = append(b.Entries, storage.Entry{
			Chunk: s.Change.Chunk(), Actor: s.Change.Actor, Seq: s.Change.Seq, Signature: s.Signature,
		})
	}
	if err := store.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	genesis := w.Changes[0]
	relaytest.Adopt(w.Event, relaytest.Signed{Change: genesis.Change, Signature: genesis.Signature})
	for run := range 2 { // the second run finds it recorded
		s := start(t, relay.Config{Store: store})
		a, c := relaytest.NewDevice("a", w.Event), relaytest.NewDevice("c", w.Event)
		connect(t, s, a, c)
		until(t, a, changes(good-1+run))
		write(t, a, 1)
		until(t, c, changes(good+run))
		sameMessage(t, a, c)
		evil := relaytest.NewDevice("evil", w.Event)
		connect(t, s, evil)
		if err := evil.Send(envelope("evil", w.Event, w.Changes[good:]...)); err != nil {
			t.Fatal(err)
		}
		until(t, evil, func(s relaytest.State) bool { return len(s.Refused) == len(w.Changes)-good })
		codes := map[policy.Code]int{}
		for _, r := range evil.State().Refused {
			codes[policy.Code(r.Code)]++
		}
		if codes[policy.CodeRepeated]+codes[policy.CodeDependsOn] != len(w.Changes)-good {
			t.Errorf("told %v", codes)
		}
		s.stop()
		got := statuses(t, store, w.Event)
		for i, change := range w.Changes {
			want := storage.InDocument
			switch {
			case i == good:
				want = storage.Refused
			case i > good:
				want = storage.Excluded
			}
			if status := got[change.Change.Hash]; status != want {
				t.Errorf("change %d has status %d, want %d", i, status, want)
			}
		}
	}
}
