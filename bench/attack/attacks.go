package main

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay/relaytest"
)

type attack struct {
	name string
	open bool // needs a relay with --open
	// prepare builds the messages before the relay is started, and returns the attack.
	prepare func() func(*target)
}

var attacks = []attack{
	{name: "none", prepare: func() func(*target) { return func(t *target) { <-t.over } }},
	{name: "unfinished, 500", prepare: unfinished(500, 1, plainStart)},
	{name: "unfinished, 1500 of 3 addresses", prepare: unfinished(1500, 3, plainStart)},
	{name: "unfinished, deflated, 500", prepare: unfinished(500, 1, deflatedStart)},
	{name: "unfinished, deflated, 1500 of 3", prepare: unfinished(1500, 3, deflatedStart)},
	{name: "deflated garbage, 20", prepare: deflatedGarbage},
	{name: "bad signatures, 1.25 MB/s", prepare: badSignatures},
	{name: "unknown documents, 20", prepare: unknownDocuments},
	{name: "filters that claim all, 20", prepare: filters},
	{name: "open: deflated changes, 40", open: true, prepare: deflatedChanges},
}

const almost = 1<<20 - 4096 // bytes: just below the size from which a frame counts as large

// plainStart returns the first part of a message that never ends.
func plainStart() []byte { return fragment(0x02, make([]byte, almost)) }

// deflatedStart is plainStart, compressed. It inflates to almost bytes.
func deflatedStart() []byte { return fragment(0x42, deflated(make([]byte, almost))) }

// fragment returns a client's frame, masked with zeros.
func fragment(first byte, payload []byte) []byte {
	b := []byte{first}
	if n := len(payload); n < 1<<16 {
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	} else {
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// deflated compresses b without ending the stream, as for a message that continues.
func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err) // cannot happen: the level is a constant
	}
	_, _ = w.Write(b)
	_ = w.Flush()
	return out.Bytes()
}

// dial connects to the relay from an address. It returns nil if it is refused.
func (t *target) dial(peer, address string) *websocket.Conn {
	d := websocket.Dialer{EnableCompression: true, HandshakeTimeout: 30 * time.Second}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ws, resp, err := d.DialContext(ctx, t.url, from(address))
	if err != nil {
		if resp != nil && resp.StatusCode == http.StatusTooManyRequests {
			t.cut.Add(1)
		}
		return nil
	}
	_ = resp.Body.Close()
	ws.EnableWriteCompression(false) // messages are compressed beforehand
	join, err := repo.Encode(&repo.Message{Type: repo.TypeJoin, SenderID: peer, PeerMetadata: repo.PeerMetadata{IsEphemeral: true}})
	if err == nil {
		err = ws.WriteMessage(websocket.BinaryMessage, join)
	}
	if err != nil {
		_ = ws.Close()
		return nil
	}
	return ws
}

// drain reads, and thereby answers pings, until the connection ends.
func (t *target) drain(ws *websocket.Conn) {
	_, _ = io.Copy(io.Discard, readerOf(ws))
	select {
	case <-t.over:
	default:
		t.cut.Add(1)
	}
}

// readerOf reads all messages of a connection one after another.
func readerOf(ws *websocket.Conn) io.Reader { return websocket.JoinMessages(ws, "") }

func unfinished(n, addresses int, start func() []byte) func() func(*target) {
	return func() func(*target) {
		part := start()
		return func(t *target) { leaveUnfinished(t, n, addresses, part) }
	}
}

func leaveUnfinished(t *target, n, addresses int, part []byte) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ws := t.dial(fmt.Sprint("half ", i), fmt.Sprint("203.0.113.", 1+i%addresses))
			if ws == nil {
				return
			}
			defer ws.Close()
			if _, err := ws.NetConn().Write(part); err != nil {
				t.cut.Add(1)
				return
			}
			go func() {
				<-t.over
				_ = ws.Close()
			}()
			t.drain(ws)
		})
		if i%50 == 49 {
			time.Sleep(20 * time.Millisecond) // the listener's queue is short
		}
	}
	all.Wait()
}

// flood repeatedly sends a frame on n connections of one address, at most perSecond bytes a
// second on each, and reconnects when disconnected.
func flood(t *target, n int, perSecond int, frame func(peer string) []byte) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			peer := fmt.Sprint("flood ", i)
			f := frame(peer)
			for {
				select {
				case <-t.over:
					return
				default:
				}
				ws := t.dial(peer, "203.0.113.9")
				if ws == nil {
					pause(t, 200*time.Millisecond)
					continue
				}
				gone := make(chan struct{})
				go func() {
					t.drain(ws)
					close(gone)
				}()
				for running := true; running; {
					_ = ws.SetWriteDeadline(time.Now().Add(time.Minute))
					if ws.WriteMessage(websocket.BinaryMessage, f) != nil {
						break
					}
					wait := time.Duration(0)
					if perSecond > 0 {
						wait = time.Duration(len(f)) * time.Second / time.Duration(perSecond)
					}
					select {
					case <-gone:
						running = false
					case <-t.over:
						running = false
					case <-time.After(wait):
					}
				}
				_ = ws.Close()
				<-gone
			}
		})
	}
	all.Wait()
}

func pause(t *target, d time.Duration) {
	select {
	case <-t.over:
	case <-time.After(d):
	}
}

// deflatedGarbage sends frames of 120 KB with 400 changes each. Each change inflates to almost
// the maximum size and then turns out to be invalid.
func deflatedGarbage() func(*target) {
	var m wire.Message
	for i := range 400 {
		body := make([]byte, 255<<10)
		body[0] = byte(i)
		body[1] = byte(i >> 8)
		m.Changes = append(m.Changes, chunk(2, closed(body)))
	}
	data := m.Encode()
	event := relaytest.EventID("garbage")
	return func(t *target) {
		flood(t, 20, 0, func(peer string) []byte { return envelope(peer, string(event), data, len(m.Changes)) })
	}
}

// closed compresses b as a complete deflate stream.
func closed(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err) // cannot happen: the level is a constant
	}
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// chunk returns a chunk with a wrong checksum.
func chunk(kind byte, body []byte) []byte {
	b := append([]byte{0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4}, kind)
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

func envelope(peer, document string, data []byte, changes int) []byte {
	m := &repo.Message{Type: repo.TypeSync, SenderID: peer, DocumentID: document, Data: data, Signatures: make([]byte, changes*repo.SignatureLen)}
	b, err := repo.EncodeWithin(m, 64<<20)
	if err != nil {
		panic(err) // cannot happen: the message is valid
	}
	return b
}

// badSignatures sends messages of 400 unsigned changes with 1,000 operations each.
func badSignatures() func(*target) {
	var m wire.Message
	for i := range 400 {
		c := &wire.Change{Actor: relaytest.Actor(fmt.Sprint("nobody ", i)), Seq: 1, StartOp: 1, TimeMillis: 1_700_000_000_000}
		for range 1000 {
			c.Ops = append(c.Ops, wire.Op{Action: wire.Set, Key: wire.Key{Kind: wire.MapKey, Prop: "k"}, Value: wire.StringValue("")})
		}
		m.Changes = append(m.Changes, c.Encode())
	}
	data := m.Encode()
	event := relaytest.EventID("unsigned")
	return func(t *target) {
		flood(t, 1, 1_250_000, func(peer string) []byte { return envelope(peer, string(event), data, len(m.Changes)) })
	}
}

// deflatedChanges sends valid changes of 15 MiB, each compressed to 15 KB, four in a message,
// on 40 connections of four addresses.
func deflatedChanges() func(*target) {
	const connections, each = 40, 4
	text := string(bytes.Repeat([]byte{'x'}, 15<<20))
	frames := make([][]byte, connections)
	for i := range frames {
		var m wire.Message
		for k := range each {
			c := relaytest.NewChange(relaytest.Actor(fmt.Sprint("large ", i, " ", k)), 1, 1, nil, "k", text)
			b := c.Encode()
			_, size := binary.Uvarint(b[9:])
			d := chunk(2, closed(b[9+size:]))
			copy(d, b[:8]) // the checksum is of the inflated data
			m.Heads, m.Changes = append(m.Heads, c.Hash), append(m.Changes, d)
		}
		peer := fmt.Sprint("large ", i)
		frames[i] = envelope(peer, string(relaytest.DocumentID(peer)), m.Encode(), each)
	}
	return func(t *target) {
		var all sync.WaitGroup
		for i, f := range frames {
			all.Go(func() {
				ws := t.dial(fmt.Sprint("large ", i), fmt.Sprint("203.0.113.", 1+i%4))
				if ws == nil {
					return
				}
				defer ws.Close()
				if ws.WriteMessage(websocket.BinaryMessage, f) != nil {
					return
				}
				go func() {
					<-t.over
					_ = ws.Close()
				}()
				t.drain(ws)
			})
		}
		all.Wait()
	}
}

// flow sends the frames of frame as fast as the relay accepts them, on n connections of one
// address, and reconnects when disconnected.
func flow(t *target, n int, begin func(ws *websocket.Conn, i int) error, frame func(i, k int) []byte) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for k := 0; ; {
				select {
				case <-t.over:
					return
				default:
				}
				ws := t.dial(fmt.Sprint("flow ", i), "203.0.113.9")
				if ws == nil {
					pause(t, 200*time.Millisecond)
					continue
				}
				gone := make(chan struct{})
				go func() {
					t.drain(ws)
					close(gone)
				}()
				go func() {
					select {
					case <-t.over:
					case <-gone:
					}
					_ = ws.Close()
				}()
				if begin(ws, i) == nil {
					for ; ; k++ {
						b := frame(i, k)
						if b == nil {
							k = 0
							break
						}
						if ws.WriteMessage(websocket.BinaryMessage, b) != nil {
							break
						}
					}
				}
				_ = ws.Close()
				<-gone
			}
		})
	}
	all.Wait()
}

// unknownDocuments asks for unknown documents on 20 connections.
func unknownDocuments() func(*target) {
	const connections, each = 20, 1000
	data := (&wire.Message{Have: []wire.Have{{}}}).Encode()
	var frames [connections][each][]byte
	for i := range connections {
		for k := range each {
			frames[i][k] = envelope(fmt.Sprint("flow ", i), string(relaytest.DocumentID(fmt.Sprint("unknown ", i, " ", k))), data, 0)
		}
	}
	return func(t *target) {
		flow(t, connections, func(*websocket.Conn, int) error { return nil }, func(i, k int) []byte {
			if k == each { // the maximum for one connection
				return nil
			}
			return frames[i][k]
		})
	}
}

// filters claims, on 20 connections and repeatedly, to have all of four events of 4,000 changes
// each, with a filter whose bits are all set. The relay then looks up each change.
func filters() func(*target) {
	const events, changes, each = 4, 4000, 5
	frames := make([][][]byte, events)
	ids := make([]string, events)
	for n := range events {
		e := relaytest.NewEvent(fmt.Sprint("filtered ", n), "open")
		ids[n] = string(e.ID)
		last := e.Genesis
		all := []relaytest.Signed{last}
		for k := range changes {
			last = e.ByFounder("f", uint64(k+1), last.MaxOp()+1, []wire.Hash{last.Hash}, e.Block(relaytest.KeyOf(fmt.Sprint(k)).Identity(), "x"))
			all = append(all, last)
		}
		for len(all) > 0 {
			some := all[:min(len(all), 1000)]
			all = all[len(some):]
			m := relaytest.NewDevice(fmt.Sprint("flow ", n*each), e.ID).Message(some...)
			b, err := repo.EncodeWithin(m, 8<<20)
			if err != nil {
				panic(err) // cannot happen: the message is valid
			}
			frames[n] = append(frames[n], b)
		}
	}
	all := wire.Filter{Entries: 8, BitsPerEntry: 32, Probes: 32, Bits: bytes.Repeat([]byte{255}, 32)}
	return func(t *target) {
		var filled [events]sync.Once
		flow(t, events*each, func(ws *websocket.Conn, i int) error {
			var err error
			filled[i/each].Do(func() {
				for _, b := range frames[i/each] {
					if err = ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
						return
					}
				}
			})
			return err
		}, func(i, k int) []byte {
			m := wire.Message{Heads: []wire.Hash{{byte(k), byte(k >> 8), byte(k >> 16), byte(i)}}, Have: []wire.Have{{Filter: all}, {Filter: all}}}
			return envelope(fmt.Sprint("flow ", i), ids[i/each], m.Encode(), 0)
		})
	}
}
