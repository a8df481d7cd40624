package verify_test

import (
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/verify"
)

// TestVerifierRefusesEveryHostileChange: the verifier refuses each change of policytest.Cases
// with its code, and accepts all changes before it.
func TestVerifierRefusesEveryHostileChange(t *testing.T) {
	for _, c := range policytest.Cases() {
		v := verify.New(c.Event)
		for i, s := range c.Setup {
			if f := v.Add(s.Bytes, s.Signature); f.Code != "" || !f.Signed || f.What == "" {
				t.Errorf("%s: change %d, which is valid: %+v", c.Name, i, f)
			}
		}
		f := v.Add(c.Bad.Bytes, c.Bad.Signature)
		if f.Code != string(c.Code) || f.Reason == "" || f.What == "" {
			t.Errorf("%s: %+v, want %s", c.Name, f, c.Code)
		}
		if r := v.Result(); r.Bad != 1 || r.Valid() {
			t.Errorf("%s: %d of %d are bad", c.Name, r.Bad, len(r.Changes))
		}
	}
}
