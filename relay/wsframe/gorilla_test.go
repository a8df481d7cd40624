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

// fakeConn is a connection of which what is read was written before, and what is
// written is kept.
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

// hijacked is a ResponseWriter that gives its connection away.
type hijacked struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
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

// gorillaServer is the library's server that reads a stream.
func gorillaServer(t *testing.T, stream []byte, deflate bool) *websocket.Conn {
	t.Helper()
	u := websocket.Upgrader{EnableCompression: deflate}
	ws, err := u.Upgrade(&hijacked{httptest.NewRecorder(), &fakeConn{in: bytes.NewReader(stream)}}, request("permessage-deflate"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// answering is a connection to a server that answers the handshake, and then sends a
// stream whatever it is sent.
type answering struct {
	fakeConn
	deflate, answered bool
	stream            []byte
}

func (c *answering) Write(b []byte) (int, error) {
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

// gorillaClient is the library's client of a server that sends a stream. What it sends
// is in the connection's out.
func gorillaClient(t *testing.T, stream []byte, deflate bool, writeBuffer int) (*websocket.Conn, *answering) {
	t.Helper()
	conn := &answering{deflate: deflate, stream: stream}
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return conn, nil }, EnableCompression: deflate, WriteBufferSize: writeBuffer}
	ws, response, err := d.Dial("ws://server/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return ws, conn
}

// clientReads returns the message of a frame, as the library's client reads it.
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

// FuzzReader holds Reader against the library's reader: of the same stream they read the
// same messages and control frames, up to where one of them stops. Reader stops earlier at
// a text message, at a bit for compression where none may stand, and where a deflated
// message says that it is over before its last frame has come. The library stops earlier
// after a close frame.
func FuzzReader(f *testing.F) {
	deflated := string(deflate(bytes.Repeat([]byte("Hello"), 20)))
	for _, stream := range []string{
		"", client(0x82, "Hello"), client(0x02, "Hel") + client(0x89, "ping") + client(0x80, "lo") + client(0x82, "next"),
		client(0xc2, deflated) + client(0xc2, deflated), client(0x42, deflated[:4]) + client(0x80, deflated[4:]),
		client(0x81, "text"), client(0xc9, ""), client(0xc0, ""), client(0xa2, "x"), client(0x88, "\x03\xe8bye"), client(0x88, "x"),
		"\x82\x01x", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", "\x82\xfe\x00\x01maskx", client(0x82, strings.Repeat("long", 20_000)),
		client(0xc2, "\xff\xff"), client(0x89, strings.Repeat("x", 126)), client(0x83, ""),
	} {
		f.Add([]byte(stream), true)
		f.Add([]byte(stream), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, deflate bool) {
		got, controls, err := read(bytes.NewReader(stream), deflate)
		ws := gorillaServer(t, stream, deflate)
		var theirControls []string
		ws.SetPingHandler(func(s string) error { theirControls = append(theirControls, "ping "+s); return nil })
		ws.SetPongHandler(func(s string) error { theirControls = append(theirControls, "pong "+s); return nil })
		var want [][]byte
		var theirs error
		for theirs == nil {
			var op int
			var message []byte
			if op, message, theirs = ws.ReadMessage(); op == websocket.TextMessage {
				break
			}
			if theirs == nil {
				want = append(want, message)
			}
		}
		for i := range min(len(got), len(want)) {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d: %x, the library reads %x", i, got[i], want[i])
			}
		}
		for i := range min(len(controls), len(theirControls)) {
			if controls[i] != theirControls[i] {
				t.Fatalf("control frame %d: %q, the library reads %q", i, controls[i], theirControls[i])
			}
		}
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		stricter := isViolation(err, CodeUnsupported) || isViolation(err, CodeProtocolError) && strings.Contains(err.Error(), "reserved bit") || deflate && ended
		if len(got) < len(want) && !stricter || len(got) > len(want) && !hasClose(controls) {
			t.Fatalf("%d messages, then %v; the library reads %d, then %v", len(got), err, len(want), theirs)
		}
	})
}

// hasClose reports whether there was a close frame: the library reads nothing after it.
func hasClose(controls []string) bool {
	for _, c := range controls {
		if strings.HasPrefix(c, "close ") {
			return true
		}
	}
	return false
}

// FuzzLibraryWrites: what the library's client writes, in frames as small as its
// buffer, is read as it was written.
func FuzzLibraryWrites(f *testing.F) {
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

// FuzzLibraryReads: what is written here, the library's client reads as it is.
func FuzzLibraryReads(f *testing.F) {
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

// What the handshake agreed on is what the client is told, whatever the request offers.
func TestUpgrade(t *testing.T) {
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
		got, deflate, err := Upgrade(u, &hijacked{httptest.NewRecorder(), conn}, request(c.offers...), http.Header{"Date": {"today"}})
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
		if told := response.Header.Get("Sec-WebSocket-Extensions"); (told == agreed) != c.want || !c.want && told != "" {
			t.Errorf("%q: told %q", c.offers, told)
		}
	}
	// What is no handshake is answered, and there is no connection.
	for _, w := range []http.ResponseWriter{&hijacked{httptest.NewRecorder(), &fakeConn{}}, httptest.NewRecorder()} {
		r := request()
		if _, ok := w.(*hijacked); ok {
			r.Header.Del("Upgrade")
		}
		if conn, _, err := Upgrade(u, w, r, nil); err == nil || conn != nil {
			t.Errorf("%v, %v", conn, err)
		}
	}
}
