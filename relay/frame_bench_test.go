package relay

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/storage/mem"
)

// BenchmarkDelivery is one post to one peer after the other, in the processor time of
// the whole process, in µs: by frames of our own, of which all peers share a part, and by
// the library, for which each peer's frame is put together. The library's own way for one
// message to many, a PreparedMessage, is there for comparison alone: in automerge-repo's
// envelope each peer's frame has the peer's name, so it could not be used.
func BenchmarkDelivery(b *testing.B) {
	const peers = 50
	for _, size := range []int{700, 16 << 10} {
		e := &encoded{head: bytes.Repeat([]byte{1}, 60), tail: bytes.Repeat([]byte{2}, size)}
		for name, deliver := range map[string]func(*session) error{
			"own": func(s *session) error { return s.sendEncoded(e) },
			"library": func(s *session) error {
				frame := append(append([]byte{}, e.head...), repo.AppendTarget(nil, s.peer)...)
				return s.send(append(frame, e.tail...))
			},
			"prepared": nil,
		} {
			b.Run(map[int]string{700: "700B/", 16 << 10: "16KiB/"}[size]+name, func(b *testing.B) {
				sessions := drained(b, peers)
				prepared, err := websocket.NewPreparedMessage(websocket.BinaryMessage, append(append([]byte{}, e.head...), e.tail...))
				if err != nil {
					b.Fatal(err)
				}
				before := processorTime(b)
				for b.Loop() {
					for _, s := range sessions {
						if deliver == nil {
							err = s.conn.WritePreparedMessage(prepared)
						} else {
							err = deliver(s)
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/peers, "cpu-µs/delivery")
			})
		}
	}
}

// drained returns sessions whose peers read all and look at nothing.
func drained(b *testing.B, n int) []*session {
	b.Helper()
	r, err := New(Config{Store: mem.New()})
	if err != nil {
		b.Fatal(err)
	}
	var sessions []*session
	conns := make(chan *websocket.Conn)
	up := websocket.Upgrader{WriteBufferSize: 4 << 10}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := up.Upgrade(w, req, nil)
		if err != nil {
			b.Error(err)
		}
		conns <- c
	}))
	b.Cleanup(server.Close)
	for range n {
		nc, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { nc.Close() })
		io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		s := newSession(r)
		s.conn, s.peer = <-conns, "peer-of-some-length-0123456789"
		go io.Copy(io.Discard, nc)
		sessions = append(sessions, s)
	}
	return sessions
}

func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return (u.Utime.Nano() + u.Stime.Nano()) / 1000
}
