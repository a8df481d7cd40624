package qa

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrBadInvitation is returned when a text is not an invitation.
var ErrBadInvitation = errors.New("not a Flyleaf invitation")

// Invitation is all that is needed to join an event: its ID and a relay that has
// it. Relay is "" when none is named.
type Invitation struct {
	Event EventID `json:"event"`
	Relay string  `json:"relay,omitempty"` // ws:// or wss:// URL
}

const invitationScheme = "flyleaf:"

// String writes the invitation as "flyleaf:<event ID>@<relay URL>", without the
// "@…" when there is no relay.
func (i Invitation) String() string {
	if i.Relay == "" {
		return invitationScheme + string(i.Event)
	}
	return invitationScheme + string(i.Event) + "@" + i.Relay
}

// ParseInvitation reads what String writes, and also "automerge:<event ID>" and
// a bare event ID; white space around it is ignored. ErrBadInvitation is
// returned when s is none of these; the ID's checksum is checked.
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
	return Invitation{Event: event, Relay: relay}, nil
}

// CheckRelay checks that s is a relay's address: a ws:// or wss:// URL with a
// host and without user, query or fragment, at most MaxShort bytes.
func CheckRelay(s string) error {
	if err := checkText("relay", s, MaxShort); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &FieldError{Field: "relay", Err: fmt.Errorf("%w: %.80q is not a ws:// or wss:// address", ErrBadValue, s)}
	}
	return nil
}
