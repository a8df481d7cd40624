package relay

import (
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/relay/quota"
)

// TestAccountsAreForgottenWhenPaid: an address has a bounded number of connections, and its account is
// forgotten once it has no connections and no debt.
func TestAccountsAreForgottenWhenPaid(t *testing.T) {
	now := time.Unix(1000, 0)
	q := quota.Defaults
	var a accounts
	one, ok := a.open("one", 2)
	if _, again := a.open("one", 2); !ok || !again {
		t.Fatal("fewer connections than allowed")
	}
	if _, ok := a.open("one", 2); ok {
		t.Error("more connections than allowed")
	}
	if none, ok := a.open("", 0); none != nil || !ok {
		t.Error("connections from this machine have a limit")
	}
	if !one.quota().Unspent(&q, now) {
		t.Error("a new account has spent something")
	}
	one.quota().Spend(float64(q.AddressBurst))
	if one.quota().Unspent(&q, now) {
		t.Error("nothing was spent")
	}
	a.forget(&q, now)
	a.close("one")
	a.close("one")
	a.close("one")
	a.forget(&q, now)
	if len(a.known) != 1 {
		t.Error("forgotten while it has debt")
	}
	a.forget(&q, now.Add(24*time.Hour))
	if len(a.known) != 0 {
		t.Error("never forgotten")
	}
}

// TestWhichRefusalsAreFinal: a change with a bad signature is not refused for good, because the same
// change may come again with a good one, and it is not asked for again. Other refusals are final.
func TestWhichRefusalsAreFinal(t *testing.T) {
	var sub submission
	one, two, three := wire.Hash{1}, wire.Hash{2}, wire.Hash{3}
	sub.noteRefused(one, policy.RefusalOf(keys.ErrSignature))
	sub.noteRefused(two, policy.RefusalOf(graph.ErrSeqGap))
	sub.noteDeferred(three, &policy.Refusal{Code: policy.CodeRate, Reason: deferralReasons[policy.CodeRate]})
	if !slices.Equal(sub.refusedHashes, []wire.Hash{two}) || !slices.Equal(sub.notAccepted, []wire.Hash{one, three}) {
		t.Errorf("for good %v, not now %v", sub.refusedHashes, sub.notAccepted)
	}
	for i, deferred := range []bool{false, false, true} {
		if r := sub.refused[i]; r.Deferred != deferred || r.Reason == "" {
			t.Errorf("told %+v", r)
		}
	}
}
