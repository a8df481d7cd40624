package replica_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
	"flyleaf/storage/sqlite"
)

// stores are the store implementations that the tests of local acts use.
var stores = map[string]func(t *testing.T) storage.Store{
	"mem": func(*testing.T) storage.Store { return mem.New() },
	"sqlite": func(t *testing.T) storage.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "flyleaf.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

func onStores(t *testing.T, f func(t *testing.T, store storage.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			f(t, store)
		})
	}
}

func newKey(t testing.TB) keys.Key {
	t.Helper()
	k, err := keys.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) { l.t.Log(string(b)); return len(b), nil }

func openNode(t *testing.T, cfg replica.Config) *replica.Node {
	t.Helper()
	if testing.Verbose() && cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(testLog{t}, nil))
	}
	if cfg.Key.IsZero() {
		cfg.Key = newKey(t)
	}
	n, err := replica.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// testTimeout is how long a test waits before it fails.
const testTimeout = 20 * time.Second

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

var week = qa.Event{Title: "A week", Authors: "Ann Author, Bob Writer", StartsAtMillis: 1_700_000_000_000, EndsAtMillis: 1_700_400_000_000}

func createEvent(t *testing.T, n *replica.Node, relay string) qa.EventID {
	t.Helper()
	id, inv, err := n.CreateEvent(testContext(t), week, relay)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Event != id || inv.Relay != relay {
		t.Fatalf("invitation %v to %s", inv, id)
	}
	return id
}

func do(t *testing.T, n *replica.Node, id qa.EventID, act qa.Act) qa.PostID {
	t.Helper()
	post, err := n.Do(testContext(t), id, act)
	if err != nil {
		t.Fatalf("%s: %v", act.Kind, err)
	}
	return post
}

func ask(t *testing.T, n *replica.Node, id qa.EventID, text string) qa.PostID {
	t.Helper()
	return do(t, n, id, qa.Act{Kind: qa.ActPost, Text: text})
}

func weekOf(t *testing.T, n *replica.Node, id qa.EventID) qa.Week {
	t.Helper()
	w, err := n.Week(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// texts returns the texts of a week's posts, with replies indented.
func texts(w qa.Week) []string {
	var out []string
	for _, th := range w.Threads {
		out = append(out, th.Question.Text())
		for _, r := range th.Replies {
			out = append(out, "  "+r.Text())
		}
	}
	return out
}

func statusOf(t *testing.T, n *replica.Node, id qa.EventID) qa.Status {
	t.Helper()
	all, err := n.Status(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Event == id {
			return s
		}
	}
	t.Fatalf("no status of %s", id)
	return qa.Status{}
}

func TestActsSurviveReopening(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		key := newKey(t)
		n := openNode(t, replica.Config{Store: store, Key: key})
		id := createEvent(t, n, "")
		q := ask(t, n, id, "First?")
		r := do(t, n, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "Yes."})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: qa.WantEmoji, On: true})
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: r, Text: "Yes!"})
		do(t, n, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ann"}})
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Do(t.Context(), id, qa.Act{Kind: qa.ActPost, Text: "late"}); !errors.Is(err, replica.ErrClosed) {
			t.Fatalf("a closed node accepted an act: %v", err)
		}

		n = openNode(t, replica.Config{Store: store, Key: key})
		ask(t, n, id, "Second?")
		w := weekOf(t, n, id)
		if got := texts(w); len(got) != 3 || got[0] != "First?" || got[1] != "  Yes!" || got[2] != "Second?" {
			t.Fatalf("%q", got)
		}
		question := w.Threads[0].Question
		if question.Name != "Ann" || w.Threads[0].Wants != 1 || len(w.Threads[0].Replies[0].Revisions) != 2 {
			t.Fatalf("%+v", w.Threads[0])
		}
		if w.Event.Title != week.Title || w.Event.ID != id || w.Event.Founder != n.Identity() {
			t.Fatalf("%+v", w.Event)
		}
		s := statusOf(t, n, id)
		if s.Posts != 3 || s.Pending != 7 || s.Changes != 7 || len(s.Heads) != 1 || s.Relay.State != qa.RelayNone || s.Title != week.Title {
			t.Fatalf("%+v", s)
		}
	})
}

// Every change is signed, and each start uses a new actor.
func TestLedgerHasSignedChangesOfNewActors(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		key := newKey(t)
		var id qa.EventID
		for run := range 3 {
			n := openNode(t, replica.Config{Store: store, Key: key})
			if run == 0 {
				id = createEvent(t, n, "")
			}
			ask(t, n, id, "?")
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
		actors := map[string]int{}
		err := store.Entries(t.Context(), id, 0, func(en storage.Entry) error {
			actors[string(en.Actor)]++
			if !en.Own || len(en.Act) == 0 || en.Delivered {
				t.Errorf("entry %+v", en)
			}
			return keys.Verify(id, en.Actor, en.Hash(), en.Signature)
		})
		if err != nil || len(actors) != 3 {
			t.Fatalf("%d actors, %v", len(actors), err)
		}
	})
}

// The calls that pages make do not load the whole document, so opening a large event does not
// wait for all of its changes.
func TestPagesDoNotLoadDocuments(t *testing.T) {
	store, key := mem.New(), newKey(t)
	x := openNode(t, replica.Config{Store: store, Key: key})
	id, _, err := x.CreateEvent(t.Context(), qa.Event{Title: "A week"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y := openNode(t, replica.Config{Store: store, Key: key})
	all, err := y.Overview(t.Context())
	if err != nil || len(all) != 1 || all[0].Event != id || all[0].Changes == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	if refused, err := y.Refusals(t.Context(), id); err != nil || len(refused) != 0 { // on every page
		t.Errorf("%v, %v", refused, err)
	}
	if role, state, err := y.OwnInvitation(t.Context(), id); err != nil || role != "" || state != "" {
		t.Errorf("%q, %q, %v", role, state, err)
	}
	for what, ask := range map[string]func() error{
		"week":     func() error { _, err := y.Week(t.Context(), id); return err },
		"delivery": func() error { _, err := y.Delivery(t.Context(), id); return err },
		"presence": func() error { _, err := y.Presence(t.Context(), id); return err },
		"keys":     func() error { _, err := y.Keys(t.Context(), id); return err },
	} {
		if err := ask(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if graphs, _, _ := y.Loaded(); graphs != 0 || len(all[0].Heads) != 0 {
		t.Errorf("%d graphs are in memory, heads %v", graphs, all[0].Heads)
	}
	whole, err := y.Status(t.Context())
	if err != nil || len(whole[0].Heads) == 0 {
		t.Errorf("%+v, %v", whole, err)
	}
}
