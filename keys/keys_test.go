package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

func key(t *testing.T, b byte) Key {
	t.Helper()
	k, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{b}, SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func actor(t *testing.T, k Key, b byte) wire.ActorID {
	t.Helper()
	a, err := k.NewActor(bytes.NewReader(bytes.Repeat([]byte{b}, 8)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestActorContainsItsIdentity(t *testing.T) {
	k := key(t, 1)
	a := actor(t, k, 9)
	if len(a) != 40 || !strings.HasSuffix(string(a), strings.Repeat("\x09", 8)) {
		t.Fatalf("actor %x", string(a))
	}
	if id := qa.IdentityOfActor([]byte(a)); id != k.Identity() || len(id) != 64 {
		t.Fatalf("identity %q of the actor, %q of the key", id, k.Identity())
	}
	if b, err := k.NewActor(nil); err != nil || b == a {
		t.Fatalf("a second actor: %v", err)
	}
}

func TestSignatureIsValidForOneWriterEventAndChange(t *testing.T) {
	k, other := key(t, 1), key(t, 2)
	a, b := actor(t, k, 1), actor(t, other, 1)
	event, elsewhere := qa.MakeEventID([16]byte{1}), qa.MakeEventID([16]byte{2})
	h, g := wire.Hash{1}, wire.Hash{2}
	sig, err := Sign(k, event, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(event, a, h, sig); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(sig)
	flipped[63] ^= 1
	for name, err := range map[string]error{
		"another event":  Verify(elsewhere, a, h, sig),
		"another writer": Verify(event, b, h, sig),
		"another change": Verify(event, a, g, sig),
		"a flipped bit":  Verify(event, a, h, flipped),
		"cut off":        Verify(event, a, h, sig[:63]),
		"none":           Verify(event, a, h, nil),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Verify(event, a[:39], h, sig); !errors.Is(err, ErrActor) {
		t.Errorf("a short actor: %v", err)
	}
	if err := Verify("nonsense", a, h, sig); err == nil {
		t.Error("an invalid event ID was accepted")
	}
}

// The signed bytes are spelled out here: other programs must be able to verify signatures from
// their description.
func TestSignedBytes(t *testing.T) {
	k := key(t, 7)
	doc := [16]byte{0: 0xaa, 15: 0xbb}
	h := wire.Hash{0: 0xcc, 31: 0xdd}
	sig, err := Sign(k, qa.MakeEventID(doc), h)
	if err != nil {
		t.Fatal(err)
	}
	message := "666c796c656166206368616e6765207631" + // flyleaf change v1
		"aa" + strings.Repeat("00", 14) + "bb" + "cc" + strings.Repeat("00", 30) + "dd"
	m, _ := hex.DecodeString(message)
	public, _ := hex.DecodeString(string(k.Identity()))
	if !ed25519.Verify(public, m, sig) {
		t.Fatal("the signature is over other bytes")
	}
}

func TestSeedRestoresTheKey(t *testing.T) {
	k := key(t, 3)
	again, err := KeyFromSeed(k.Seed())
	if err != nil || again.Identity() != k.Identity() {
		t.Fatalf("%v, %v", again, err)
	}
	if _, err := KeyFromSeed(k.Seed()[:31]); !errors.Is(err, ErrSeed) {
		t.Fatal(err)
	}
}

func TestZeroKeySignsNothing(t *testing.T) {
	var k Key
	if _, err := Sign(k, qa.MakeEventID([16]byte{}), wire.Hash{}); !errors.Is(err, ErrNoKey) {
		t.Fatal(err)
	}
	if _, err := k.NewActor(nil); !errors.Is(err, ErrNoKey) {
		t.Fatal(err)
	}
	if k.Identity() != "" || k.Seed() != nil {
		t.Fatal("the zero key has an identity or a seed")
	}
}

func TestPrintingAKeyHidesTheSecret(t *testing.T) {
	k := key(t, 5)
	secret := hex.EncodeToString(k.Seed())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, k); strings.Contains(s, secret) || !strings.Contains(s, string(k.Identity())) {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestShortRandomSourceIsAnError(t *testing.T) {
	if _, err := NewKey(bytes.NewReader([]byte{1})); err == nil {
		t.Fatal("a key was made of one byte")
	}
	if _, err := key(t, 1).NewActor(bytes.NewReader(nil)); err == nil {
		t.Fatal("an actor was made of nothing")
	}
}
