package trust_test

import (
	"bytes"
	"errors"
	"testing"

	"flyleaf/qa"
	"flyleaf/trust"
)

func TestDrawSecret(t *testing.T) {
	one, err := trust.KeyFromSeed(bytes.Repeat([]byte{1}, trust.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	two, err := trust.KeyFromSeed(bytes.Repeat([]byte{2}, trust.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	a, b := qa.MakeEventID([16]byte{1}), qa.MakeEventID([16]byte{2})
	seen := map[string]bool{}
	for _, k := range []trust.Key{one, two} {
		for _, e := range []qa.EventID{a, b} {
			s, err := trust.DrawSecret(k, e)
			again, _ := trust.DrawSecret(k, e)
			if err != nil || len(s) != qa.DrawSecretSize || !bytes.Equal(s, again) || seen[string(s)] || bytes.Contains(s, k.Seed()[:8]) {
				t.Errorf("%x, %v", s, err)
			}
			seen[string(s)] = true
		}
	}
	if _, err := trust.DrawSecret(trust.Key{}, a); !errors.Is(err, trust.ErrNoKey) {
		t.Error(err)
	}
	if _, err := trust.DrawSecret(one, "x"); !errors.Is(err, qa.ErrBadID) {
		t.Error(err)
	}
}
