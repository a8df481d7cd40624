package qa

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mr-tron/base58"
)

// ErrBadID is returned when something that should be an ID is not one: wrong
// characters, wrong length or a wrong checksum.
var ErrBadID = errors.New("not a valid ID")

const (
	eventIDBytes  = 16
	checksumBytes = 4
	// maxEventID is the length of the longest event ID: 20 bytes are at most 28 characters of base58.
	maxEventID = 28
	// actorRandom is the number of random bytes of an actor, after the identity.
	actorRandom   = 8
	identityBytes = 32
	// genesisPrefix separates the hash behind an event's ID from other uses.
	genesisPrefix = "flyleaf event v1"
)

// ActorSize is the length of an actor ID in bytes: the identity and 8 random bytes.
const ActorSize = identityBytes + actorRandom

// lower32 is base32 of RFC 4648 in lower case, without padding.
var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// MakeEventID encodes 16 bytes as an event ID:
//
//	base58( docID 16 | first 4 bytes of SHA-256(SHA-256(docID)) )
func MakeEventID(docID [16]byte) EventID {
	sum := checksum(docID[:])
	return EventID(base58.Encode(append(docID[:], sum[:]...)))
}

func checksum(b []byte) [checksumBytes]byte {
	once := sha256.Sum256(b)
	twice := sha256.Sum256(once[:])
	return [checksumBytes]byte(twice[:checksumBytes])
}

// ParseEventID checks that s is an event ID, checksum included. Surrounding
// white space is not accepted. ErrBadID is returned when it is not one.
func ParseEventID(s string) (EventID, error) {
	id := EventID(s)
	_, err := id.Bytes()
	if err != nil {
		return "", err
	}
	return id, nil
}

// Bytes returns the 16 bytes that id stands for. ErrBadID is returned when id is not valid, or not
// in canonical form.
func (id EventID) Bytes() ([16]byte, error) {
	var out [16]byte
	if id == "" || len(id) > maxEventID {
		return out, fmt.Errorf("event ID of %d characters: %w", len(id), ErrBadID)
	}
	raw, err := base58.Decode(string(id))
	if err != nil {
		return out, fmt.Errorf("event ID %q has invalid characters: %w", string(id), ErrBadID)
	}
	if len(raw) != eventIDBytes+checksumBytes {
		return out, fmt.Errorf("event ID %q has the wrong length: %w", string(id), ErrBadID)
	}
	sum := checksum(raw[:eventIDBytes])
	if !bytes.Equal(sum[:], raw[eventIDBytes:]) {
		return out, fmt.Errorf("event ID %q has a wrong checksum, a character may be mistyped: %w", string(id), ErrBadID)
	}
	copy(out[:], raw)
	return out, nil
}

// EventIDFromGenesis returns the ID of the event whose first change has the given
// hash: the first 16 bytes of SHA-256("flyleaf event v1" ‖ hash). So a document
// with another genesis cannot have the ID.
func EventIDFromGenesis(hash [32]byte) EventID {
	h := sha256.New()
	h.Write([]byte(genesisPrefix))
	h.Write(hash[:])
	return MakeEventID([16]byte(h.Sum(nil)[:eventIDBytes]))
}

// BlobKey returns the key under which an event stores b: its SHA-256 as 64 lower-case hex characters.
func BlobKey(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ParseIdentity checks that s is an identity. ErrBadID is returned when it is not.
func ParseIdentity(s string) (Identity, error) {
	if len(s) != 64 || !isLowerHex(s) {
		return "", fmt.Errorf("identity %.80q is not 64 lower-case hex characters: %w", s, ErrBadID)
	}
	return Identity(s), nil
}

// Short returns the beginning of the identity. It tells people of one name apart, and is never shown as a name.
func (id Identity) Short() string {
	if len(id) <= 8 {
		return string(id)
	}
	return string(id[:8])
}

// IdentityOfActor returns the identity in an actor of 40 bytes, and "" for any
// other actor.
func IdentityOfActor(actor []byte) Identity {
	if len(actor) != ActorSize {
		return ""
	}
	return Identity(hex.EncodeToString(actor[:identityBytes]))
}

// identityStart is how many characters of an identity a post ID begins with.
const identityStart = 16

// MakePostID returns the ID of the post whose map was made by the operation (counter, actor):
// "<first 16 of identity>-<base32 of the actor's last 8 bytes>-<counter>". A shorter identity or
// actor is used unchanged.
func MakePostID(identity Identity, actor []byte, counter uint64) PostID {
	if len(identity) > identityStart {
		identity = identity[:identityStart]
	}
	return PostID(string(identity) + "-" + actorTail(actor) + "-" + strconv.FormatUint(counter, 10))
}

// MakeRevisionID returns the ID of the revision set by the operation (counter,
// actor): "<counter>-<base32 of the actor's last 8 bytes>".
func MakeRevisionID(actor []byte, counter uint64) RevisionID {
	return RevisionID(strconv.FormatUint(counter, 10) + "-" + actorTail(actor))
}

func actorTail(actor []byte) string {
	if len(actor) > actorRandom {
		actor = actor[len(actor)-actorRandom:]
	}
	return lower32.EncodeToString(actor)
}

// ParsePostID checks the shape of a post ID; it returns ErrBadID if the shape is wrong. It does not
// check that the post exists.
func ParsePostID(s string) (PostID, error) {
	id, rest, ok := strings.Cut(s, "-")
	if ok && len(s) <= 64 && len(id) == identityStart && isLowerHex(id) {
		tail, counter, ok := strings.Cut(rest, "-")
		if ok && len(tail) == tailLen && isTail(tail) && isCounter(counter) {
			return PostID(s), nil
		}
	}
	return "", fmt.Errorf("post ID %.80q: %w", s, ErrBadID)
}

// PostIDActor is the part of an actor that a post ID contains: the first 8 bytes of the identity, and
// the last 8 bytes of the actor.
type PostIDActor [identityStart/2 + actorRandom]byte

// PostIDActorOf returns the part of an actor of ActorSize bytes that a post ID contains.
func PostIDActorOf(actor []byte) (a PostIDActor) {
	copy(a[:], actor[:identityStart/2])
	copy(a[identityStart/2:], actor[len(actor)-actorRandom:])
	return a
}

// Operation returns the operation that made a post, as its ID names it. ok is false when the ID does not
// have the form of one. Unlike ParsePostID, it accepts other spellings of the same bytes, because
// events with rules of version 1 may contain them.
func (id PostID) Operation() (actor PostIDActor, counter uint64, ok bool) {
	who, rest, _ := strings.Cut(string(id), "-")
	tail, number, _ := strings.Cut(rest, "-")
	if len(who) != identityStart || len(tail) != tailLen {
		return actor, 0, false
	}
	if _, err := hex.Decode(actor[:identityStart/2], []byte(who)); err != nil {
		return actor, 0, false
	}
	if n, err := lower32.Decode(actor[identityStart/2:], []byte(tail)); err != nil || n != actorRandom {
		return actor, 0, false
	}
	counter, err := strconv.ParseUint(number, 10, 64)
	return actor, counter, err == nil
}

// MadeBy reports whether a post ID begins as the IDs of a person's posts do.
func (id PostID) MadeBy(who Identity) bool {
	start, _, _ := strings.Cut(string(id), "-")
	return len(start) == identityStart && strings.HasPrefix(string(who), start)
}

// tailLen is the number of base32 characters of the actor's last 8 bytes.
const tailLen = 13

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isTail(s string) bool {
	raw, err := lower32.DecodeString(s)
	// Re-encoding rejects a non-canonical last character.
	return err == nil && lower32.EncodeToString(raw) == s
}

func isCounter(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}
