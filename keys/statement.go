package keys

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"flyleaf/qa"
)

// Domain separation prefixes of the other signed messages.
const (
	ephemeralContext = "flyleaf ephemeral v1"
	accessContext    = "flyleaf access v2"
	oldAccessContext = "flyleaf access v1"
)

// ChallengeSize is the length in bytes of a relay's challenge.
const ChallengeSize = 32

// ErrStatement is returned by VerifyEphemeral and VerifyAccess when the signature is not a
// signature of the statement by the person's key, and by the functions for access statements
// for a challenge of the wrong size.
var ErrStatement = errors.New("keys: wrong signature")

// ephemeral returns what a signature of an ephemeral message covers. The length makes the
// encoding unambiguous:
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

// AccessVersion is the version of the statement that SignAccess signs. A relay announces in its
// challenge that it accepts version 2. Older relays do not.
const AccessVersion = 2

// Access is the statement with which a device identifies itself to a relay. It names the connection
// and the relay's address, so that a malicious relay cannot forward another relay's challenge and
// use the answer.
type Access struct {
	Event     qa.EventID
	Challenge []byte // ChallengeSize bytes from the relay, new for each connection
	Address   string // the relay's address as the device dialled it; see RelayAddress
	Device    string // the device's peer ID, random and new for each connection
	Relay     string // the relay's peer ID
}

// statement returns what the signature of an answer to a relay's challenge covers. Each length
// has 8 bytes, big endian, and makes the encoding unambiguous:
//
//	"flyleaf access v2" (17) | challenge (32) | document ID (16) |
//	length | address | length | the device's peer ID | length | the relay's peer ID
func (a *Access) statement() ([]byte, error) {
	b, err := access(accessContext, a.Event, a.Challenge)
	if err != nil {
		return nil, err
	}
	for _, part := range []string{a.Address, a.Device, a.Relay} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b, nil
}

// access returns the common prefix of both versions; version 1 has nothing else: context |
// challenge (32) | document ID (16).
func access(context string, event qa.EventID, challenge []byte) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	if len(challenge) != ChallengeSize {
		return nil, ErrStatement
	}
	return append(append([]byte(context), challenge...), doc[:]...), nil
}

// RelayAddress returns the host and port of a relay's URL in the one form that is signed:
// "host:port" in lower case, a name that is not ASCII in punycode, without a final dot, IPv6 in
// brackets, and the scheme's default port if the URL has none. An error is returned unless relay is
// a ws:// or wss:// URL with a host.
func RelayAddress(relay string) (string, error) {
	u, err := url.Parse(relay)
	if err != nil {
		return "", fmt.Errorf("the relay's address %.80q cannot be read: %w", relay, err)
	}
	port := u.Port()
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return "", fmt.Errorf("the relay's address %.80q does not begin with ws:// or wss://", relay)
	case port == "" && u.Scheme == "ws":
		port = "80"
	case port == "":
		port = "443"
	}
	if port = strings.TrimLeft(port, "0"); port == "" {
		port = "0"
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().WithZone("").String()
	} else if !isASCII(host) { // ASCII names are used unchanged, even with "_"
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			host = ""
		}
	}
	if host == "" {
		return "", fmt.Errorf("the relay's address %.80q has no host", relay)
	}
	return net.JoinHostPort(host, port), nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// SignEphemeral returns the 64-byte signature of a message that is not stored. session and
// count are the fields of its envelope. ErrNoKey is returned for the zero Key.
func SignEphemeral(k Key, event qa.EventID, session string, count uint64, body []byte) ([]byte, error) {
	b, err := ephemeral(event, session, count, body)
	if err != nil {
		return nil, err
	}
	return k.sign(b)
}

// VerifyEphemeral checks that sig is a signature of the message by the person's key, and
// returns ErrStatement if not.
func VerifyEphemeral(event qa.EventID, by qa.Identity, session string, count uint64, body, sig []byte) error {
	b, err := ephemeral(event, session, count, body)
	if err != nil {
		return err
	}
	return verifyBy(by, b, sig)
}

// SignAccess returns the 64-byte signature that proves a person's identity to a relay.
// ErrStatement is returned for a challenge that does not have ChallengeSize bytes, so that a relay
// cannot make the device sign anything else.
func SignAccess(k Key, a Access) ([]byte, error) {
	b, err := a.statement()
	if err != nil {
		return nil, err
	}
	return k.sign(b)
}

// SignOldAccess is SignAccess for a relay that does not ask for AccessVersion. The statement names
// no relay. Relays that know version 2 reject it.
func SignOldAccess(k Key, event qa.EventID, challenge []byte) ([]byte, error) {
	b, err := access(oldAccessContext, event, challenge)
	if err != nil {
		return nil, err
	}
	return k.sign(b)
}

// VerifyAccess checks that sig is a signature of the statement by the person's key, and returns
// ErrStatement if not.
func VerifyAccess(a Access, by qa.Identity, sig []byte) error {
	b, err := a.statement()
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
	if err != nil || !qa.IsStrongKey(public) || len(sig) != SignatureSize || !ed25519.Verify(public, b, sig) {
		return ErrStatement
	}
	return nil
}
