package replica_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// floodedLedger fills the ledger of a device on which an earlier version accepted a stranger's
// toggles: changes of 149 bytes, each with 1,000 operations on one key. The device's person,
// "reader", and others wrote before them and on top of them.
func floodedLedger(t *testing.T, store storage.Store, changes int) qa.EventID {
	t.Helper()
	w := policytest.NewWorld(policytest.Options{More: func(d *policytest.Draft) { d.Str("event/title", "Flooded") }})
	own := map[int]qa.Act{}
	post := func(x *policytest.Writer, parent qa.PostID, text string) (id qa.PostID) {
		x.Do(func(d *policytest.Draft) { id = d.Post(parent, text) })
		return id
	}
	reader, eve, ann := w.Writer("reader"), w.Writer("eve"), w.Writer("ann")
	first := post(ann, "", "before")
	spam := post(eve, "", "spam")
	for range changes {
		eve.Toggle("posts/"+string(spam)+"/state", 1000)
	}
	post(ann, first, "another's reply, after")
	own[len(w.Changes)] = qa.Act{Kind: qa.ActPost, Parent: first, Text: "my reply, after"}
	post(reader, first, "my reply, after")
	if err := store.Follow(t.Context(), storage.Following{Event: w.Event}); err != nil {
		t.Fatal(err)
	}
	b := storage.Batch{Event: w.Event}
	for i, s := range w.Changes {
		en := storage.Entry{
			Chunk: s.Change.Chunk(), Actor: s.Change.Actor, Seq: s.Change.Seq, Signature: s.Signature,
			ReceivedAtMillis: policytest.Millis,
		}
		if act, ok := own[i]; ok {
			act.AtMillis = s.Change.TimeMillis
			en.Own = true
			var err error
			if en.Act, err = json.Marshal(act); err != nil {
				t.Fatal(err)
			}
		}
		b.Entries = append(b.Entries, en)
	}
	if err := store.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w.Event
}

// TestChangesThatTheRulesRefuseNowAreExcluded: the ledger has changes that an earlier version
// accepted and the rules refuse now. They are excluded, with everything that depends on them. This
// device's posts among these are reissued. This is recorded on disk and done once.
func TestChangesThatTheRulesRefuseNowAreExcluded(t *testing.T) {
	const toggles = 30
	onStores(t, func(t *testing.T, store storage.Store) {
		id := floodedLedger(t, store, toggles)
		n := openNode(t, replica.Config{Store: store, Key: policytest.KeyOf("reader"), Offline: true})
		ask(t, n, id, "mine")
		eventually(t, n, "reissuing this device's posts", func() bool { return len(refusalsOf(t, n, id)) == 0 })
		got := texts(weekOf(t, n, id))
		if want := []string{"before", "  my reply, after", "spam", "mine"}; !slices.Equal(got, want) {
			t.Fatalf("%q, not %q", got, want)
		}
		s := statuses(entries(t, store, id))
		// The first toggle is refused; the others and two replies depend on it.
		if s[storage.Refused] != 1 || s[storage.Excluded] != toggles-1+2 || s[storage.InDocument] != 3+2 {
			t.Fatalf("%v", s)
		}
		checkRebuildKeepsWeek(t, n, id)
		ask(t, n, id, "and again")
		if now := statuses(entries(t, store, id)); now[storage.Refused] != 1 || now[storage.InDocument] != 3+3 {
			t.Fatalf("%v", now)
		}
	})
}

// If the exclusion cannot be saved, the event is still read and written correctly.
func TestExclusionSurvivesAFailingDisk(t *testing.T) {
	disk := &failingStore{Store: mem.New()}
	id := floodedLedger(t, disk, 3)
	disk.fail.Store(true)
	n := openNode(t, replica.Config{Store: disk, Key: policytest.KeyOf("reader"), Offline: true})
	if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: "mine"}); !errors.Is(err, replica.ErrNotSaved) {
		t.Fatal(err)
	}
	// The event is loaded again while the disk still fails.
	if _, err := n.Log(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	disk.fail.Store(false)
	ask(t, n, id, "mine")
	eventually(t, n, "saving the exclusion", func() bool { return statuses(entries(t, disk, id))[storage.Refused] == 1 })
}

// The recorded bundles of an attack are refused with their code, except for the valid changes in
// them.
func TestBundleWithTooManyTogglesIsRefused(t *testing.T) {
	var files []string
	for _, at := range []string{"../../shared", "../../../shared"} { // beside the repository, or beside its worktrees
		found, err := filepath.Glob(at + "/faults/attacks/01-toggles/*.bundle")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("the attack's files are missing; policytest has changes of the same kind")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		event, changes, err := bundle.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
		got, err := n.Merge(testContext(t), event, changes)
		if err != nil {
			t.Fatal(err)
		}
		if got.Added != 2 || len(got.Refused) != len(changes)-2 || got.Refused[0].Code != "repeated" {
			t.Fatalf("%d added, %d refused, %+v", got.Added, len(got.Refused), got.Refused[0])
		}
		ask(t, n, event, "hello?")
		if posts := texts(weekOf(t, n, event)); !slices.Contains(posts, "hello?") || strings.Join(posts, "") == "hello?" {
			t.Fatalf("%q", posts)
		}
	}
}

// TestReadersDoNotWaitForTheEngine: while the engine loads the event for a local act, reading
// calls return, and changes that arrive are added. The act is then carried out on top of
// them.
func TestReadersDoNotWaitForTheEngine(t *testing.T) {
	store := mem.New()
	first := openNode(t, replica.Config{Store: store, Key: policytest.KeyOf("founder"), Offline: true})
	id := createEvent(t, first, "")
	for i := range 80 { // so many that changes that arrive are applied without the lock too
		ask(t, first, id, fmt.Sprint(i))
	}
	var all bytes.Buffer
	if err := first.Bundle(testContext(t), id, &all); err != nil {
		t.Fatal(err)
	}
	_, changes, err := bundle.Read(all.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	if _, err := n.Merge(testContext(t), id, changes[:2]); err != nil {
		t.Fatal(err)
	}
	working, goOn := make(chan struct{}), make(chan struct{})
	n.BeforeEngineWork(func() {
		working <- struct{}{}
		<-goOn
	})
	done := make(chan error, 1)
	go func() {
		_, err := n.Do(t.Context(), id, qa.Act{Kind: qa.ActPost, Text: "mine"})
		done <- err
	}()
	for round := range 2 { // first loading, then applying the changes that arrived meanwhile
		<-working
		ctx := testContext(t)
		for name, read := range map[string]func() error{
			"week":        func() error { _, err := n.Week(ctx, id); return err },
			"status":      func() error { _, err := n.Status(ctx); return err },
			"overview":    func() error { _, err := n.Overview(ctx); return err },
			"log":         func() error { _, err := n.Log(ctx, id); return err },
			"shelf":       func() error { _, err := n.Library(ctx); return err },
			"numbers":     func() error { _, err := n.Numbers(ctx, id); return err },
			"refusals":    func() error { _, err := n.Refusals(ctx, id); return err },
			"contacts":    func() error { _, err := n.Contacts(ctx, id); return err },
			"invitations": func() error { _, err := n.Invitations(ctx, id); return err },
			"invitation":  func() error { _, _, err := n.OwnInvitation(ctx, id); return err },
			"presence":    func() error { _, err := n.Presence(ctx, id); return err },
			"delivery":    func() error { _, err := n.Delivery(ctx, id); return err },
			"bundle":      func() error { return n.Bundle(ctx, id, io.Discard) },
			"merge": func() error {
				if round > 0 {
					return nil
				}
				_, err := n.Merge(ctx, id, changes)
				return err
			},
		} {
			answered := make(chan error, 1)
			go func() { answered <- read() }()
			select {
			case err := <-answered:
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			case <-ctx.Done():
				t.Fatalf("%s waits for the engine", name)
			}
		}
		goOn <- struct{}{}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := texts(weekOf(t, n, id)); len(got) != 81 || got[80] != "mine" {
		t.Fatalf("%d posts, %q", len(got), got)
	}
	if heads := statusOf(t, n, id).Heads; len(heads) != 1 {
		t.Fatalf("%d heads: the act does not build on what arrived", len(heads))
	}
	n.BeforeEngineWork(nil)
}

// If the event is rebuilt while the engine loads it, the engine is loaded again.
func TestRebuildWhileTheEngineLoads(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, n, "")
	ask(t, n, id, "one")
	if err := n.Rebuild(testContext(t), id); err != nil { // makes the next act load the engine
		t.Fatal(err)
	}
	times := 0
	n.BeforeEngineWork(func() {
		if times++; times == 1 {
			if err := n.Rebuild(testContext(t), id); err != nil {
				t.Error(err)
			}
		}
	})
	ask(t, n, id, "two")
	if times != 2 {
		t.Errorf("the engine loaded the event %d times", times)
	}
	if got := texts(weekOf(t, n, id)); !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("%q", got)
	}
	n.BeforeEngineWork(nil)
}
