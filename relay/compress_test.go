package relay_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// counted is a connection that counts the received bytes.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// pull joins as the peer and asks for the event. It returns the bytes of the changes, and how many bytes
// came in all.
func pull(t *testing.T, s *server, d websocket.Dialer, peer string, event string) (changes [][]byte, received int64) {
	t.Helper()
	var n atomic.Int64
	d.NetDial = func(network, address string) (net.Conn, error) {
		conn, err := net.Dial(network, address)
		return counted{conn, &n}, err
	}
	ws, response, err := d.Dial(s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if agreed := response.Header.Get("Sec-WebSocket-Extensions"); strings.HasPrefix(agreed, "permessage-deflate") != d.EnableCompression {
		t.Fatalf("agreed on %q", agreed)
	}
	ws.EnableWriteCompression(true) // the relay reads what is compressed, small or not
	send := func(m repo.Message) {
		t.Helper()
		b, err := repo.Encode(&m)
		if err == nil {
			err = ws.WriteMessage(websocket.BinaryMessage, b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	send(repo.Message{Type: repo.TypeJoin, SenderID: peer, PeerMetadata: repo.PeerMetadata{IsEphemeral: true}})
	request := repo.Message{Type: repo.TypeRequest, SenderID: peer, DocumentID: event, Data: (&wire.Message{Have: []wire.Have{{}}}).Encode()}
	send(request)
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := repo.Decode(b)
		if err != nil || m.TargetID != peer {
			t.Fatalf("for %q: %v", m.TargetID, err)
		}
		if m.Type != repo.TypeSync {
			continue
		}
		message, err := wire.DecodeMessage(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if len(message.Changes) > 0 {
			return message.Changes, n.Load()
		}
	}
}

// TestLargeMessagesAreCompressed: large messages are compressed for peers that agreed on compression. All
// peers get the same changes, whatever the length of their IDs, and whether or not another peer got the
// changes before.
func TestLargeMessagesAreCompressed(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("compressed")
	a := relaytest.NewDevice("a", event)
	write(t, a, 300)
	connect(t, s, a)
	until(t, a, func(s relaytest.State) bool { return s.InSync })
	var first [][]byte
	var plain, small int64
	for _, length := range []int{1, 23, 24, 255, 256} {
		peer := strings.Repeat("p", length)
		bare, n := pull(t, s, websocket.Dialer{}, peer, string(event))
		deflated, m := pull(t, s, websocket.Dialer{EnableCompression: true}, peer, string(event))
		if first == nil {
			first, plain, small = bare, n, m
		}
		for _, got := range [][][]byte{bare, deflated} {
			if len(got) != 301 || !bytes.Equal(bytes.Join(got, nil), bytes.Join(first, nil)) {
				t.Fatalf("peer ID of %d bytes: %d changes", length, len(got))
			}
		}
	}
	if plain < 16<<10 || small > plain*4/5 {
		t.Errorf("%d bytes, and %d compressed", plain, small)
	}
}

// TestInflationIsBounded: a small message that inflates to a large one is not inflated beyond the limit.
func TestInflationIsBounded(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Frame: 1 << 20}})
	for _, joined := range []bool{false, true} {
		t.Run(fmt.Sprintf("joined %v", joined), func(t *testing.T) {
			ws, _, err := (&websocket.Dialer{EnableCompression: true}).Dial(s.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			ws.SetPingHandler(func(string) error { return nil }) // answering fails once the relay has hung up
			if joined {
				b, err := repo.Encode(&repo.Message{Type: repo.TypeJoin, SenderID: "bomb"})
				if err != nil {
					t.Fatal(err)
				}
				if err := ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
					t.Fatal(err)
				}
				if _, _, err := ws.ReadMessage(); err != nil {
					t.Fatal(err)
				}
			}
			if err := ws.SetCompressionLevel(flate.BestCompression); err != nil {
				t.Fatal(err)
			}
			w, err := ws.NextWriter(websocket.BinaryMessage)
			if err != nil {
				t.Fatal(err)
			}
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := w.Write(zeros); err != nil {
					break // the relay has hung up
				}
			}
			_ = w.Close()
			if _, code := readUntilClosed(t, ws); code != websocket.CloseMessageTooBig {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

// TestPingMessagesAreAnswered: each ping of a client that cannot send pings of the WebSocket is
// answered, as fast as the client reads.
func TestPingMessagesAreAnswered(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Queue: 4}})
	ws := dial(t, s, "browser")
	const pings = 200
	for range pings {
		send(t, ws, &repo.Message{Type: repo.TypePing, SenderID: "browser", TargetID: s.ID()})
	}
	for i := range pings {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("after %d answers: %v", i, err)
		}
		if m, err := repo.Decode(b); err != nil || m.Type != repo.TypePing || m.SenderID != s.ID() || m.TargetID != "browser" {
			t.Fatalf("the answer is %+v, %v", m, err)
		}
	}
}

// TestPingIsAnswered: the writer goroutine answers a ping with the ping's bytes.
func TestPingIsAnswered(t *testing.T) {
	s := start(t, relay.Config{})
	ws := dial(t, s, "pinging")
	defer ws.Close()
	got := make(chan string, 1)
	ws.SetPongHandler(func(data string) error {
		got <- data
		return io.EOF // ends the read below
	})
	if err := ws.WriteMessage(websocket.PingMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, _, err := ws.ReadMessage()
	select {
	case data := <-got:
		if data != "hello" {
			t.Errorf("pong %q", data)
		}
	default:
		t.Errorf("no pong: %v", err)
	}
}
