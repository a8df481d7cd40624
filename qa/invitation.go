package qa

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/mr-tron/base58"
)

// ErrBadInvitation is returned when a text is not an invitation.
var ErrBadInvitation = errors.New("not a Flyleaf invitation")

// SecretSize is the length of an invitation's secret in bytes: the seed of an
// Ed25519 key.
const SecretSize = 32

// Invitation is all that is needed to join an event: its ID and a relay that has
// it. Relay is "" when none is named.
type Invitation struct {
	Event EventID `json:"event"`
	Relay string  `json:"relay,omitempty"` // ws:// or wss:// URL
	// Secret is the seed of the key that holds an invitation to a role, SecretSize
	// bytes; nil for an invitation that anybody may have. Whoever has it can take
	// the role, once.
	Secret []byte `json:"secret,omitempty"`
}

const invitationScheme = "flyleaf:"

// String writes the invitation as "flyleaf:<event ID>@<relay URL>#<secret>",
// without the "@…" when there is no relay and without the "#…" when there is no
// secret. The secret is
//
//	base58( seed 32 | first 4 bytes of SHA-256(SHA-256(seed)) )
//
// It stands in the fragment, which browsers send to no server. What String
// returns is as secret as Secret: see Public.
func (i Invitation) String() string {
	s := invitationScheme + string(i.Event)
	if i.Relay != "" {
		s += "@" + i.Relay
	}
	if len(i.Secret) > 0 {
		sum := checksum(i.Secret)
		s += "#" + base58.Encode(append(slices.Clone(i.Secret), sum[:]...))
	}
	return s
}

// Public returns the invitation without its secret.
func (i Invitation) Public() Invitation {
	return Invitation{Event: i.Event, Relay: i.Relay}
}

// LogValue keeps the secret out of logs.
func (i Invitation) LogValue() slog.Value { return slog.StringValue(i.Public().String()) }

// ParseInvitation reads what String writes, and also "automerge:<event ID>" and
// a bare event ID; white space around it is ignored. ErrBadInvitation is
// returned when s is none of these; the checksums of ID and secret are checked.
// The error does not repeat the secret.
func ParseInvitation(s string) (Invitation, error) {
	s = strings.TrimSpace(s)
	if len(s) > 2*MaxShort {
		return Invitation{}, fmt.Errorf("text of %d bytes is too long for one: %w", len(s), ErrBadInvitation)
	}
	for _, scheme := range []string{invitationScheme, "automerge:"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			s = rest
			break
		}
	}
	s, fragment, hasSecret := strings.Cut(s, "#")
	id, relay, named := strings.Cut(s, "@")
	event, err := ParseEventID(id)
	if err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrBadInvitation, err)
	}
	if named {
		if err := CheckRelay(relay); err != nil {
			return Invitation{}, fmt.Errorf("%w: %w", ErrBadInvitation, err)
		}
	}
	i := Invitation{Event: event, Relay: relay}
	if hasSecret {
		if i.Secret, err = parseSecret(fragment); err != nil {
			return Invitation{}, err
		}
	}
	return i, nil
}

// maxSecret bounds what parseSecret looks at: 36 bytes are at most 50 characters.
const maxSecret = 50

func parseSecret(s string) ([]byte, error) {
	if s == "" || len(s) > maxSecret {
		return nil, fmt.Errorf("%w: what follows the # is not an invitation's secret; was the link cut off?", ErrBadInvitation)
	}
	raw, err := base58.Decode(s)
	if err != nil || len(raw) != SecretSize+checksumBytes {
		return nil, fmt.Errorf("%w: what follows the # is not an invitation's secret; was the link cut off?", ErrBadInvitation)
	}
	sum := checksum(raw[:SecretSize])
	if !bytes.Equal(sum[:], raw[SecretSize:]) {
		return nil, fmt.Errorf("%w: the secret after the # has a wrong checksum, a character may be mistyped", ErrBadInvitation)
	}
	return raw[:SecretSize:SecretSize], nil
}

// CheckRelay checks that s is a relay's address: a ws:// or wss:// URL with a
// host and without user, query or fragment, at most MaxShort bytes.
func CheckRelay(s string) error {
	if err := checkLine("relay", s, MaxShort); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &FieldError{Field: "relay", Err: fmt.Errorf("%w: %.80q is not a ws:// or wss:// address", ErrBadValue, s)}
	}
	return nil
}
