package replica_test

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestForgedParentAfterItsChild: a bundle has a change before the change that it depends on,
// and the latter has a forged signature. Neither change is blocked: the valid bundle adds
// both.
func TestForgedParentAfterItsChild(t *testing.T) {
	a := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, a, "")
	for _, text := range []string{"one", "two", "three"} {
		ask(t, a, id, text)
	}
	all := bundleChanges(t, a, id)
	forged := slices.Clone(all)
	forged[2], forged[3] = all[3], all[2]
	forged[3].Signature = all[1].Signature
	b := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	got, err := b.Merge(testContext(t), id, forged)
	if err != nil || got.Added != 2 || len(got.Refused)+got.MissingDependencies != 2 {
		t.Errorf("the forged bundle: %+v, %v", got, err)
	}
	if got, err := b.Merge(testContext(t), id, all); err != nil || got.Added != 2 || got.Known != 2 {
		t.Errorf("the valid bundle: %+v, %v", got, err)
	}
}

// TestOwnActThatIsNotAllowedLeavesNothing: a local act that the rules refuse is not listed among
// the refused changes, which come from peers.
func TestOwnActThatIsNotAllowedLeavesNothing(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, a, "")
	question := ask(t, a, id, "one")
	if _, err := b.Merge(testContext(t), id, bundleChanges(t, a, id)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(testContext(t), id, qa.Act{Kind: qa.ActMark, Post: question, Mark: "hidden", Text: "I dislike it"}); err == nil {
		t.Fatal("allowed")
	}
	if r := refusedBy(b, id); len(r) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestValidChangesAfterManyRefusals: valid changes are added even if the list of refused
// changes is full.
func TestValidChangesAfterManyRefusals(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, a, "")
	ask(t, a, id, "one")
	if _, err := b.Merge(testContext(t), id, bundleChanges(t, a, id)); err != nil {
		t.Fatal(err)
	}
	if err := b.FillRefused(id); err != nil {
		t.Fatal(err)
	}
	ask(t, a, id, "two")
	if got, err := b.Merge(testContext(t), id, bundleChanges(t, a, id)); err != nil || got.Added != 1 {
		t.Errorf("a valid change: %+v, %v", got, err)
	}
}

// TestVoidActsAreKnownAfterAnExclusion: local acts that are void because the device was copied are
// still known as such when something else is excluded.
func TestVoidActsAreKnownAfterAnExclusion(t *testing.T) {
	a, _, _ := attackWithCopiedDevice(t)
	id := a.relay.event
	rows := entries(t, a.store, id)
	before, after, err := a.node.Exclude(t.Context(), id, rows[len(rows)-1].Hash())
	if err != nil || before == 0 || after < before {
		t.Errorf("%d ineffective acts before, %d after, %v", before, after, err)
	}
}
