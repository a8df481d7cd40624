package wsframe

import (
	"bufio"
	"bytes"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// Upgrade does the handshake with u. deflate says whether it agreed on compression: permessage-deflate
// without context takeover in either direction, the only kind that u offers. If the handshake fails, u
// has answered the request.
func Upgrade(u *websocket.Upgrader, w http.ResponseWriter, r *http.Request, header http.Header) (conn net.Conn, deflate bool, err error) {
	h := &hijacker{ResponseWriter: w}
	if _, err := u.Upgrade(h, r, header); err != nil {
		return nil, false, err
	}
	// Only the response to the client says whether the library agreed on compression.
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(h.conn.response)), r)
	if err != nil {
		_ = h.conn.Close()
		return nil, false, err
	}
	defer response.Body.Close()
	return h.conn.Conn, response.Header.Get("Sec-Websocket-Extensions") != "", nil
}

// hijacker keeps the connection that the handshake hijacks.
type hijacker struct {
	http.ResponseWriter
	conn *recordingConn
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &recordingConn{Conn: conn}
	return h.conn, buffered, nil
}

// recordingConn keeps a copy of the written bytes: the response to the handshake, and nothing else.
type recordingConn struct {
	net.Conn
	response []byte
}

func (c *recordingConn) Write(b []byte) (int, error) {
	c.response = append(c.response, b...)
	return c.Conn.Write(b)
}
