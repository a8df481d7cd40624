package replica_test

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestForgedParentBehindItsChild: a bundle in which a change stands before the one that it
// depends on, and that one is forged, shuts neither out: the true bundle heals it.
func TestForgedParentBehindItsChild(t *testing.T) {
	a := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := found(t, a, "")
	for _, text := range []string{"one", "two", "three"} {
		ask(t, a, id, text)
	}
	all := bundled(t, a, id)
	forged := slices.Clone(all)
	forged[2], forged[3] = all[3], all[2]
	forged[3].Signature = all[1].Signature
	b := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	got, err := b.Merge(bounded(t), id, forged)
	if err != nil || got.Added != 2 || len(got.Refused)+got.MissingDependencies != 2 {
		t.Errorf("the forged bundle: %+v, %v", got, err)
	}
	if got, err := b.Merge(bounded(t), id, all); err != nil || got.Added != 2 || got.Known != 2 {
		t.Errorf("the true bundle: %+v, %v", got, err)
	}
}

// TestOwnActThatIsNotAllowedIsForgotten: an own act that the rules refuse is in no ledger,
// and not among the changes that somebody sent and this device does not take.
func TestOwnActThatIsNotAllowedIsForgotten(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := found(t, a, "")
	question := ask(t, a, id, "one")
	if _, err := b.Merge(bounded(t), id, bundled(t, a, id)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(bounded(t), id, qa.Act{Kind: qa.ActMark, Post: question, Mark: "hidden", Text: "I dislike it"}); err == nil {
		t.Fatal("allowed")
	}
	if r := refusedBy(b, id); len(r) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestValidChangesAfterManyRefusals: what is valid is taken though no further refusal
// would be remembered.
func TestValidChangesAfterManyRefusals(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := found(t, a, "")
	ask(t, a, id, "one")
	if _, err := b.Merge(bounded(t), id, bundled(t, a, id)); err != nil {
		t.Fatal(err)
	}
	if err := b.FillRefused(id); err != nil {
		t.Fatal(err)
	}
	ask(t, a, id, "two")
	if got, err := b.Merge(bounded(t), id, bundled(t, a, id)); err != nil || got.Added != 1 {
		t.Errorf("a valid change: %+v, %v", got, err)
	}
}

// TestVoidActsAreKnownAfterAnExclusion: own acts that are void because the device was
// copied are still known as such when something else is excluded.
func TestVoidActsAreKnownAfterAnExclusion(t *testing.T) {
	a, _, _ := copyThatRanOn(t)
	id := a.puppet.event
	rows := entries(t, a.store, id)
	lost, after, err := a.node.Exclude(t.Context(), id, rows[len(rows)-1].Hash)
	if err != nil || lost == 0 || after < lost {
		t.Errorf("%d lost acts before, %d after, %v", lost, after, err)
	}
}
