// Package keys holds people's key pairs, makes actor IDs, and signs and verifies changes.
//
// A person is an Ed25519 key pair. The writer of a change is its actor, which contains the public
// key. There is no separate writer field that could be forged. A signature is made over the event
// and the hash of the change, so that it is not valid for another event. The hash covers the change
// and all its ancestors.
//
// The package also signs and verifies messages that relays forward without storing them, and the proofs
// with which a device shows a relay that it may read an event (statement.go).
//
// The package does no I/O and keeps no state, apart from the public keys that it has imported into
// the browser's WebCrypto. Storing keys is the caller's task (see keys/identity).
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// Sizes in bytes.
const (
	SeedSize      = ed25519.SeedSize      // of a key's seed: 32
	SignatureSize = ed25519.SignatureSize // of a signature: 64
	ActorSize     = qa.ActorSize          // of an actor ID: 40
)

// changeContext is the domain separation prefix of signatures of changes: no other statement that
// the same key signs begins with it.
const changeContext = "flyleaf change v1"

// Errors of this package.
var (
	// ErrActor is returned when an actor ID is not 40 bytes long.
	ErrActor = errors.New("keys: the actor is not a public key and eight bytes")
	// ErrSignature is returned by Verify when the signature is not a signature of this
	// change, for this event, by the actor's key.
	ErrSignature = errors.New("keys: the change's signature is wrong")
	// ErrWeakKey is returned by Verify for a writer whose key is not strong (qa.IsStrongKey):
	// anybody can make a valid signature for such a key.
	ErrWeakKey = errors.New("keys: the writer's key is one for which anybody can sign")
	// ErrNoKey is returned by functions that need a key, for the zero Key.
	ErrNoKey = errors.New("keys: there is no key to sign with")
	// ErrSeed is returned by KeyFromSeed for a seed that is not 32 bytes.
	ErrSeed = errors.New("keys: the seed of a key is 32 bytes")
)

// Key is a person's key pair. The zero Key signs nothing.
type Key struct {
	private ed25519.PrivateKey
}

// NewKey draws a new key from random; crypto/rand when random is nil.
func NewKey(random io.Reader) (Key, error) {
	// Read the seed here, because ed25519.GenerateKey may ignore its argument, and tests
	// need keys that depend only on their random source.
	seed := make([]byte, SeedSize)
	if _, err := io.ReadFull(source(random), seed); err != nil {
		return Key{}, fmt.Errorf("keys: drawing a key: %w", err)
	}
	return KeyFromSeed(seed)
}

// KeyFromSeed returns the key with this seed. ErrSeed is returned for a seed that does not
// have SeedSize bytes.
func KeyFromSeed(seed []byte) (Key, error) {
	if len(seed) != SeedSize {
		return Key{}, ErrSeed
	}
	return Key{ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed returns the 32 bytes from which KeyFromSeed makes the key; nil for the zero Key. They
// are secret: anybody who has them can act as this person.
func (k Key) Seed() []byte {
	if k.IsZero() {
		return nil
	}
	return k.private.Seed()
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return len(k.private) == 0 }

// Identity returns the identity of the key's person; "" for the zero Key.
func (k Key) Identity() qa.Identity {
	if k.IsZero() {
		return ""
	}
	return qa.Identity(hex.EncodeToString(k.public()))
}

// NewActor draws a new actor of this person: public key ‖ 8 bytes of random, crypto/rand when
// random is nil. Each run of the program uses a new actor ID, so that a copied or restored data
// directory cannot write a second change with the same actor and sequence number.
func (k Key) NewActor(random io.Reader) (wire.ActorID, error) {
	if k.IsZero() {
		return "", ErrNoKey
	}
	actor := make([]byte, ActorSize)
	n := copy(actor, k.public())
	if _, err := io.ReadFull(source(random), actor[n:]); err != nil {
		return "", fmt.Errorf("keys: drawing an actor: %w", err)
	}
	return wire.ActorID(actor), nil
}

func (k Key) public() []byte { return k.private[ed25519.SeedSize:] }

// String names the key's person. It never shows the secret.
func (k Key) String() string { return "key of " + string(k.Identity()) }

// GoString is String, so that no formatting verb shows the secret.
func (k Key) GoString() string { return k.String() }

// signed returns what a signature covers:
//
//	"flyleaf change v1" (17 bytes) | document ID (16) | change hash (32)
func signed(event qa.EventID, h wire.Hash) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(changeContext)+len(doc)+len(h))
	b = append(b, changeContext...)
	b = append(b, doc[:]...)
	return append(b, h[:]...), nil
}

// Sign returns the 64-byte signature of a change of an event. ErrNoKey is returned for the
// zero Key, and qa's error for an invalid event ID.
func Sign(k Key, event qa.EventID, h wire.Hash) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	b, err := signed(event, h)
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(k.private, b), nil
}

// Verify checks that sig is a valid signature of the change by the actor's key, for this event. It
// returns ErrActor, ErrWeakKey or ErrSignature if not, and qa's error for an invalid event ID.
// crdt/policy/DESIGN.md has the exact rules.
func Verify(event qa.EventID, actor wire.ActorID, h wire.Hash, sig []byte) error {
	if len(actor) != ActorSize {
		return fmt.Errorf("%w (it has %d)", ErrActor, len(actor))
	}
	if len(sig) != SignatureSize {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrSignature, len(sig), SignatureSize)
	}
	b, err := signed(event, h)
	if err != nil {
		return err
	}
	public := []byte(actor[:ed25519.PublicKeySize])
	if !qa.IsStrongKey(public) {
		return ErrWeakKey
	}
	if !valid(public, b, sig) {
		return ErrSignature
	}
	return nil
}

func source(random io.Reader) io.Reader {
	if random == nil {
		return rand.Reader
	}
	return random
}
