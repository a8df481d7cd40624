package encrypted

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"flyleaf/keys"
	"flyleaf/keys/identity"
	"flyleaf/schema"
)

func TestOnlyTheFounderCanReadAContact(t *testing.T) {
	founder, other := key(t, 1), key(t, 2)
	longest := strings.Repeat("ß", identity.MaxContact/2)
	for _, text := range []string{"Zoë, Lange Straße 1, zoe@example.org", "x", longest} {
		sealed, err := SealContact(founder.Identity(), text)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > schema.MaxContact || bytes.Contains(sealed, []byte(text)) && len(text) > 1 {
			t.Errorf("%d bytes, at most %d", len(sealed), schema.MaxContact)
		}
		if got, err := OpenContact(founder, sealed); err != nil || got != text {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := OpenContact(other, sealed); !errors.Is(err, ErrNotForYou) {
			t.Errorf("with another key: %v", err)
		}
		for i := range sealed {
			broken := bytes.Clone(sealed)
			broken[i] ^= 1
			if got, err := OpenContact(founder, broken); err == nil {
				t.Fatalf("byte %d changed: %q", i, got)
			}
		}
	}
}

func TestInvalidContactsAreErrors(t *testing.T) {
	founder := key(t, 1)
	for _, text := range []string{"", strings.Repeat("x", identity.MaxContact+1)} {
		if _, err := SealContact(founder.Identity(), text); !errors.Is(err, identity.ErrContact) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if _, err := SealContact("nobody", "x"); err == nil {
		t.Error("a contact for an invalid identity was accepted")
	}
	if _, err := OpenContact(founder, nil); !errors.Is(err, ErrNotForYou) {
		t.Error(err)
	}
	if _, err := OpenContact(keys.Key{}, nil); !errors.Is(err, keys.ErrNoKey) {
		t.Error(err)
	}
}
