package wsframe

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// fakeConn is a connection with prepared input. It keeps the written bytes.
type fakeConn struct {
	in  io.Reader
	out bytes.Buffer
}

func (c *fakeConn) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *fakeConn) Write(b []byte) (int, error)      { return c.out.Write(b) }
func (c *fakeConn) Close() error                     { return nil }
func (c *fakeConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *fakeConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *fakeConn) SetDeadline(time.Time) error      { return nil }
func (c *fakeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fakeConn) SetWriteDeadline(time.Time) error { return nil }

// hijackable is a ResponseWriter whose connection can be hijacked.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

func request(extensions ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(k, v)
	}
	for _, e := range extensions {
		r.Header.Add("Sec-Websocket-Extensions", e)
	}
	return r
}

// gorillaServer returns the library's server side of a connection on which a client sends stream.
func gorillaServer(t *testing.T, stream []byte, deflate bool) *websocket.Conn {
	t.Helper()
	u := websocket.Upgrader{EnableCompression: deflate}
	ws, err := u.Upgrade(&hijackable{httptest.NewRecorder(), &fakeConn{in: bytes.NewReader(stream)}}, request("permessage-deflate"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// serverConn is a connection to a server that answers the handshake and then sends stream, whatever the
// client sends.
type serverConn struct {
	fakeConn
	deflate, answered bool
	stream            []byte
}

func (c *serverConn) Write(b []byte) (int, error) {
	if c.answered {
		return c.fakeConn.Write(b)
	}
	c.answered = true
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return 0, err
	}
	accept := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	extensions := ""
	if c.deflate {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	response := fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n", base64.StdEncoding.EncodeToString(accept[:]), extensions)
	c.in = io.MultiReader(strings.NewReader(response), bytes.NewReader(c.stream))
	return len(b), nil
}

// gorillaClient returns the library's client side of a connection on which the server sends stream. The
// frames that the client sends are in the connection's out.
func gorillaClient(t *testing.T, stream []byte, deflate bool, writeBuffer int) (*websocket.Conn, *serverConn) {
	t.Helper()
	conn := &serverConn{deflate: deflate, stream: stream}
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return conn, nil }, EnableCompression: deflate, WriteBufferSize: writeBuffer}
	ws, response, err := d.Dial("ws://server/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return ws, conn
}

// clientReads returns the message that the library's client reads from a frame.
func clientReads(t *testing.T, frame []byte, deflate bool) []byte {
	t.Helper()
	ws, _ := gorillaClient(t, frame, deflate, 0)
	op, message, err := ws.ReadMessage()
	if err != nil || op != websocket.BinaryMessage {
		t.Fatalf("the client reads a message of the kind %d, %v", op, err)
	}
	if _, _, err := ws.NextReader(); !errors.Is(err, io.ErrUnexpectedEOF) && !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Fatalf("after the frame the client reads: %v", err)
	}
	return message
}

// FuzzReader compares Reader with the library's reader. They read the same messages and control frames
// from the same stream, until one of them stops. Reader stops earlier at a text message, at a
// compression bit in a frame that may not have it, and at a deflated message whose deflate stream ends
// before its last frame. The library stops earlier after a close frame.
func FuzzReader(f *testing.F) {
	deflated := string(deflate(bytes.Repeat([]byte("Hello"), 20)))
	for _, stream := range []string{
		"", clientFrame(0x82, "Hello"), clientFrame(0x02, "Hel") + clientFrame(0x89, "ping") + clientFrame(0x80, "lo") + clientFrame(0x82, "next"),
		clientFrame(0xc2, deflated) + clientFrame(0xc2, deflated), clientFrame(0x42, deflated[:4]) + clientFrame(0x80, deflated[4:]),
		clientFrame(0x81, "text"), clientFrame(0xc9, ""), clientFrame(0xc0, ""), clientFrame(0xa2, "x"), clientFrame(0x88, "\x03\xe8bye"), clientFrame(0x88, "x"),
		"\x82\x01x", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", "\x82\xfe\x00\x01maskx", clientFrame(0x82, strings.Repeat("long", 20_000)),
		clientFrame(0xc2, "\xff\xff"), clientFrame(0x89, strings.Repeat("x", 126)), clientFrame(0x83, ""),
	} {
		f.Add([]byte(stream), true)
		f.Add([]byte(stream), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, deflate bool) {
		got, controls, err := read(bytes.NewReader(stream), deflate)
		ws := gorillaServer(t, stream, deflate)
		var wantControls []string
		ws.SetPingHandler(func(s string) error { wantControls = append(wantControls, "ping "+s); return nil })
		ws.SetPongHandler(func(s string) error { wantControls = append(wantControls, "pong "+s); return nil })
		var want [][]byte
		var wantErr error
		for wantErr == nil {
			var op int
			var message []byte
			if op, message, wantErr = ws.ReadMessage(); op == websocket.TextMessage {
				break
			}
			if wantErr == nil {
				want = append(want, message)
			}
		}
		for i := range min(len(got), len(want)) {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d: %x, the library reads %x", i, got[i], want[i])
			}
		}
		for i := range min(len(controls), len(wantControls)) {
			if controls[i] != wantControls[i] {
				t.Fatalf("control frame %d: %q, the library reads %q", i, controls[i], wantControls[i])
			}
		}
		stricter := isViolation(err, CodeUnsupported) || isViolation(err, CodeProtocolError) && strings.Contains(err.Error(), "reserved bit")
		endsEarly := deflate && err != nil && len(want) == len(got)+1
		if len(got) < len(want) && !stricter && !endsEarly || len(got) > len(want) && !hasClose(controls) {
			t.Fatalf("%d messages, then %v; the library reads %d, then %v", len(got), err, len(want), wantErr)
		}
	})
}

// hasClose reports whether there was a close frame, after which the library reads nothing.
func hasClose(controls []string) bool {
	for _, c := range controls {
		if strings.HasPrefix(c, "close ") {
			return true
		}
	}
	return false
}

// FuzzReaderReadsLibraryFrames: Reader returns the message that the library's client wrote, in frames as
// small as the client's buffer.
func FuzzReaderReadsLibraryFrames(f *testing.F) {
	f.Add([]byte("Hello"), byte(3), true, byte(2))
	f.Add(bytes.Repeat([]byte("Hello"), 2000), byte(1), true, byte(1))
	f.Add(bytes.Repeat([]byte{0, 1, 2}, 5000), byte(0), false, byte(0))
	f.Fuzz(func(t *testing.T, message []byte, parts byte, deflate bool, pings byte) {
		ws, conn := gorillaClient(t, nil, deflate, 64)
		ws.EnableWriteCompression(deflate)
		step := len(message)/(int(parts)+1) + 1
		for range 2 {
			w, err := ws.NextWriter(websocket.BinaryMessage)
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; at < len(message); at += step {
				if _, err := w.Write(message[at:min(at+step, len(message))]); err != nil {
					t.Fatal(err)
				}
				for range pings % 3 {
					if err := ws.WriteControl(websocket.PingMessage, message[:min(len(message), MaxControl)], time.Time{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		got, controls, err := read(&conn.out, deflate)
		if err != io.EOF || !equal(got, []string{string(message), string(message)}) {
			t.Fatalf("%d messages, %v", len(got), err)
		}
		for _, c := range controls {
			if c != "ping "+string(message[:min(len(message), MaxControl)]) {
				t.Fatalf("%q", c)
			}
		}
	})
}

// FuzzLibraryReadsOurFrames: the library's client reads the message and the close frame that this
// package wrote.
func FuzzLibraryReadsOurFrames(f *testing.F) {
	f.Add([]byte("head"), []byte("own"), bytes.Repeat([]byte("tail"), 2000), true, true)
	f.Add([]byte{}, []byte{}, []byte{}, true, true)
	f.Add([]byte("head"), []byte("own"), bytes.Repeat([]byte("tail"), 20_000), false, true)
	f.Fuzz(func(t *testing.T, head, own, tail []byte, compress, deflated bool) {
		first, second := NewShared(head, tail, compress).Frame(nil, own, deflated)
		if got := clientReads(t, append(first, second...), deflated); string(got) != string(head)+string(own)+string(tail) {
			t.Fatalf("%x", got)
		}
		if got := clientReads(t, AppendFrame(nil, Binary, tail), deflated); !bytes.Equal(got, tail) {
			t.Fatalf("%x", got)
		}
		ws, _ := gorillaClient(t, AppendClose(nil, websocket.CloseTryAgainLater, string(own)), deflated, 0)
		_, _, err := ws.ReadMessage()
		c := (*websocket.CloseError)(nil)
		if !errors.As(err, &c) || c.Code != websocket.CloseTryAgainLater || !strings.HasPrefix(string(own), c.Text) {
			t.Fatalf("a close frame is read as %v", err)
		}
	})
}

// TestUpgradeReturnsTheAgreement: Upgrade returns the same agreement about compression that the client
// is told, whatever the request offers.
func TestUpgradeReturnsTheAgreement(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	u := &websocket.Upgrader{EnableCompression: true}
	for _, c := range []struct {
		offers []string
		want   bool
	}{
		{nil, false},
		{[]string{"permessage-deflate"}, true},
		{[]string{"permessage-deflate; client_max_window_bits"}, true},
		{[]string{"x-webkit-deflate-frame, permessage-deflate"}, true},
		{[]string{"x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=10"}, true},
		{[]string{`other; a="x, permessage-deflate, y"`}, false},
		{[]string{"permessage-deflate; =="}, false},
		{[]string{"permessage-deflated"}, false},
	} {
		conn := &fakeConn{in: strings.NewReader("")}
		got, deflate, err := Upgrade(u, &hijackable{httptest.NewRecorder(), conn}, request(c.offers...), http.Header{"Date": {"today"}})
		if err != nil || got != net.Conn(conn) || deflate != c.want {
			t.Errorf("%q: compression %v, %v", c.offers, deflate, err)
			continue
		}
		response, err := http.ReadResponse(bufio.NewReader(&conn.out), nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Date") != "today" {
			t.Errorf("%q: answered %+v, %v", c.offers, response, err)
			continue
		}
		response.Body.Close()
		if sent := response.Header.Get("Sec-WebSocket-Extensions"); (sent == agreed) != c.want || !c.want && sent != "" {
			t.Errorf("%q: the client was told %q", c.offers, sent)
		}
	}
	// A request that is not a handshake gets an answer and no connection.
	for _, w := range []http.ResponseWriter{&hijackable{httptest.NewRecorder(), &fakeConn{}}, httptest.NewRecorder()} {
		r := request()
		if _, ok := w.(*hijackable); ok {
			r.Header.Del("Upgrade")
		}
		if conn, _, err := Upgrade(u, w, r, nil); err == nil || conn != nil {
			t.Errorf("%v, %v", conn, err)
		}
	}
}
