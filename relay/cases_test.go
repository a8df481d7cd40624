package relay_test

import (
	"errors"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// envelope puts changes of a policytest.World into one sync message.
func envelope(peer string, event qa.EventID, changes ...policytest.Signed) *repo.Message {
	m := &wire.Message{Have: []wire.Have{{}}}
	var signatures []byte
	signed := true
	for _, c := range changes {
		m.Changes = append(m.Changes, c.Bytes)
		signatures = append(signatures, c.Signature...)
		signed = signed && len(c.Signature) == repo.SignatureLen
	}
	m.Heads = []wire.Hash{changes[len(changes)-1].Change.Hash}
	if !signed {
		signatures = nil
	}
	return &repo.Message{Type: repo.TypeSync, SenderID: peer, DocumentID: string(event), Data: m.Encode(), Signatures: signatures}
}

// TestHostileCasesThroughTheSocket: every change of policytest.Cases is refused with its code when it comes through
// the socket, and honest devices go on converging.
func TestHostileCasesThroughTheSocket(t *testing.T) {
	cases := policytest.Cases()
	if len(cases) < 60 {
		t.Fatalf("only %d cases", len(cases))
	}
	goOn := 0
	defer func() {
		if goOn < 100 {
			t.Errorf("only in %d of %d cases something was written afterwards", goOn, len(cases))
		}
	}()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s := start(t, relay.Config{})
			if len(c.Setup) > 0 {
				genesis := c.Setup[0]
				relaytest.Adopt(c.Event, relaytest.Signed{Change: genesis.Change, Signature: genesis.Signature})
			}
			// The changes before it are sent in a message of their own, so that a signature of the wrong
			// length can only belong to the bad change.
			evil := relaytest.NewDevice("evil", c.Event)
			evil.Keys = []keys.Key{policytest.KeyOf("founder")}
			connect(t, s, evil)
			before := 0
			if len(c.Setup) > 0 {
				if err := evil.Send(envelope("evil", c.Event, c.Setup...)); err != nil {
					t.Fatal(err)
				}
				before = len(c.Setup) - 1
				until(t, evil, func(s relaytest.State) bool { return s.Changes >= before })
			}
			m := envelope("evil", c.Event, c.Bad)
			if n := len(c.Bad.Signature); n > 0 && n != repo.SignatureLen {
				t.Skip("the envelope has no room for a signature of another length")
			}
			if err := evil.Send(m); err != nil {
				t.Fatal(err)
			}
			until(t, evil, func(s relaytest.State) bool { return len(s.Refused) > 0 || !s.Connected })
			if st := evil.State(); !st.Connected && len(c.Bad.Bytes) < 10 {
				return // not even a message can hold it
			}
			r := evil.State().Refused
			if len(r) != 1 || policy.Code(r[0].Code) != c.Code || r[0].Deferred || r[0].Reason == "" {
				t.Errorf("refused as %+v, want %q", r, c.Code)
			}
			if len(c.Setup) == 0 {
				return
			}
			honest, other := relaytest.NewDevice("honest", c.Event), relaytest.NewDevice("other", c.Event)
			honest.Keys, other.Keys = evil.Keys, evil.Keys
			connect(t, s, honest, other)
			until(t, honest, func(s relaytest.State) bool { return s.Changes == before })
			until(t, other, func(s relaytest.State) bool { return s.Changes == before })
			if other.Has(c.Bad.Change.Hash) {
				t.Error("the bad change was passed on")
			}
			// And life goes on, where the event takes what anybody writes.
			var refusal *policy.Refusal
			if _, err := honest.Write("and now?"); err == nil {
				goOn++
				until(t, other, func(s relaytest.State) bool { return s.Changes == before+1 })
				until(t, evil, func(s relaytest.State) bool { return s.Changes == before+1 })
			} else if !errors.As(err, &refusal) {
				t.Error(err)
			}
		})
	}
}
