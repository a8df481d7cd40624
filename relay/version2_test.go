package relay_test

import (
	"testing"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// TestOpenRelayReadsVersion2: an open relay reads version 2 of the sync message, whose entries contain several changes
// each, and answers in version 1. It refuses document chunks by name and accepts the rest.
func TestOpenRelayReadsVersion2(t *testing.T) {
	s := start(t, relay.Config{Open: true})
	event := relaytest.DocumentID("version 2")
	actor := relaytest.Actor("x")[:16]
	one := relaytest.NewChange(actor, 1, 1, nil, "k", "v")
	two := relaytest.NewChange(actor, 2, 2, []wire.Hash{one.Hash}, "k", "w")
	document := append([]byte{0x85, 0x6f, 0x4a, 0x83}, 1, 2, 3, 4, 0, 1, 0)
	m := &wire.Message{
		Heads:    []wire.Hash{two.Hash},
		Changes:  [][]byte{append(one.Encode(), two.Encode()...), document, []byte("no chunk")},
		Trailing: []byte{2, 2, 0x84},
	}
	data := m.Encode()
	data[0] = 0x43
	a := relaytest.NewDevice("a", event)
	connect(t, s, a)
	if err := a.Send(&repo.Message{Type: repo.TypeSync, SenderID: "a", DocumentID: string(event), Data: data}); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 2 })
	for _, r := range a.State().Refused {
		if policy.Code(r.Code) != policy.CodeMalformed {
			t.Errorf("refused as %+v", r)
		}
	}
	b := relaytest.NewDevice("b", event)
	connect(t, s, b)
	until(t, b, changes(2))

	ws := dial(t, s, "empty entry")
	frame, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: "empty entry", DocumentID: string(event), Data: []byte{0x43}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatal(err)
	}
	if failures, code := readUntilClosed(t, ws); code != websocket.CloseProtocolError {
		t.Errorf("a message cut short: closed with %d, told %q", code, failures)
	}
}
