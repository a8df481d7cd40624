package main

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flyleaf/relay"
	"flyleaf/relay/relaytest"
	"flyleaf/storage/mem"
)

// A client that announces a body but does not send it gets an answer and is disconnected,
// whatever it requests.
func TestMissingBodiesEndTheConnection(t *testing.T) {
	r, err := relay.New(relay.Config{Store: mem.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	s := httptest.NewServer(bodiesWithin(50*time.Millisecond, r))
	defer s.Close()
	for name, header := range map[string]string{
		"GET":        "GET / HTTP/1.1\r\nContent-Length: 1000\r\n",
		"POST":       "POST / HTTP/1.1\r\nContent-Length: 1000\r\n",
		"chunked":    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
		"no upgrade": "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprintf(conn, "%sHost: relay\r\n\r\n", header); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(relaytest.Wait))
			if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}
