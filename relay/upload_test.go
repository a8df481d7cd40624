package relay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// TestUploadInOneMessage: stock clients send all changes that they made offline in one message. An open relay
// accepts 10,000 changes in this way, stores them and passes them on.
func TestUploadInOneMessage(t *testing.T) {
	const n = 10_000
	event := relaytest.DocumentID("upload")
	m := &wire.Message{Have: []wire.Have{{}}}
	made := make([]wire.Hash, n)
	var deps []wire.Hash
	for i := range n {
		// Three take turns, each on top of the other and its own previous change.
		if i >= 3 {
			deps = append(deps, made[i-3])
		}
		c := relaytest.NewChange(relaytest.Actor(fmt.Sprint(i%3)), uint64(i/3)+1, uint64(i)+1, deps, fmt.Sprint("key", i), "some words that somebody wrote offline")
		made[i], deps = c.Hash, []wire.Hash{c.Hash}
		m.Changes = append(m.Changes, c.Encode())
	}
	m.Heads = deps

	store := openStore(t, t.TempDir())
	s := start(t, relay.Config{Open: true, Store: store})
	ws, to, err := relaytest.Dial(context20(t), s.url, "stock")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	frame, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: "stock", TargetID: to, DocumentID: string(event), Data: m.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	if len(frame) < 1<<20 {
		t.Fatalf("only %d bytes", len(frame))
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatal(err)
	}
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	// It says that it has them once they are on disk.
	for held := false; !held; {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := repo.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Type == repo.TypeRefused {
			t.Fatalf("refused %d, the first: %+v", len(answer.Refused), answer.Refused[0])
		}
		if answer.Type != repo.TypeSync {
			continue
		}
		said, err := wire.DecodeMessage(answer.Data)
		if err != nil {
			t.Fatal(err)
		}
		held = len(said.Heads) == 1 && said.Heads[0] == m.Heads[0]
	}
	other := relaytest.NewDevice("other", event)
	connect(t, s, other)
	until(t, other, changes(n))
}
