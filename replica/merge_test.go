package replica_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func bundleChanges(t *testing.T, n *replica.Node, id qa.EventID) []bundle.Change {
	t.Helper()
	var out bytes.Buffer
	if err := n.Bundle(testContext(t), id, &out); err != nil {
		t.Fatal(err)
	}
	event, changes, err := bundle.Read(out.Bytes())
	if err != nil || event != id {
		t.Fatalf("%s: %v", event, err)
	}
	return changes
}

// TestMergeExchangesAnEvent: two devices without a network exchange an event as files, in both
// directions.
func TestMergeExchangesAnEvent(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: store, Offline: true})
		id := createEvent(t, a, "")
		q := ask(t, a, id, "Why?")
		first := bundleChanges(t, a, id)
		if got, err := b.Merge(testContext(t), id, first); err != nil || got.Added != 2 || got.Known != 0 || len(got.Refused) != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		do(t, b, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "So."})
		ask(t, a, id, "And where?")
		back := bundleChanges(t, b, id)
		if got, err := a.Merge(testContext(t), id, back); err != nil || got.Added != 1 || got.Known != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		if got, err := b.Merge(testContext(t), id, bundleChanges(t, a, id)); err != nil || got.Added != 1 || got.Known != 3 {
			t.Fatalf("%+v, %v", got, err)
		}
		want := []string{"Why?", "  So.", "And where?"}
		for _, n := range []*replica.Node{a, b} {
			if got := texts(weekOf(t, n, id)); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		if got, err := b.Merge(testContext(t), id, first); err != nil || got.Added != 0 || got.Known != 2 {
			t.Errorf("the first bundle again: %+v, %v", got, err)
		}
		if all := entries(t, store, id); len(all) != 4 {
			t.Errorf("%d entries", len(all))
		}
	})
}

// TestMergeChecksEachChange: Merge checks each change like a change from a relay, and returns
// the refused ones.
func TestMergeChecksEachChange(t *testing.T) {
	a := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, a, "")
	ask(t, a, id, "one")
	ask(t, a, id, "two")
	ask(t, a, id, "three")
	all := bundleChanges(t, a, id)

	forged := slices.Clone(all)
	forged[2].Signature = forged[1].Signature
	store := mem.New()
	b := openNode(t, replica.Config{Store: store, Offline: true})
	got, err := b.Merge(testContext(t), id, forged)
	if err != nil || got.Added != 2 || len(got.Refused) != 2 || got.Refused[0].Code != "signature" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := texts(weekOf(t, b, id)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("%q", got)
	}
	// A forged signature does not block the changes: with the right signatures they are added.
	if got, err := b.Merge(testContext(t), id, all); err != nil || got.Added != 2 || got.Known != 2 {
		t.Errorf("%+v, %v", got, err)
	}

	// A bundle without the first change is an error; changes with other missing dependencies
	// wait.
	c := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	if _, err := c.Merge(testContext(t), id, all[1:]); !errors.Is(err, replica.ErrNoFirstChange) {
		t.Errorf("without its beginning: %v", err)
	}
	if events, err := c.Events(testContext(t)); err != nil || len(events) != 0 {
		t.Errorf("it follows %v, %v", events, err)
	}
	if got, err := c.Merge(testContext(t), id, slices.Concat(all[:1], all[2:])); err != nil || got.Added != 1 || got.MissingDependencies != 2 {
		t.Errorf("with a gap: %+v, %v", got, err)
	}
	if got, err := c.Merge(testContext(t), id, all); err != nil || len(got.Refused) != 0 || len(texts(weekOf(t, c, id))) != 3 {
		t.Errorf("and then filled: %+v, %v", got, err)
	}

	// Changes of one event, merged under the ID of another.
	other := createEvent(t, a, "")
	if _, err := b.Merge(testContext(t), other, all); !errors.Is(err, replica.ErrNoFirstChange) {
		t.Errorf("another event's changes: %v", err)
	}
}

func TestBundleWithoutChangesIsAnError(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := qa.MakeEventID([16]byte{5})
	if err := n.Bundle(testContext(t), id, &bytes.Buffer{}); !errors.Is(err, replica.ErrUnknownEvent) {
		t.Error(err)
	}
	if err := n.Join(testContext(t), qa.Invitation{Event: id}); err != nil {
		t.Fatal(err)
	}
	if err := n.Bundle(testContext(t), id, &bytes.Buffer{}); !errors.Is(err, replica.ErrNothingToBundle) {
		t.Error(err)
	}
}

// TestMergeRefusesEveryHostileChange: each hostile change in policytest.Cases is refused with
// its code, and the valid changes before it are added.
func TestMergeRefusesEveryHostileChange(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of events")
	}
	for _, c := range policytest.Cases() {
		var changes []bundle.Change
		for _, s := range append(slices.Clone(c.Setup), c.Bad) {
			changes = append(changes, bundle.Change{Bytes: s.Bytes, Signature: s.Signature})
		}
		store := mem.New()
		n := openNode(t, replica.Config{Store: store, Offline: true})
		got, err := n.Merge(testContext(t), c.Event, changes)
		if len(c.Setup) == 0 {
			if !errors.Is(err, replica.ErrNoFirstChange) && (err != nil || got.Added != 0) {
				t.Errorf("%s: %+v, %v", c.Name, got, err)
			}
		} else if c.Code == policy.CodeDuplicateSeq && err == nil && got.Excluded > 0 {
			// The two changes are an equivocation: neither is part of the event, nor are the
			// changes that depend on them.
			if got.Added+got.Excluded != len(changes) || len(entries(t, store, c.Event)) != len(changes) {
				t.Errorf("%s: %+v", c.Name, got)
			}
		} else if err != nil || got.Added != len(c.Setup) || len(got.Refused) != 1 || got.Refused[0].Code != string(c.Code) {
			t.Errorf("%s: %+v, %v; %d were valid, want %s", c.Name, got, err, len(c.Setup), c.Code)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}
