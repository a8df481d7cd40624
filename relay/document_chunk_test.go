package relay_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// pullAll asks for a document as a stock client without data does. It returns the relay's first sync message.
func pullAll(t *testing.T, s *server, event qa.EventID, name string, trailing []byte) (*websocket.Conn, []byte) {
	t.Helper()
	return pullFrom(t, s, event, name, "", trailing)
}

// pullFrom is pullAll from an address, as a proxy's header says.
func pullFrom(t *testing.T, s *server, event qa.EventID, name, address string, trailing []byte) (*websocket.Conn, []byte) {
	t.Helper()
	ws, to, err := relaytest.DialFrom(context20(t), s.url, name, http.Header{"X-Forwarded-For": {address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	say(t, ws, name, to, event, repo.TypeRequest, &wire.Message{Have: []wire.Have{{}}, Trailing: trailing})
	return ws, hear(t, ws)
}

func say(t *testing.T, ws *websocket.Conn, name, to string, event qa.EventID, kind string, m *wire.Message) {
	t.Helper()
	frame, err := repo.Encode(&repo.Message{Type: kind, SenderID: name, TargetID: to, DocumentID: string(event), Data: m.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, ws *websocket.Conn) []byte {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := repo.Decode(b); err != nil {
			t.Fatal(err)
		} else if m.Type == repo.TypeSync {
			return m.Data
		}
	}
}

// documentChunkIn returns the document chunk in a message and the message's heads; nil if it has no chunk.
func documentChunkIn(t *testing.T, data []byte) (chunk []byte, heads []wire.Hash) {
	t.Helper()
	first := data[0]
	data = slices.Clone(data)
	data[0] = 0x42
	m, err := wire.DecodeMessage(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Trailing) > 0 {
		t.Error("trailing bytes would make stock clients answer in version 2")
	}
	if first == 0x42 {
		return nil, m.Heads
	}
	if len(m.Changes) != 1 || m.Changes[0][8] != 0 {
		t.Fatalf("no document chunk in a message of version %x", first)
	}
	return m.Changes[0], m.Heads
}

// TestNewClientGetsADocumentChunk: a client that has nothing and accepts document chunks gets one. It is made once for
// all clients, and again when the document has grown much. Other clients, and clients that have a part,
// get changes.
func TestNewClientGetsADocumentChunk(t *testing.T) {
	takes := []byte{2, 2, 0x84}
	s := start(t, relay.Config{Open: true})
	event := relaytest.DocumentID("document chunk")
	a := relaytest.NewDevice("a", event)
	connect(t, s, a)
	write(t, a, 10)
	onDisk(t, a)
	if _, data := pullAll(t, s, event, "small", takes); data[0] != 0x42 {
		t.Error("a small document went as a document chunk")
	}
	write(t, a, 190)
	onDisk(t, a)
	_, data := pullAll(t, s, event, "first", takes)
	first, heads := documentChunkIn(t, data)
	if first == nil || len(heads) != 1 || !a.Has(heads[0]) {
		t.Fatalf("no document chunk, heads %v", heads)
	}
	if _, data := pullAll(t, s, event, "silent", nil); data[0] != 0x42 {
		t.Error("a client that did not ask for it got a document chunk")
	}
	old := heads[0]
	write(t, a, 20)
	onDisk(t, a)
	ws, data := pullAll(t, s, event, "second", takes)
	second, heads := documentChunkIn(t, data)
	if !slices.Equal(first, second) {
		t.Error("the document chunk was made again for 20 changes")
	}
	// It answers with the heads of that document and gets what came since.
	say(t, ws, "second", "", event, repo.TypeSync, &wire.Message{Heads: []wire.Hash{old}, Have: []wire.Have{{LastSync: []wire.Hash{old}}}})
	m, err := wire.DecodeMessage(hear(t, ws))
	if err != nil || len(m.Changes) != 20 || !slices.Equal(m.Heads, heads) {
		t.Fatalf("%d of 20 changes, %v", len(m.Changes), err)
	}
	write(t, a, 100)
	onDisk(t, a)
	if _, data := pullAll(t, s, event, "third", takes); data[0] != 0x43 {
		t.Error("no document chunk")
	} else if third, _ := documentChunkIn(t, data); slices.Equal(first, third) {
		t.Error("the document chunk is much older than the document")
	}
}

// TestNoDocumentChunkOfInvalidChanges: if no document can be made of the changes, the relay sends the changes.
func TestNoDocumentChunkOfInvalidChanges(t *testing.T) {
	s := start(t, relay.Config{Open: true})
	event := relaytest.DocumentID("nonsense")
	m := &wire.Message{Have: []wire.Have{{}}}
	for i := range 100 {
		c := relaytest.NewChange(relaytest.Actor("x"), uint64(i+1), uint64(i+1), m.Heads, "key", "value")
		if i > 0 {
			c.Ops[0].Obj = wire.OpID{Counter: 1, Actor: c.Actor} // which is no object
		}
		h, err := wire.ReadHash(c.Encode())
		if err != nil {
			t.Fatal(err)
		}
		m.Heads, m.Changes = []wire.Hash{h}, append(m.Changes, c.Encode())
	}
	ws, to, err := relaytest.Dial(context20(t), s.url, "writer")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	say(t, ws, "writer", to, event, repo.TypeSync, m)
	hear(t, ws)
	_, data := pullAll(t, s, event, "reader", []byte{2, 2, 0x84})
	if data[0] != 0x42 {
		t.Fatal("a document chunk of invalid changes")
	}
	if got, err := wire.DecodeMessage(data); err != nil || len(got.Changes) != 100 {
		t.Errorf("%d of 100 changes, %v", len(got.Changes), err)
	}
}

// TestDocumentChunksAreChargedToTheAddress: an address that has document chunks made repeatedly is soon sent changes.
// Other addresses go on getting document chunks.
func TestDocumentChunksAreChargedToTheAddress(t *testing.T) {
	takes := []byte{2, 2, 0x84}
	now := time.Now()
	s := start(t, relay.Config{Open: true, BehindProxy: true, Now: func() time.Time { return now }})
	event := relaytest.DocumentID("again and again")
	a := relaytest.NewDevice("a", event)
	from("192.0.2.1", a)
	connect(t, s, a)
	const changes = 100
	text := strings.Repeat("The same words, again and again. ", 1_800)
	size := 0
	for range changes {
		h, err := a.Write(text)
		if err != nil {
			t.Fatal(err)
		}
		size += len(a.Bytes(h))
	}
	onDisk(t, a)
	most := relay.DocumentChunksAtOnce(changes, size) + 1
	for i := range most + 5 {
		s.Relay.ForgetDocumentChunks()
		ws, data := pullFrom(t, s, event, fmt.Sprint("evil", i), "203.0.113.66", takes)
		if sent := data[0] == 0x43; sent != (i < most) {
			t.Fatalf("client %d of %d got a document chunk: %v", i, most, sent)
		}
		_ = ws.Close()
	}
	if got := s.Relay.Made(); got != most {
		t.Errorf("%d document chunks were made, at most %d may be", got, most)
	}
	if _, data := pullFrom(t, s, event, "honest", "198.51.100.7", takes); data[0] != 0x43 {
		t.Error("another address gets no document chunk")
	}
	// A cached document chunk is sent without a charge, to every client.
	if _, data := pullFrom(t, s, event, "evil", "203.0.113.66", takes); data[0] != 0x43 {
		t.Error("a document chunk that was made already is not sent")
	}
}
