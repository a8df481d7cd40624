package relay

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/relay/wsframe"
	"flyleaf/storage/mem"
)

// BenchmarkDelivery sends one message to one peer after the other, and reports the processor time of the
// whole process in µs: with the frames of wsframe, which share a part between all peers, and with the
// library's, which builds each peer's frame. The library's PreparedMessage is for comparison only: a frame
// of automerge-repo contains the peer's name, so the relay could not use it.
func BenchmarkDelivery(b *testing.B) {
	const peers = 50
	for _, size := range []int{700, 16 << 10} {
		head, tail := bytes.Repeat([]byte{1}, 60), bytes.Repeat([]byte{2}, size)
		shared := &encodedMessage{frame: wsframe.NewShared(head, tail, false)}
		prepared, err := websocket.NewPreparedMessage(websocket.BinaryMessage, slices.Concat(head, tail))
		if err != nil {
			b.Fatal(err)
		}
		for name, deliver := range map[string]func(*session, *websocket.Conn) error{
			"own": func(s *session, _ *websocket.Conn) error { return s.sendSync(shared) },
			"library": func(s *session, ws *websocket.Conn) error {
				frame := slices.Concat(head, repo.AppendTarget(nil, s.peer), tail)
				s.allowSilence(len(frame))
				_ = ws.SetWriteDeadline(time.Now().Add(s.relay.limits.Write))
				return ws.WriteMessage(websocket.BinaryMessage, frame)
			},
			"prepared": func(s *session, ws *websocket.Conn) error {
				s.allowSilence(len(head) + len(tail))
				_ = ws.SetWriteDeadline(time.Now().Add(s.relay.limits.Write))
				return ws.WritePreparedMessage(prepared)
			},
		} {
			b.Run(map[int]string{700: "700B/", 16 << 10: "16KiB/"}[size]+name, func(b *testing.B) {
				sessions, conns := drained(b, peers)
				before := processorTime(b)
				for b.Loop() {
					for i, s := range sessions {
						if err := deliver(s, conns[i]); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/peers, "cpu-µs/delivery")
			})
		}
	}
}

// drained returns sessions whose peers read and discard everything, and the library's connections to the
// same peers.
func drained(b *testing.B, n int) (sessions []*session, conns []*websocket.Conn) {
	b.Helper()
	r, err := New(Config{Store: mem.New()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Shutdown(b.Context()) })
	come := make(chan *websocket.Conn)
	up := websocket.Upgrader{WriteBufferSize: 4 << 10}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := up.Upgrade(w, req, nil)
		if err != nil {
			b.Error(err)
		}
		come <- c
	}))
	b.Cleanup(server.Close)
	for range n {
		nc, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { nc.Close() })
		io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		ws := <-come
		s := newSession(r)
		s.conn, s.peer = ws.NetConn(), "peer-of-some-length-0123456789"
		go io.Copy(io.Discard, nc)
		sessions, conns = append(sessions, s), append(conns, ws)
	}
	return sessions, conns
}

func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return (u.Utime.Nano() + u.Stime.Nano()) / 1000
}
