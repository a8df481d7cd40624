package relay_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// TestInconsistentDocumentIsReloaded: if the parts of a document disagree, the relay drops the document from memory,
// stores and announces nothing of the current turn, and disconnects the peers. When they reconnect, it loads
// the document from the ledger and accepts the same changes.
func TestInconsistentDocumentIsReloaded(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store})
	event, e := relaytest.EventID("inconsistent"), relaytest.NewEvent("inconsistent", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, a, b)
	until(t, b, changes(1))
	next := e.Post("f", 1, a.NextOp(), a.State().Heads, "valid")
	above := e.Post("g", 1, next.MaxOp()+1, []wire.Hash{next.Hash}, "in the graph alone")
	// This change is pending in the graph, and the document.Document does not know it. Once next
	// arrives, the graph applies both.
	if err := s.AddBehindCore(event, graph.MetaOf(above.Change)); err != nil {
		t.Fatal(err)
	}
	if err := a.Offer(next); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*relaytest.Device{a, b} {
		until(t, d, func(s relaytest.State) bool { return !s.Connected })
		var closed *websocket.CloseError
		if st := d.State(); !errors.As(st.CloseErr, &closed) || closed.Code != websocket.CloseTryAgainLater || !slices.Equal(st.Failures, []string{relay.ErrStore.Error()}) {
			t.Errorf("%s was told %q and disconnected by %v", d.Name, st.Failures, st.CloseErr)
		}
		if slices.Contains(d.Announced(), next.Hash) {
			t.Errorf("%s was told of the change", d.Name)
		}
	}
	if n := len(rows(t, store, event)); n != 2 {
		t.Errorf("%d rows are stored, want the first change and one post", n)
	}
	connect(t, s, a, b)
	if err := a.Offer(next); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(2))
	inDocument(t, store, event, 3)
}

// fullLedger is a ledger whose disk has no room for the statuses of rows until it has room.
type fullLedger struct {
	storage.Ledger
	room     atomic.Bool
	rejected atomic.Int64 // calls of Append
}

func (l *fullLedger) Append(ctx context.Context, batches ...storage.Batch) error {
	if !l.room.Load() && slices.ContainsFunc(batches, func(b storage.Batch) bool { return len(b.Statuses) > 0 }) {
		l.rejected.Add(1)
		return storage.ErrFull
	}
	return l.Ledger.Append(ctx, batches...)
}

// TestExclusionsThatCannotBeStored: a relay that loads changes which the rules refuse now excludes them even if it
// cannot store that. It serves the other changes, and stores the exclusions when it loads the document with room
// on the disk.
func TestExclusionsThatCannotBeStored(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	eve, ann := w.Writer("eve"), w.Writer("ann")
	var question qa.PostID
	eve.Do(func(d *policytest.Draft) { question = d.Post("", "valid") })
	good := len(w.Changes)
	eve.Toggle("posts/"+string(question)+"/state", 1000) // more often than the rules allow
	ann.Do(func(d *policytest.Draft) { d.Post("", "depends on it") })
	disk := mem.New()
	b := storage.Batch{Event: w.Event}
	for _, c := range w.Changes {
		b.Entries = append(b.Entries, storage.Entry{
			Chunk: c.Change.Chunk(), Actor: c.Change.Actor, Seq: c.Change.Seq, Signature: c.Signature,
		})
	}
	if err := disk.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	genesis := w.Changes[0]
	relaytest.Adopt(w.Event, relaytest.Signed{Change: genesis.Change, Signature: genesis.Signature})
	store := &fullLedger{Ledger: disk}
	for _, room := range []bool{false, true} {
		store.room.Store(room)
		s := start(t, relay.Config{Store: store})
		d := relaytest.NewDevice("reader", w.Event)
		connect(t, s, d)
		until(t, d, changes(good-1))
		s.stop()
		if got := d.State().Changes; got != good-1 {
			t.Errorf("room %v: the device got %d changes, want %d", room, got, good-1)
		}
		want := []storage.Status{storage.InDocument, storage.InDocument}
		if room {
			want = []storage.Status{storage.Refused, storage.Excluded}
		}
		got := statuses(t, disk, w.Event)
		for i, c := range w.Changes[good:] {
			if status := got[c.Change.Hash]; status != want[i] {
				t.Errorf("room %v: change %d has status %d, want %d", room, good+i, status, want[i])
			}
		}
	}
	if store.rejected.Load() == 0 {
		t.Error("the relay never tried to store the exclusions without room")
	}
}
