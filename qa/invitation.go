package qa

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mr-tron/base58"

	"flyleaf/schema"
)

// The reasons why a text gives no invitation.
var (
	ErrBadInvitation = errors.New("not a Flyleaf invitation")
	// ErrManyInvitations: the text has more than one, so the person has to choose.
	ErrManyInvitations = errors.New("there is more than one invitation in this text")
)

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
	// Move: the person has agreed that an event that is followed already moves to Relay.
	// It is no part of the text.
	Move bool `json:"move,omitempty"`
}

// OtherRelayError is returned for an invitation to an event that is followed on another
// relay: whoever made the link may only want to be the one that it is synced through. The
// person is asked, and nothing has changed.
type OtherRelayError struct {
	Event    EventID
	From, To string
}

func (e *OtherRelayError) Error() string {
	return fmt.Sprintf("you follow this event already, on the relay %s, and this invitation would move it to %s; nothing was changed. From then on that relay sees and carries what you read and write in it: move it only if somebody whom you trust said so", e.From, e.To)
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

// CheckRelay checks that s is a relay's address: a ws:// or wss:// URL with a
// host and without user, query or fragment, a port from 1 to 65535 if it names one, at
// most schema.MaxShort bytes. A *FieldError says what is wrong with it.
func CheckRelay(s string) error {
	if err := checkNamed("relay", schema.MapRelays.Keyed(), s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return bad("relay", "%.80q is not a ws:// or wss:// address", s)
	}
	if strings.Count(u.Host, ":") > 1 && !strings.HasPrefix(u.Host, "[") {
		return bad("relay", "%.80q: an IPv6 address stands in brackets, as in ws://[::1]:3030", s)
	}
	if strings.HasSuffix(u.Host, ":") {
		return bad("relay", "%.80q ends before its port; leave the last : out, or name the port", s)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("relay", "%.80q: there is no port %.20s; ports go from 1 to 65535", s, port)
		}
	}
	return nil
}
