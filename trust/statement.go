package trust

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"flyleaf/qa"
)

// What a key signs beside changes. Each has a prefix of its own, so that none can
// be taken for another.
const (
	ephemeralContext = "flyleaf ephemeral v1"
	accessContext    = "flyleaf access v1"
)

// ChallengeSize is the length in bytes of what a relay asks a device to sign.
const ChallengeSize = 32

// ErrStatement is returned by VerifyEphemeral and VerifyAccess when the signature
// is not that person's over what was said.
var ErrStatement = errors.New("trust: not signed by whom it claims to be from")

// ephemeral returns what a signature of a passing message covers. The lengths keep
// the parts apart:
//
//	"flyleaf ephemeral v1" (20) | document ID (16) | length of session (8, big endian) | session | count (8, big endian) | body
func ephemeral(event qa.EventID, session string, count uint64, body []byte) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	b := append([]byte(ephemeralContext), doc[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(session)))
	b = append(b, session...)
	b = binary.BigEndian.AppendUint64(b, count)
	return append(b, body...), nil
}

// access returns what a signature of an answer to a relay's challenge covers:
//
//	"flyleaf access v1" (17) | challenge (32) | document ID (16)
func access(event qa.EventID, challenge []byte) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	if len(challenge) != ChallengeSize {
		return nil, ErrStatement
	}
	return append(append([]byte(accessContext), challenge...), doc[:]...), nil
}

// SignEphemeral returns the 64-byte signature of a message that nobody stores:
// body is what it says, session and count are those of its envelope. ErrNoKey is
// returned for the zero Key.
func SignEphemeral(k Key, event qa.EventID, session string, count uint64, body []byte) ([]byte, error) {
	b, err := ephemeral(event, session, count, body)
	if err != nil {
		return nil, err
	}
	return k.sign(b)
}

// VerifyEphemeral returns nil when sig is that person's over the message.
func VerifyEphemeral(event qa.EventID, by qa.Identity, session string, count uint64, body, sig []byte) error {
	b, err := ephemeral(event, session, count, body)
	if err != nil {
		return err
	}
	return verifyBy(by, b, sig)
}

// SignAccess returns the 64-byte signature that proves to a relay who asks for an
// event. ErrStatement is returned for a challenge that is not ChallengeSize bytes:
// nothing else is signed for a stranger.
func SignAccess(k Key, event qa.EventID, challenge []byte) ([]byte, error) {
	b, err := access(event, challenge)
	if err != nil {
		return nil, err
	}
	return k.sign(b)
}

// VerifyAccess returns nil when sig is that person's answer to the challenge, for
// this event.
func VerifyAccess(event qa.EventID, by qa.Identity, challenge, sig []byte) error {
	b, err := access(event, challenge)
	if err != nil {
		return err
	}
	return verifyBy(by, b, sig)
}

func (k Key) sign(b []byte) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	return ed25519.Sign(k.private, b), nil
}

func verifyBy(by qa.Identity, b, sig []byte) error {
	public, err := hex.DecodeString(string(by))
	if err != nil || !qa.SoundKey(public) || len(sig) != SignatureSize || !ed25519.Verify(public, b, sig) {
		return ErrStatement
	}
	return nil
}
