package policy_test

import (
	"errors"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
)

// TestCases: each change of the table is refused with its code, and leaves no trace.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	codes := map[policy.Code]int{}
	cases := policytest.Cases()
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		seen[c.Name] = true
		codes[c.Code]++
		t.Run(c.Name, func(t *testing.T) {
			r := policytest.NewReplica(c.Event)
			for i, s := range c.Setup {
				if err := r.Apply(s); err != nil {
					t.Fatalf("setup change %d: %v", i, err)
				}
			}
			if len(r.Applied) != len(c.Setup) {
				t.Fatalf("%d of %d changes were applied", len(r.Applied), len(c.Setup))
			}
			err := r.Apply(c.Bad)
			var why *policy.Refusal
			if !errors.As(err, &why) {
				t.Fatalf("it was applied, or is pending: %v", err)
			}
			if why.Code != c.Code {
				t.Errorf("refused as %s, not as %s: %v", why.Code, c.Code, why)
			}
			if r.Graph.Len() != len(c.Setup) || r.Graph.PendingLen() != 0 {
				t.Error("it left something behind")
			}
		})
	}
	t.Logf("%d cases: %v", len(cases), codes)
	for _, code := range []policy.Code{
		policy.CodeMalformed, policy.CodeTooLarge, policy.CodeSchema, policy.CodeSignature, policy.CodeGenesis, policy.CodeSequence,
		policy.CodeDuplicateSeq, policy.CodeObject, policy.CodePreds, policy.CodeKey, policy.CodeValue, policy.CodeLimit,
		policy.CodeOnce, policy.CodePost, policy.CodePostID, policy.CodeRevisionID, policy.CodeParent, policy.CodeRole, policy.CodeOwner,
		policy.CodeClosed, policy.CodeClaim, policy.CodeBlob, policy.CodeRepeated, policy.CodeOperations, policy.CodeTooOften,
		policy.CodeWeakKey, policy.CodeText, policy.CodeEquivocation,
	} {
		if codes[code] == 0 {
			t.Errorf("no case is refused as %s", code)
		}
		if code.Deferred() {
			t.Errorf("%s is a refusal", code)
		}
	}
}

// TestBadChangesInAnyOrder: a bad change that arrives before its dependencies is pending, and is
// refused when they have arrived.
func TestBadChangesInAnyOrder(t *testing.T) {
	for _, c := range policytest.Cases() {
		if len(c.Setup) == 0 || c.Code == policy.CodeSignature || c.Code == policy.CodeWeakKey || c.Code == policy.CodeMalformed || c.Code == policy.CodeTooLarge ||
			c.Code == policy.CodeDuplicateSeq || c.Code == policy.CodeGenesis {
			continue // refused at once, or only after another change has arrived
		}
		r := policytest.NewReplica(c.Event)
		if err := r.Apply(c.Bad); err != nil {
			continue
		}
		for i := len(c.Setup) - 1; i >= 0; i-- {
			if err := r.Apply(c.Setup[i]); err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
		}
		var h wire.Hash
		h, err := wire.ReadHash(c.Bad.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rejected) != 1 || r.Rejected[0].Change.Meta.Hash != h || r.Rejected[0].Refusal.Code != c.Code {
			t.Errorf("%s: %v", c.Name, r.Rejected)
		}
		if r.Graph.Len() != len(c.Setup) {
			t.Errorf("%s: %d of %d were applied", c.Name, r.Graph.Len(), len(c.Setup))
		}
	}
}
