package relay_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/gorilla/websocket"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
	"flyleaf/storage/mem"
)

// dial joins as the peer and returns the bare socket.
func dial(t testing.TB, s *server, peer string) *websocket.Conn {
	t.Helper()
	ws, _, err := relaytest.Dial(context20(t), s.url, peer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// readUntilClosed reads until the relay closes the connection. It returns the texts of the error messages, and the close
// code; 0 when the connection was cut.
func readUntilClosed(t testing.TB, ws *websocket.Conn) (failures []string, code int) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	for {
		_, b, err := ws.ReadMessage()
		var closed *websocket.CloseError
		var timeout net.Error
		switch {
		case errors.As(err, &closed):
			return failures, closed.Code
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatal("the relay did not close the connection")
		case err != nil:
			t.Logf("cut: %v", err)
			return failures, 0
		}
		if m, err := repo.Decode(b); err == nil && m.Type == repo.TypeError {
			failures = append(failures, m.Message)
		}
	}
}

func send(t testing.TB, ws *websocket.Conn, m *repo.Message) {
	t.Helper()
	b, err := repo.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		t.Fatal(err)
	}
}

func TestHandshake(t *testing.T) {
	join := func(versions ...string) []byte {
		b, err := repo.Encode(&repo.Message{Type: repo.TypeJoin, SenderID: "x", SupportedProtocolVersions: versions})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	leave, err := repo.Encode(&repo.Message{Type: repo.TypeLeave, SenderID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		kind    int
		frame   []byte
		code    int
		failure string
	}{
		{"silence", 0, nil, websocket.ClosePolicyViolation, "no join in time"},
		{"version 2", websocket.BinaryMessage, join("2", "3"), websocket.CloseProtocolError, "unsupported protocol version"},
		{"not join", websocket.BinaryMessage, leave, websocket.CloseProtocolError, "expected join first"},
		{"garbage", websocket.BinaryMessage, []byte{0xff, 0, 1}, websocket.CloseProtocolError, "expected join"},
		{"text", websocket.TextMessage, []byte("hello"), websocket.CloseUnsupportedData, "not a binary frame"},
		{"large", websocket.BinaryMessage, make([]byte, relay.MaxJoinFrame+1), websocket.CloseMessageTooBig, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := relay.Limits{}
			if c.frame == nil {
				limits.Join = 30 * time.Millisecond
			}
			s := start(t, relay.Config{Limits: limits})
			ws, resp, err := websocket.DefaultDialer.DialContext(context20(t), s.url+"/any/path", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			defer ws.Close()
			if c.frame != nil {
				if err := ws.WriteMessage(c.kind, c.frame); err != nil {
					t.Fatal(err)
				}
			}
			failures, code := readUntilClosed(t, ws)
			if code != c.code {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
			if c.failure != "" && (len(failures) != 1 || !strings.HasPrefix(failures[0], c.failure)) {
				t.Errorf("told %q, want %q", failures, c.failure)
			}
		})
	}
	t.Run("several versions", func(t *testing.T) {
		s := start(t, relay.Config{})
		ws, resp, err := websocket.DefaultDialer.DialContext(context20(t), s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		defer ws.Close()
		if err := ws.WriteMessage(websocket.BinaryMessage, join("2", "1")); err != nil {
			t.Fatal(err)
		}
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := repo.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != repo.TypePeer || m.SelectedProtocolVersion != "1" || m.SenderID != s.ID() || m.TargetID != "x" || !m.PeerMetadata.IsEphemeral || !m.PeerMetadata.AnswersPings || m.PeerMetadata.StorageID != "" {
			t.Errorf("the answer is %+v", m)
		}
	})
}

// TestViolations: each of these frames ends its own connection with a named error, and no other connection.
func TestViolations(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Frame: 1 << 20}})
	event := string(relaytest.EventID("violations"))
	a, b := relaytest.NewDevice("a", relaytest.EventID("violations")), relaytest.NewDevice("b", relaytest.EventID("violations"))
	write(t, a, 2)
	connect(t, s, a, b)
	sameMessage(t, a, b)
	empty := (&wire.Message{}).Encode()
	sync := func(m repo.Message) []byte {
		if m.Type == "" {
			m.Type = repo.TypeSync
		}
		if m.SenderID == "" {
			m.SenderID = "evil"
		}
		if m.DocumentID == "" {
			m.DocumentID = event
		}
		if m.Data == nil {
			m.Data = empty
		}
		b, err := repo.Encode(&m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	junk := bytes.Repeat([]byte("0123456789a"), 1)
	flood := &wire.Message{}
	for range 600 {
		flood.Changes = append(flood.Changes, junk)
	}
	for _, c := range []struct {
		name    string
		frame   []byte
		code    int
		failure string
	}{
		{"somebody else's senderId", sync(repo.Message{SenderID: "a"}), websocket.ClosePolicyViolation, "senderId"},
		{"join twice", sync(repo.Message{Type: repo.TypeJoin}), websocket.CloseProtocolError, "joined already"},
		{"not CBOR", []byte{0xa1, 0xff, 0xff}, websocket.CloseProtocolError, "not a message"},
		{"empty", nil, websocket.CloseProtocolError, "not a message"},
		{"message V2", sync(repo.Message{Data: []byte{0x43, 0, 0, 0, 0}}), websocket.CloseProtocolError, "not a sync message V1"},
		{"no document ID", sync(repo.Message{DocumentID: "nothing"}), websocket.CloseProtocolError, "event ID"},
		{"path as document ID", sync(repo.Message{DocumentID: "../../etc/passwd"}), websocket.CloseProtocolError, "event ID"},
		{"signatures of nothing", sync(repo.Message{Signatures: make([]byte, 64)}), websocket.CloseProtocolError, "64 bytes of signatures"},
		{"600 pieces of junk", sync(repo.Message{Data: flood.Encode()}), websocket.CloseProtocolError, "more than 500"},
		{"oversized", sync(repo.Message{Data: make([]byte, 1<<20)}), websocket.CloseMessageTooBig, "message too large"},
		{"leave", sync(repo.Message{Type: repo.TypeLeave}), websocket.CloseNormalClosure, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws := dial(t, s, "evil")
			if err := ws.WriteMessage(websocket.BinaryMessage, c.frame); err != nil {
				t.Fatal(err)
			}
			failures, code := readUntilClosed(t, ws)
			if code != c.code {
				t.Errorf("closed with %d, want %d; told %q", code, c.code, failures)
			}
			if c.failure == "" != (len(failures) == 0) || len(failures) > 0 && !strings.HasPrefix(failures[0], c.failure) {
				t.Errorf("told %q, want %q", failures, c.failure)
			}
		})
	}
	write(t, a, 1)
	until(t, b, changes(3))
}

// TestForgedEphemeral: an ephemeral message under another peer's ID is not passed on. The connection stays open,
// because stock clients also send the messages that they receive to the relay.
func TestForgedEphemeral(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("forged")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, a, b)
	sameMessage(t, a, b)
	err := a.Send(&repo.Message{Type: repo.TypeEphemeral, SenderID: "b", DocumentID: string(event), Data: []byte{1}, SessionID: "s", Count: 9})
	if err != nil {
		t.Fatal(err)
	}
	write(t, a, 1) // on the same connection, behind it
	until(t, b, changes(2))
	if n := len(b.State().Ephemeral); n > 0 || !a.State().Connected {
		t.Errorf("%d forged messages passed on, connected %t", n, a.State().Connected)
	}
}

func TestTooManyDocuments(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Documents: 3}})
	ws := dial(t, s, "x")
	for i := range 4 {
		send(t, ws, &repo.Message{
			Type: repo.TypeRequest, SenderID: "x", DocumentID: string(relaytest.EventID(fmt.Sprint(i))),
			Data: (&wire.Message{Have: []wire.Have{{}}}).Encode(),
		})
	}
	unavailable := 0
	for unavailable < 4 {
		_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := repo.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case repo.TypeUnavailable:
			unavailable++
			if why := map[bool]string{true: relay.ErrTooManyDocuments.Error()}[unavailable > 3]; m.Message != why {
				t.Errorf("document %d is unavailable: %q, want %q", unavailable, m.Message, why)
			}
		case repo.TypeError:
			if unavailable != 3 || m.Message != relay.ErrTooManyDocuments.Error() {
				t.Errorf("after %d documents: %s", unavailable, m.Message)
			}
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Connections: 1}})
	ws := dial(t, s, "one")
	_, resp, err := websocket.DefaultDialer.DialContext(context20(t), s.url, nil)
	if err == nil || resp == nil || resp.StatusCode != 503 {
		t.Fatalf("a second connection: %v %v", resp, err)
	}
	_ = ws.Close()
	deadline := time.Now().Add(relaytest.Wait)
	for {
		ws, _, err := relaytest.Dial(context20(t), s.url, "two")
		if err == nil {
			_ = ws.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestHalfOpen: a peer that answers no ping is disconnected, although its socket stays open.
func TestHalfOpen(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Ping: 20 * time.Millisecond, Pong: 60 * time.Millisecond}})
	d := relaytest.NewDevice("alive", relaytest.EventID("half-open"))
	connect(t, s, d)
	began := time.Now() // before the relay knows the peer, so that a slow machine only makes it longer
	dead := dial(t, s, "dead")
	dead.SetPingHandler(func(string) error { return nil })
	if _, code := readUntilClosed(t, dead); code != websocket.CloseNormalClosure && code != 0 {
		t.Errorf("closed with %d", code)
	}
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("disconnected after %v", took)
	}
	if st := d.State(); !st.Connected {
		t.Errorf("a peer that answers pings was disconnected too: %v", st.CloseErr)
	}
	if relay.PingEvery+relay.PongWait > 15*time.Second {
		t.Error("by default that takes more than 15 s")
	}
}

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(relaytest.Wait); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestSlowReader: a peer that reads nothing is disconnected, and the others do not wait for it. The buffers of
// the connections are small, so that few bytes fill them. The longest message, with all the posts, has
// four seconds.
func TestSlowReader(t *testing.T) {
	const stalled, n = 10, 40
	text := strings.Repeat("long ", 600)
	// Nothing but the write deadline can end a connection here.
	s := startWith(t, relay.Config{Limits: relay.Limits{Write: 50 * time.Millisecond, Ping: time.Hour}, Quotas: quota.None}, func(c net.Conn) {
		if err := c.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
			t.Error(err)
		}
	})
	event := relaytest.EventID("slow")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, a, b)
	sameMessage(t, a, b)
	for i := range stalled {
		ws := dial(t, s, fmt.Sprint("stalled-", i))
		if err := ws.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		send(t, ws, &repo.Message{Type: repo.TypeRequest, SenderID: fmt.Sprint("stalled-", i), DocumentID: string(event), Data: (&wire.Message{Have: []wire.Have{{}}}).Encode()})
	}
	began := time.Now()
	for i := range n {
		if _, err := a.Write(text); err != nil {
			t.Fatal(err)
		}
		until(t, b, changes(i+2))
	}
	t.Logf("%d changes of %d bytes took %v to the other reader", n, len(text), time.Since(began))
	eventually(t, "the stalled ones are cut", func() bool { return s.Connections() == 2 })
	sameMessage(t, a, b)
	late := relaytest.NewDevice("stalled-0", event) // and gets everything when it reconnects
	connect(t, s, late)
	until(t, late, changes(n+1))
}

// hostile returns the files of ../shared/hostile by name, if they exist.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "..", "..", "shared", "hostile", "*.hex"))
	if len(names) == 0 {
		t.Skip("no ../shared/hostile beside this module: bytes that crash automerge-go are not tried")
	}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}

// assault sends a frame as a new peer and reads until the relay has handled it, so that nothing is
// left behind, in the relay or in the test.
func assault(t testing.TB, s *server, frame []byte) {
	t.Helper()
	ws, _, err := relaytest.Dial(context.Background(), s.url, "evil")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatal(err)
	}
	leave, err := repo.Encode(&repo.Message{Type: repo.TypeLeave, SenderID: "evil"})
	if err != nil {
		t.Fatal(err)
	}
	_ = ws.WriteMessage(websocket.BinaryMessage, leave)
	readUntilClosed(t, ws)
}

// heapInUse returns the size of the heap after a garbage collection.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // frees objects with finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHostileBytes: bytes that abort automerge-go are sent repeatedly, to a document of their own and to one in
// use. The relay keeps running, and uses no more memory afterwards.
func TestHostileBytes(t *testing.T) {
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprint("open ", open), func(t *testing.T) {
			s := start(t, relay.Config{Open: open, Limits: relay.Limits{Idle: 20 * time.Millisecond}})
			event := relaytest.EventID("hostile")
			a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
			write(t, a, 3)
			connect(t, s, a, b)
			sameMessage(t, a, b)
			files := hostile(t)
			round := func() {
				for name, b := range files {
					documents := []qa.EventID{relaytest.DocumentID(name)}
					if !open { // in an open relay some of them may be part of the document
						documents = append(documents, event)
					}
					for _, data := range [][]byte{
						b,
						(&wire.Message{Changes: [][]byte{b}}).Encode(),
						(&wire.Message{Heads: []wire.Hash{{1}}, Have: []wire.Have{{}}, Changes: chunks(b)}).Encode(),
					} {
						if len(data) == 0 {
							continue
						}
						for _, document := range documents {
							m := &repo.Message{Type: repo.TypeSync, SenderID: "evil", DocumentID: string(document), Data: data}
							if msg, err := wire.DecodeMessage(bytes.Clone(data)); err == nil {
								m.Signatures = make([]byte, len(msg.Changes)*repo.SignatureLen)
							}
							frame, err := repo.Encode(m)
							if err != nil {
								t.Fatal(err)
							}
							assault(t, s, frame)
						}
					}
				}
			}
			round()
			eventually(t, "the attackers are gone", func() bool { return s.Connections() == 2 })
			before := heapInUse()
			rounds := 4
			if testing.Short() {
				rounds = 1
			}
			for range rounds {
				round()
			}
			eventually(t, "the attackers are gone", func() bool { return s.Connections() == 2 })
			grown := heapInUse() - before
			t.Logf("%d files, %d times more: %d bytes more", len(files), rounds, grown)
			if grown > 4<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
			write(t, b, 2)
			until(t, a, changes(5))
			sameMessage(t, a, b)
		})
	}
}

func chunks(b []byte) [][]byte {
	all, err := wire.SplitChunks(b)
	if err != nil {
		return [][]byte{b}
	}
	return all
}

// TestDamagedFrames: randomly damaged frames do no harm.
func TestDamagedFrames(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := start(t, relay.Config{})
	event := relaytest.EventID("damaged")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	sameMessage(t, a, b)
	c := relaytest.NewEvent("damaged", "open").Post("evil", 1, a.NextOp(), []wire.Hash{first}, "v")
	m := &wire.Message{Heads: []wire.Hash{c.Hash}, Need: []wire.Hash{first}, Have: []wire.Have{{LastSync: []wire.Hash{first}, Filter: wire.NewFilter([]wire.Hash{c.Hash})}}, Changes: [][]byte{c.Encode()}}
	whole, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: "evil", DocumentID: string(event), Data: m.Encode(), Signatures: c.Signature})
	if err != nil {
		t.Fatal(err)
	}
	n := 300
	if testing.Short() {
		n = 50
	}
	for range n {
		frame := bytes.Clone(whole)
		for range 1 + random.IntN(4) {
			frame[random.IntN(len(frame))] = byte(random.UintN(256))
		}
		assault(t, s, frame[:1+random.IntN(len(frame))])
		assault(t, s, frame)
	}
	write(t, a, 1)
	sameMessage(t, a, b)
}

// TestPendingIsBounded: changes whose dependencies never arrive are kept pending up to a limit.
// Beyond the limit they are deferred, and changes with known dependencies are still accepted.
func TestPendingIsBounded(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("waiting")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	connect(t, s, a, b)
	e := relaytest.NewEvent("waiting", "open")
	sent := 0
	for sent < relay.MaxPending+500 {
		var all []relaytest.Signed
		for range 1000 {
			sent++
			all = append(all, e.Post(fmt.Sprint("w", sent), 1, 1000, []wire.Hash{{9, byte(sent), byte(sent >> 8)}}, "v"))
		}
		if err := a.Offer(all...); err != nil {
			t.Fatal(err)
		}
	}
	until(t, a, func(st relaytest.State) bool { return len(st.Refused) == sent-relay.MaxPending })
	for _, r := range a.State().Refused {
		if !r.Deferred || policy.Code(r.Code) != policy.CodePendingFull {
			t.Fatalf("refusal %+v", r)
		}
	}
	write(t, b, 1)
	until(t, a, changes(1))
}

// TestTooManyHeads: with MaxHeads concurrent changes, another head is deferred and a merge is accepted.
func TestTooManyHeads(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("heads")
	a := relaytest.NewDevice("a", event)
	connect(t, s, a)
	e := relaytest.NewEvent("heads", "open")
	next := e.Genesis.MaxOp() + 1
	all := []relaytest.Signed{e.Genesis}
	var heads []wire.Hash
	for i := range relay.MaxHeads + 1 {
		c := e.Post(fmt.Sprint("head", i), 1, next, []wire.Hash{e.Genesis.Hash}, "v")
		all = append(all, c)
		heads = append(heads, c.Hash)
	}
	merge := e.Post("merge", 1, next+9, heads[:2], "v")
	if err := a.Offer(append(all, merge)...); err != nil {
		t.Fatal(err)
	}
	until(t, a, changes(relay.MaxHeads+1))
	until(t, a, func(st relaytest.State) bool { return len(st.Refused) == 1 })
	if r := a.State().Refused[0]; policy.Code(r.Code) != policy.CodeHeads || !r.Deferred || wire.Hash(r.Hash) != heads[relay.MaxHeads] {
		t.Errorf("refusal %+v of %x", r, r.Hash)
	}
	if !a.Has(merge.Hash) {
		t.Error("the merge was not accepted")
	}
}

// TestDeflatedChange: a deflated change is inflated before it is stored and passed on, because automerge-go
// accepts only plain ones in sync messages.
func TestDeflatedChange(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("deflated")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	connect(t, s, a, b)
	e := relaytest.NewEvent("deflated", "open")
	c := e.Post("x", 1, e.Genesis.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, strings.Repeat("again ", 200))
	plain := c.Encode()
	m := &wire.Message{Heads: []wire.Hash{c.Hash}, Changes: [][]byte{e.Genesis.Encode(), deflate(t, plain)}}
	signatures := slices.Concat(e.Genesis.Signature, c.Signature)
	if err := a.Send(&repo.Message{Type: repo.TypeSync, SenderID: "a", DocumentID: string(event), Data: m.Encode(), Signatures: signatures}); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(1))
	if !bytes.Equal(b.Bytes(c.Hash), plain) {
		t.Error("passed on in another form than type 1")
	}
}

// deflate makes a type-2 chunk from a type-1 chunk.
func deflate(t testing.TB, plain []byte) []byte {
	t.Helper()
	const head = 9 // magic 4, checksum 4, type 1
	_, n := binary.Uvarint(plain[head:])
	var body bytes.Buffer
	w, err := flate.NewWriter(&body, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain[head+n:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	deflated := append(bytes.Clone(plain[:head-1]), 2)
	return append(binary.AppendUvarint(deflated, uint64(body.Len())), body.Bytes()...)
}

// TestManyDeflatedChanges: many deflated changes can each be within their limits and together fill the memory. So
// a message inflates to at most the size of a frame, and one change for each processor.
func TestManyDeflatedChanges(t *testing.T) {
	const n, size, frame = 64, 512 << 10, 1 << 20
	s := start(t, relay.Config{Open: true, Limits: relay.Limits{Frame: frame}})
	m := &wire.Message{}
	for i := range n {
		c := relaytest.NewChange(relaytest.Actor(fmt.Sprint(i)), 1, 1, nil, "k", strings.Repeat("x", size))
		m.Heads, m.Changes = append(m.Heads, c.Hash), append(m.Changes, deflate(t, c.Encode()))
	}
	ws := dial(t, s, "bomb")
	send(t, ws, &repo.Message{Type: repo.TypeSync, SenderID: "bomb", DocumentID: string(relaytest.DocumentID("bombs")), Data: m.Encode()})
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := repo.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Type == repo.TypeSync {
			said, err := wire.DecodeMessage(answer.Data)
			if err != nil {
				t.Fatal(err)
			}
			taken, most := len(said.Heads), frame/size+1+runtime.GOMAXPROCS(0)
			if taken < 1 || taken > most {
				t.Errorf("%d changes of %d bytes were accepted, at most %d should be", taken, size, most)
			}
			return
		}
	}
}

// TestOpenTakesMore: an open relay accepts changes and frames that are too large for an event.
func TestOpenTakesMore(t *testing.T) {
	large := relaytest.NewChange(relaytest.Actor("x"), 1, 1, nil, "k", strings.Repeat("x", 9<<20))
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprint("open ", open), func(t *testing.T) {
			store := mem.New()
			s := start(t, relay.Config{Open: open, Store: store})
			event := relaytest.DocumentID("large")
			ws := dial(t, s, "x")
			m := &wire.Message{Heads: []wire.Hash{large.Hash}, Changes: [][]byte{large.Encode()}}
			frame, err := cbor.Marshal(map[string]any{"type": "sync", "senderId": "x", "targetId": s.ID(), "documentId": string(event), "data": m.Encode()})
			if err != nil {
				t.Fatal(err)
			}
			if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil && open {
				t.Fatal(err)
			}
			if !open {
				if _, code := readUntilClosed(t, ws); code != websocket.CloseMessageTooBig && code != 0 {
					t.Errorf("closed with %d", code)
				}
				return
			}
			eventually(t, "stored", func() bool {
				_, err := store.Entry(context20(t), event, large.Hash)
				return err == nil
			})
			reader := dial(t, s, "reader")
			send(t, reader, &repo.Message{Type: repo.TypeRequest, SenderID: "reader", DocumentID: string(event), Data: (&wire.Message{Have: []wire.Have{{}}}).Encode()})
			_ = reader.SetReadDeadline(time.Now().Add(relaytest.Wait))
			_, b, err := reader.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, large.Encode()) {
				t.Errorf("the answer of %d bytes does not contain the change", len(b))
			}
		})
	}
}
