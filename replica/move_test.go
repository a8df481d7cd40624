package replica_test

import (
	"errors"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestInvitationLinkDoesNotChangeTheRelay: a followed event stays on its relay until the person
// agrees, and until then the secret of the link is not stored.
func TestInvitationLinkDoesNotChangeTheRelay(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	e := week
	e.Relays = []string{"wss://ours.example", "wss://second.example"}
	id, _, err := n.CreateEvent(testContext(t), e, "wss://ours.example")
	if err != nil {
		t.Fatal(err)
	}
	relay := func() string {
		t.Helper()
		inv, err := n.Invitation(testContext(t), id)
		if err != nil {
			t.Fatal(err)
		}
		return inv.Relay
	}
	var other *qa.OtherRelayError
	theirs := qa.Invitation{Event: id, Relay: "wss://theirs.example", Secret: make([]byte, qa.SecretSize)}
	if err := n.Join(testContext(t), theirs); !errors.As(err, &other) || other.From != "wss://ours.example" || other.To != theirs.Relay || relay() != "wss://ours.example" {
		t.Fatalf("%v, now on %s", err, relay())
	}
	if role, state, err := n.OwnInvitation(testContext(t), id); err != nil || state != "" {
		t.Errorf("the invitation that was refused is kept: %s %s %v", role, state, err)
	}
	// Accepted: the same relay written differently, no relay, and a relay that the organisers
	// name.
	for _, same := range []string{"wss://OURS.example:443/", "", "wss://second.example"} {
		if err := n.Join(testContext(t), qa.Invitation{Event: id, Relay: same}); err != nil {
			t.Errorf("%q: %v", same, err)
		}
	}
	if err := n.Join(testContext(t), qa.Invitation{Event: id, Relay: theirs.Relay, Move: true}); err != nil || relay() != theirs.Relay {
		t.Errorf("%v, now on %s", err, relay())
	}
	// An event without a relay gets its first.
	alone := createEvent(t, n, "")
	if err := n.Join(testContext(t), qa.Invitation{Event: alone, Relay: theirs.Relay}); err != nil {
		t.Error(err)
	}
}
