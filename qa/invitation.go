package qa

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// Invitation has everything that a person needs to join an event: its ID, and a relay that has it. Relay is
// "" if the invitation names none.
type Invitation struct {
	Event EventID `json:"event"`
	Relay string  `json:"relay,omitempty"` // ws:// or wss:// URL
	// Secret is the seed of the key of an invitation to a role, SecretSize bytes; nil for an invitation
	// without a role. Anybody who has the secret can claim the role, once.
	Secret []byte `json:"secret,omitempty"`
	// Move: the person has agreed that an event that is already on this device moves to Relay. It is
	// not part of the link.
	Move bool `json:"move,omitempty"`
	// Web: Relay has said that it serves Flyleaf for the browser. It is not part of the link.
	Web bool `json:"web,omitempty"`
}

// OtherRelayError: the invitation names another relay than the one in use. The link may be an
// attempt to route the event through that relay, so the user must confirm.
type OtherRelayError struct {
	Event    EventID
	From, To string
}

func (e *OtherRelayError) Error() string {
	return fmt.Sprintf("this event already uses the relay %s, and the invitation would switch it to %s; nothing was changed. The new relay could see what you read and write in it: switch only if somebody you trust asked you to", e.From, e.To)
}

const invitationScheme = "flyleaf:"

// String writes the invitation as "flyleaf:<event ID>@<relay URL>#<secret>",
// without the "@…" when there is no relay and without the "#…" when there is no
// secret. The secret is
//
//	base58( seed 32 | first 4 bytes of SHA-256(SHA-256(seed)) )
//
// It is in the fragment, which browsers do not send to servers. What String returns is as secret as
// Secret: see Public.
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

// WebLink writes the invitation as the address that opens it in a browser, at a relay
// that serves Flyleaf for the browser: "https://HOST/join/<event ID>#<secret>"; http://
// for a ws:// relay. It returns "" without a relay. ParseInvitation reads it as well.
func (i Invitation) WebLink() string {
	scheme, host, _ := strings.Cut(i.Relay, "://")
	switch strings.ToLower(scheme) {
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	default:
		return ""
	}
	link := scheme + "://" + strings.TrimRight(host, "/") + "/join/" + string(i.Event)
	if _, secret, ok := strings.Cut(i.String(), "#"); ok {
		link += "#" + secret
	}
	return link
}

// Links returns the invitation as text, the link to offer first. That is WebLink where the
// relay serves Flyleaf for the browser and a browser can run it there: browsers allow the
// app only over https://, or from their own machine. What String returns is always the
// last.
func (i Invitation) Links() []string {
	if u, err := url.Parse(i.Relay); i.Web && err == nil && (u.Scheme == "wss" || isLoopback(u.Hostname())) {
		return []string{i.WebLink(), i.String()}
	}
	return []string{i.String()}
}

// LinksAt returns Links for somebody whose browser runs Flyleaf from site, an address such as
// "https://HOST/PATH" without a slash at its end. The first opens the invitation there: it is
// WebLink where the relay serves that site, otherwise "SITE/#<event ID>@<relay>#<secret>".
// ParseInvitation reads both.
func (i Invitation) LinksAt(site string) []string {
	switch {
	case i.Relay == "":
		return i.Links()
	case i.Web && strings.HasPrefix(i.WebLink(), site+"/join/"):
		return []string{i.WebLink(), i.String()}
	}
	return []string{site + "/#" + strings.TrimPrefix(i.String(), invitationScheme), i.String()}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Public returns only the event and the relay of the invitation.
func (i Invitation) Public() Invitation {
	return Invitation{Event: i.Event, Relay: i.Relay}
}

// LogValue keeps the secret out of logs.
func (i Invitation) LogValue() slog.Value { return slog.StringValue(i.Public().String()) }

// CheckRelay checks that s is a relay's address: a ws:// or wss:// URL of at most schema.MaxShort bytes
// with a host. It must have no user, query or fragment; a port must be from 1 to 65535. A *FieldError
// says what is wrong with it.
func CheckRelay(s string) error {
	if err := checkValueAs("relay", schema.MapRelays.Keyed(), s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Hostname() == "" || u.User != nil || strings.ContainsAny(s, "?#") {
		return bad("relay", "%.80q is not a ws:// or wss:// address", s)
	}
	if strings.Count(u.Host, ":") > 1 && !strings.HasPrefix(u.Host, "[") {
		return bad("relay", "%.80q: put an IPv6 address in brackets, as in ws://[::1]:3030", s)
	}
	if strings.HasSuffix(u.Host, ":") {
		return bad("relay", "%.80q has a colon but no port; add the port or remove the colon", s)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("relay", "%.80q: there is no port %.20s; ports go from 1 to 65535", s, port)
		}
	}
	return nil
}
