package relay_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
)

// These tests check that the memory for unfinished messages and the work for rejected messages are bounded.
// They use a clock that stands still, or short limits, and count bytes and messages.

// clientFrame returns a client's frame, masked with zeros.
func clientFrame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// join opens a connection from an address, offers compression, and joins.
func join(t testing.TB, s *server, peer, address string) (*websocket.Conn, *http.Response) {
	t.Helper()
	d := websocket.Dialer{EnableCompression: true}
	ws, resp, err := d.DialContext(context20(t), s.url, http.Header{"X-Forwarded-For": {address}})
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		return nil, resp
	}
	t.Cleanup(func() { _ = ws.Close() })
	ws.EnableWriteCompression(false)
	send(t, ws, &repo.Message{Type: repo.TypeJoin, SenderID: peer, PeerMetadata: repo.PeerMetadata{IsEphemeral: true}})
	if _, _, err := ws.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	return ws, resp
}

// writeRaw sends bytes unchanged.
func writeRaw(t testing.TB, ws *websocket.Conn, b []byte) {
	t.Helper()
	if _, err := ws.NetConn().Write(b); err != nil {
		t.Fatal(err)
	}
}

// request returns a request for a document that the relay does not have. The relay answers that it is unavailable.
func request(t testing.TB, peer string, size int) []byte {
	t.Helper()
	m := &wire.Message{Have: []wire.Have{{Filter: wire.Filter{Entries: uint32(size), BitsPerEntry: 8, Probes: 7, Bits: bytes.Repeat([]byte{1, 2, 3, 5}, size/4)}}}}
	b, err := repo.Encode(&repo.Message{Type: repo.TypeRequest, SenderID: peer, DocumentID: string(relaytest.DocumentID(peer)), Data: m.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// awaitMessage waits for any message from the relay.
func awaitMessage(t testing.TB, ws *websocket.Conn) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	if _, _, err := ws.ReadMessage(); err != nil {
		t.Fatal(err)
	}
}

// unfinishedMessages returns the first frames of messages, one plain and one deflated, that never end. Each frame has
// size bytes, inflated.
func unfinishedMessages(t testing.TB, size int) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"plain":    clientFrame(0x02, make([]byte, size)),
		"deflated": clientFrame(0x42, rawDeflate(t, make([]byte, size))),
	}
}

// rawDeflate returns the deflate stream of b, without the chunk header that deflate adds.
func rawDeflate(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	chunk := deflate(t, append([]byte{0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1}, append(binary.AppendUvarint(nil, uint64(len(b))), b...)...))
	_, n := binary.Uvarint(chunk[9:])
	out.Write(chunk[9+n:])
	return out.Bytes()
}

// TestUnfinishedMessagesAreBounded: unfinished messages take no more memory than allowed, from one address and from
// many, and another peer's large message is still answered.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	const limit, limitPerAddress, size = 4 << 20, 1 << 20, 200 << 10
	for _, addresses := range []int{1, 7} {
		for name, frame := range unfinishedMessages(t, size) {
			t.Run(fmt.Sprintf("%s, %d addresses", name, addresses), func(t *testing.T) {
				s := start(t, relay.Config{BehindProxy: true, Limits: relay.Limits{MessageMemory: limit, MessageMemoryFromAddress: limitPerAddress}})
				var disconnected atomic.Int64
				for i := range 40 {
					ws, _ := join(t, s, fmt.Sprint("unfinished ", i), fmt.Sprint("203.0.113.", i%addresses))
					writeRaw(t, ws, frame)
					go func() {
						for {
							_, _, err := ws.ReadMessage()
							var closed *websocket.CloseError
							if errors.As(err, &closed) && closed.Code == websocket.CloseTryAgainLater {
								disconnected.Add(1)
							}
							if err != nil {
								return
							}
						}
					}()
				}
				honest, _ := join(t, s, "honest", "198.51.100.1")
				if err := honest.WriteMessage(websocket.BinaryMessage, request(t, "honest", size)); err != nil {
					t.Fatal(err)
				}
				awaitMessage(t, honest)
				bound := int64(limit)
				if name == "plain" {
					// Each message takes up to 3 times 256 KiB.
					eventually(t, "peers beyond the limit are told to try again later", func() bool { return disconnected.Load() >= 40-limit/(3*size) })
				} else if disconnected.Load() > 0 {
					t.Errorf("%d peers were disconnected, although each uses only a few bytes", disconnected.Load())
				}
				if addresses == 1 {
					bound = limitPerAddress + 4*size // 4*size for the honest peer's message
				}
				if peak := s.PeakMessageMemory(); peak > bound || peak == 0 {
					t.Errorf("messages took %d bytes, want at most %d", peak, bound)
				}
			})
		}
	}
}

// TestUnfinishedMessagesEnd: the relay disconnects a peer whose message makes no progress, even if the peer sends
// pings, pongs or empty frames.
func TestUnfinishedMessagesEnd(t *testing.T) {
	for name, keepAlive := range map[string][]byte{
		"nothing":      nil,
		"pongs":        clientFrame(0x8a, nil),
		"pings":        clientFrame(0x89, []byte("x")),
		"empty frames": clientFrame(0x00, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, relay.Config{Limits: relay.Limits{Stall: 100 * time.Millisecond}})
			ws, _ := join(t, s, "unfinished", "")
			writeRaw(t, ws, clientFrame(0x02, make([]byte, 100<<10)))
			done := make(chan struct{})
			var writer sync.WaitGroup
			writer.Go(func() {
				for keepAlive != nil {
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
					}
					if _, err := ws.NetConn().Write(keepAlive); err != nil {
						return
					}
				}
			})
			_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
			var err error
			var last []byte // the last message from the relay
			for err == nil {
				var b []byte
				if _, b, err = ws.ReadMessage(); err == nil {
					last = b
				}
			}
			close(done)
			writer.Wait()
			if m, err := repo.Decode(last); err != nil || m.Type != repo.TypeError || !strings.HasPrefix(m.Message, "too slow") {
				t.Errorf("the last message is %q, %v", last, err)
			}
			eventually(t, "all message memory is released", func() bool { return s.MessageMemory() == 0 })
		})
	}
}

// TestLargeMessagesTakeTurns: addresses that leave large messages unfinished do not keep another address from sending
// one. Each address reads one large message at a time, and an unfinished message times out.
func TestLargeMessagesTakeTurns(t *testing.T) {
	for _, addresses := range []int{1, 8} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			s := start(t, relay.Config{BehindProxy: true, Limits: relay.Limits{Stall: 300 * time.Millisecond}})
			for i := range 8 {
				ws, _ := join(t, s, fmt.Sprint("unfinished ", i), fmt.Sprint("203.0.113.", i%addresses))
				writeRaw(t, ws, clientFrame(0x02, make([]byte, 1<<20+100<<10)))
				go func() { // sends pongs until the relay disconnects it
					for {
						if _, err := ws.NetConn().Write(clientFrame(0x8a, nil)); err != nil {
							return
						}
						time.Sleep(time.Millisecond)
					}
				}()
			}
			honest, _ := join(t, s, "honest", "198.51.100.1")
			if err := honest.WriteMessage(websocket.BinaryMessage, request(t, "honest", 2<<20)); err != nil {
				t.Fatal(err)
			}
			awaitMessage(t, honest)
		})
	}
}

// garbageFrame returns 400 deflated changes that inflate to 255 KiB each and are invalid.
func garbageFrame(t testing.TB, peer string) []byte {
	t.Helper()
	var m wire.Message
	body := make([]byte, 255<<10)
	plain := append([]byte{0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4, 1}, binary.AppendUvarint(nil, uint64(len(body)))...)
	chunk := deflate(t, append(plain, body...))
	for range 400 {
		m.Changes = append(m.Changes, chunk)
	}
	return signedEnvelope(t, peer, &m)
}

func signedEnvelope(t testing.TB, peer string, m *wire.Message) []byte {
	t.Helper()
	b, err := repo.Encode(&repo.Message{
		Type: repo.TypeSync, SenderID: peer, DocumentID: string(relaytest.EventID("spend")), Data: m.Encode(),
		Signatures: make([]byte, len(m.Changes)*repo.SignatureLen),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sendUntilClosed sends a frame repeatedly until the relay closes the connection. It returns how many of the frames the
// relay answered with refusals.
func sendUntilClosed(t testing.TB, ws *websocket.Conn, frame []byte) (answered int) {
	t.Helper()
	for {
		if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
			return answered
		}
		_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
		for {
			_, b, err := ws.ReadMessage()
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				if closed.Code != websocket.ClosePolicyViolation || !strings.HasPrefix(closed.Text, "you sent too much data") {
					t.Errorf("closed with %d %q", closed.Code, closed.Text)
				}
				return answered
			}
			if err != nil {
				t.Fatal(err)
			}
			if m, err := repo.Decode(b); err == nil && m.Type == repo.TypeRefused { // one message has the refusals of a frame
				answered++
				break
			}
		}
	}
}

// TestGarbageIsCharged: deflated garbage is charged before it is inflated, until the connection, and then the address,
// has spent its quota. Other addresses are not affected, and the quota returns with time.
func TestGarbageIsCharged(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now})
	const perFrame = wire.MaxFrame >> 10 // KiB
	most := relay.InflatedForWaste / perFrame
	all, connections := 0.0, 0
	for ; ; connections++ {
		peer := fmt.Sprint("garbage ", connections)
		ws, resp := join(t, s, peer, "203.0.113.9")
		if ws == nil {
			if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
				t.Errorf("refused with %d, to retry after %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
			break
		}
		inflated := float64(sendUntilClosed(t, ws, garbageFrame(t, peer)))
		if inflated < 1 || inflated > most {
			t.Errorf("connection %d: %v frames were inflated, want at most %v", connections, inflated, most)
		}
		if all += inflated; all > relay.InflatedForWasteOfAddress/perFrame+most {
			t.Fatalf("%v frames of one address were inflated", all)
		}
	}
	if connections == 0 {
		t.Error("the address could never connect")
	}
	if ws, _ := join(t, s, "other", "203.0.113.10"); ws == nil {
		t.Error("another address is refused")
	}
	now.advance(time.Minute)
	if ws, _ := join(t, s, "later", "203.0.113.9"); ws == nil {
		t.Error("the address is still refused after a minute")
	}
}

// TestWrongSignaturesAreCharged: wrong signatures are charged; they are checked before the operations are read.
func TestWrongSignaturesAreCharged(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{Now: now.now})
	var m wire.Message
	for i := range 400 {
		c := &wire.Change{Actor: relaytest.Actor(fmt.Sprint("nobody ", i)), Seq: 1, StartOp: 1, TimeMillis: 1}
		for range wire.MaxOps {
			c.Ops = append(c.Ops, wire.Op{Action: wire.Set, Key: wire.Key{Kind: wire.MapKey, Prop: "k"}, Value: wire.StringValue("")})
		}
		m.Changes = append(m.Changes, c.Encode())
	}
	ws, _ := join(t, s, "nobody", "")
	checked := sendUntilClosed(t, ws, signedEnvelope(t, "nobody", &m))
	if most := relay.SignaturesForWaste / 400; float64(checked) > most || checked < 1 {
		t.Errorf("the signatures of %d messages were checked, want at most %v", checked, most)
	}
}

// TestSignatureIsCheckedFirst: a change with a wrong signature is not decoded, so errors in its columns are not found.
func TestSignatureIsCheckedFirst(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("first")
	a := relaytest.NewDevice("a", event)
	connect(t, s, a)
	c := &wire.Change{Actor: relaytest.Actor("x"), Seq: 1, StartOp: 1, TimeMillis: 1, Ops: []wire.Op{
		{Action: wire.Set, Key: wire.Key{Kind: wire.MapKey, Prop: "k"}, Value: wire.Value{Kind: 15}}, // no such kind
	}}
	b := c.Encode()
	if _, err := wire.DecodeChange(b); !errors.Is(err, wire.ErrValueType) {
		t.Fatal(err)
	}
	m := &wire.Message{Changes: [][]byte{b}}
	if err := a.Send(&repo.Message{Type: repo.TypeSync, SenderID: "a", DocumentID: string(event), Data: m.Encode(), Signatures: make([]byte, 64)}); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(st relaytest.State) bool { return len(st.Refused) == 1 })
	if r := a.State().Refused[0]; policy.Code(r.Code) != policy.CodeSignature {
		t.Errorf("refused with %s: %s", r.Code, r.Reason)
	}
}

// TestGoodWorkIsNotCharged: valid changes are not charged as waste, however many, nor are repetitions.
func TestGoodWorkIsNotCharged(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{Now: now.now, Quotas: quota.None, BehindProxy: true})
	e := relaytest.NewEvent("busy", "open")
	a := relaytest.NewDevice("founder of busy", e.ID)
	a.Header = http.Header{"X-Forwarded-For": {"203.0.113.9"}}
	connect(t, s, a)
	all := []relaytest.Signed{e.Genesis}
	n := 10_000 // at 80 µs each, more than the budget for rejected work
	if testing.Short() {
		n = 2_000
	}
	for i := range n {
		last := all[i]
		all = append(all, e.Post(a.Name, uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, "v"))
	}
	for range 3 {
		for i := 0; i <= n; i += 500 {
			if err := a.Offer(all[i:min(i+500, n+1)]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := relaytest.NewDevice("b", e.ID)
	connect(t, s, b)
	until(t, b, changes(n))
	if st := a.State(); !st.Connected || len(st.Refused) > 0 {
		t.Errorf("connected %t, closed by %v, refused %d", st.Connected, st.CloseErr, len(st.Refused))
	}
}

// TestTooManyDecodedOperations: when too many decoded operations wait for the committer, further changes are stored and
// forwarded as usual (the committer decodes them a second time).
func TestTooManyDecodedOperations(t *testing.T) {
	s := start(t, relay.Config{})
	s.ExhaustDecodedOps()
	event := relaytest.EventID("decoded")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 20)
	connect(t, s, a, b)
	until(t, b, changes(20))
	sameMessage(t, a, b)
	onDisk(t, a)
	eventually(t, "no decoded operations are counted", func() bool { return s.DecodedOps() == 0 })
	if r := a.State().Refused; len(r) > 0 {
		t.Errorf("refused %+v", r)
	}
}

// TestInflatedChangesAreBounded: inflated changes count towards the same memory limit, also in an open relay.
func TestInflatedChangesAreBounded(t *testing.T) {
	const limit, limitPerAddress, size = 8 << 20, 2 << 20, 300 << 10
	s := start(t, relay.Config{Open: true, BehindProxy: true, Limits: relay.Limits{MessageMemory: limit, MessageMemoryFromAddress: limitPerAddress}})
	frames := make([][]byte, 30)
	for i := range frames {
		var m wire.Message
		for k := range 5 {
			c := relaytest.NewChange(relaytest.Actor(fmt.Sprint(i, k)), 1, 1, nil, "k", strings.Repeat("x", size))
			m.Heads, m.Changes = append(m.Heads, c.Hash), append(m.Changes, deflate(t, c.Encode()))
		}
		b, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: fmt.Sprint(i), DocumentID: string(relaytest.DocumentID(fmt.Sprint("inflated ", i))), Data: m.Encode()})
		if err != nil {
			t.Fatal(err)
		}
		frames[i] = b
	}
	var all sync.WaitGroup
	for i, f := range frames {
		ws, _ := join(t, s, fmt.Sprint(i), fmt.Sprint("203.0.113.", i%6))
		all.Go(func() {
			_ = ws.WriteMessage(websocket.BinaryMessage, f)
			_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
			_, _, _ = ws.ReadMessage() // the relay accepts the message, or says that it has no memory left
		})
	}
	all.Wait()
	if peak := s.PeakMessageMemory(); peak > limit || peak < size {
		t.Errorf("messages took %d bytes, want at most %d", peak, limit)
	}
}

// TestInvalidFrames: frames that RFC 6455 does not allow end the connection with a named error.
func TestInvalidFrames(t *testing.T) {
	s := start(t, relay.Config{})
	ping := clientFrame(0x89, make([]byte, 125))
	for _, c := range []struct {
		name  string
		bytes []byte
		code  int
		want  string // start of the relay's error message; "" for none
	}{
		{"reserved bits", clientFrame(0xb2, []byte("x")), 1002, "a frame has a reserved bit set"},
		{"a ping marked as deflated", clientFrame(0xc9, nil), 1002, "a frame has a reserved bit set"},
		{"no mask", []byte{0x82, 1, 'x'}, 1002, "a frame has no mask"},
		{"opcode 3", clientFrame(0x83, nil), 1002, "a frame has the unknown opcode"},
		{"opcode 11", clientFrame(0x8b, nil), 1002, "a frame has the unknown opcode"},
		{"a fragmented ping", clientFrame(0x09, nil), 1002, "a control frame is fragmented"},
		{"a ping of more than 125 bytes", append([]byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, ping...), 1002, "a control frame is fragmented"},
		{"a continuation without a message", clientFrame(0x80, nil), 1002, "a frame is out of order"},
		{"a new message before the last has ended", append(clientFrame(0x02, []byte("x")), clientFrame(0x82, nil)...), 1002, "a frame is out of order"},
		{"a continuation marked as deflated", append(clientFrame(0x02, []byte("x")), clientFrame(0xc0, nil)...), 1002, "a frame has a reserved bit set"},
		{"text", clientFrame(0x81, []byte("hello")), 1003, "not a binary frame"},
		{"2^63 bytes", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1009, "message too large"},
		{"one byte more than the limit", []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x80, 0, 1, 0, 0, 0, 0}, 1009, "message too large"},
		{"marked as deflated, but not deflated", clientFrame(0xc2, []byte{0xff, 0xff, 0xff}), 1002, "a message that cannot be inflated"},
		{"close", clientFrame(0x88, []byte{3, 0xe8}), 1000, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws, _ := join(t, s, "frames", "")
			writeRaw(t, ws, c.bytes)
			errs, code := readUntilClosed(t, ws)
			if code != c.code || c.want == "" != (len(errs) == 0) || len(errs) > 0 && !strings.HasPrefix(errs[0], c.want) {
				t.Errorf("closed with %d and the errors %q", code, errs)
			}
		})
	}
	if s.MessageMemory() != 0 {
		t.Errorf("%d bytes of message memory are still in use", s.MessageMemory())
	}
}

// TestAttackFiles sends the files of earlier attacks, if they exist.
func TestAttackFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "faults", "attacks")
	hexFrame, err := os.ReadFile(filepath.Join(dir, "06-half-frames", "fragment.hex"))
	if err != nil {
		t.Skip("no ../shared/faults beside this module: TestUnfinishedMessagesAreBounded and TestGarbageIsCharged make such bytes themselves")
	}
	fragment, err := hex.DecodeString(strings.TrimSpace(string(hexFrame)))
	if err != nil {
		t.Fatal(err)
	}
	garbage, err := os.ReadFile(filepath.Join(dir, "07-deflated-garbage", "frame.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now})
	for i := range 100 {
		ws, _ := join(t, s, fmt.Sprint("unfinished ", i), "203.0.113.9")
		writeRaw(t, ws, fragment)
	}
	ws, _ := join(t, s, "evil", "203.0.113.10")
	if n := sendUntilClosed(t, ws, garbage); float64(n) > relay.InflatedForWaste/(wire.MaxFrame>>10) {
		t.Errorf("%d frames of garbage were inflated", n)
	}
	if peak := s.PeakMessageMemory(); peak > 2<<20 {
		t.Errorf("messages took %d bytes", peak)
	}
}
