package listen

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSlowClientsAreDisconnected: clients that send half a header, half a body or nothing are
// disconnected. A client that reads a stream stays connected, even if nothing is sent for long.
func TestSlowClientsAreDisconnected(t *testing.T) {
	ln, err := TCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	goOn, ended := make(chan bool), make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			if _, err := fmt.Fprintln(w, "news"); err != nil {
				t.Error(err)
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-goOn:
			case <-r.Context().Done():
				t.Error("the stream was cut off")
			}
		}
	})
	mux.HandleFunc("POST /body", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		ended <- err
	})
	mux.HandleFunc("POST /long", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		<-goOn
		if err != nil || r.Context().Err() != nil {
			t.Errorf("a complete request was cut off before its response: %v, %v", err, r.Context().Err())
		}
		fmt.Fprintln(w, "done")
	})
	s := server(mux, 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond)
	go func() { _ = s.Serve(ln) }()
	defer s.Close()
	dial := func(send string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, send); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	line := func(r *bufio.Reader, want string) {
		t.Helper()
		for {
			l, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%v, and no %q", err, want)
			}
			if strings.TrimSpace(l) == want {
				return
			}
		}
	}
	stream := bufio.NewReader(dial("GET /stream HTTP/1.1\r\nHost: here\r\n\r\n"))
	long := bufio.NewReader(dial("POST /long HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\n\r\nx"))
	line(stream, "news")
	for _, half := range []string{"", "GET / HT", "GET /nowhere HTTP/1.1\r\nHost: here\r\n\r\n", "POST /nowhere HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nx", "POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nx"} {
		// Reading ends when the server closes the connection.
		if _, err := io.Copy(io.Discard, dial(half)); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", half, err)
		}
	}
	if err := <-ended; err == nil {
		t.Error("half a body was read without an error")
	}
	goOn <- true
	goOn <- true
	goOn <- true
	goOn <- true
	line(stream, "news")
	line(stream, "news")
	line(long, "done")
}
