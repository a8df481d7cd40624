package wsframe

import (
	"bufio"
	"bytes"
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// Upgrade does the handshake with u, and returns the connection and whether compression
// was agreed on: permessage-deflate without context takeover in either direction, the
// only kind that u offers. If the handshake fails, u has answered the request.
func Upgrade(u *websocket.Upgrader, w http.ResponseWriter, r *http.Request, header http.Header) (conn net.Conn, deflate bool, err error) {
	h := &hijacker{ResponseWriter: w}
	if _, err := u.Upgrade(h, r, header); err != nil {
		return nil, false, err
	}
	// The library does not tell what it agreed on, except to the client.
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(h.conn.response)), r)
	if err != nil {
		_ = h.conn.Close()
		return nil, false, err
	}
	defer response.Body.Close()
	return h.conn.Conn, response.Header.Get("Sec-Websocket-Extensions") != "", nil
}

// hijacker notes the connection that the handshake takes over.
type hijacker struct {
	http.ResponseWriter
	conn *recorded
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &recorded{Conn: conn}
	return h.conn, buffered, nil
}

// recorded keeps what is written, which is the answer to the handshake alone.
type recorded struct {
	net.Conn
	response []byte
}

func (c *recorded) Write(b []byte) (int, error) {
	c.response = append(c.response, b...)
	return c.Conn.Write(b)
}
