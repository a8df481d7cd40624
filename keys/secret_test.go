package keys_test

import (
	"bytes"
	"errors"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
)

func TestDrawSecret(t *testing.T) {
	one, err := keys.KeyFromSeed(bytes.Repeat([]byte{1}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	two, err := keys.KeyFromSeed(bytes.Repeat([]byte{2}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	a, b := qa.MakeEventID([16]byte{1}), qa.MakeEventID([16]byte{2})
	seen := map[string]bool{}
	for _, k := range []keys.Key{one, two} {
		for _, e := range []qa.EventID{a, b} {
			s, err := keys.DrawSecret(k, e)
			again, _ := keys.DrawSecret(k, e)
			if err != nil || len(s) != qa.DrawSecretSize || !bytes.Equal(s, again) || seen[string(s)] || bytes.Contains(s, k.Seed()[:8]) {
				t.Errorf("%x, %v", s, err)
			}
			seen[string(s)] = true
		}
	}
	if _, err := keys.DrawSecret(keys.Key{}, a); !errors.Is(err, keys.ErrNoKey) {
		t.Error(err)
	}
	if _, err := keys.DrawSecret(one, "x"); !errors.Is(err, qa.ErrBadID) {
		t.Error(err)
	}
}
