//go:build !js

package relayclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// WebSocket dials relays over TCP. The zero value is ready to use.
type WebSocket struct {
	// PingEvery is how often the relay is pinged, 0: 5 s. Silence is how long the relay
	// may be silent before the connection is closed, 0: 12 s. With the defaults a
	// half-open connection is noticed within 15 s.
	PingEvery, Silence time.Duration
}

const (
	pingEvery         = 5 * time.Second
	silence           = 12 * time.Second
	writeTimeout      = 10 * time.Second
	handshakeTimeout  = 10 * time.Second
	closeFrameTimeout = time.Second

	// minCompressed is the size in bytes from which a frame is compressed, if the relay
	// supports it: this halves a whole event and does not delay a single post.
	minCompressed = 16 << 10
)

var errFrameTooLarge = errors.New("the relay sent a message that is larger than allowed")

// PlatformDialer returns the dialer of this platform.
func PlatformDialer() Dialer { return WebSocket{} }

// addresses returns the addresses of the device's interfaces as one string, for comparison
// with an earlier one.
func addresses() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	texts := make([]string, 0, len(all))
	for _, a := range all {
		texts = append(texts, a.String())
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// Dial implements Dialer.
func (w WebSocket) Dial(ctx context.Context, url string) (Conn, error) {
	if w.PingEvery == 0 {
		w.PingEvery = pingEvery
	}
	if w.Silence == 0 {
		w.Silence = silence
	}
	d := websocket.Dialer{HandshakeTimeout: handshakeTimeout, EnableCompression: true}
	ws, response, err := d.DialContext(ctx, url, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		err = explainRefusal(response, err)
	}
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	c := &webSocketConn{ws: ws, relay: relayInfo(response), silence: w.Silence, done: make(chan struct{})}
	ws.SetReadLimit(wire.MaxFrame)
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	answerPing := ws.PingHandler()
	ws.SetPingHandler(func(data string) error { c.alive(); return answerPing(data) })
	c.pinging.Add(1)
	go c.ping(w.PingEvery)
	return c, nil
}

// explainRefusal returns a *RefusedError if a server answered the handshake with a status that means
// "not now", otherwise err.
func explainRefusal(response *http.Response, err error) error {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return err
	}
	const most = 200 // bytes of the reason
	b, _ := io.ReadAll(io.LimitReader(response.Body, most))
	reason := strings.TrimSuffix(strings.TrimSpace(qa.CleanLine(strings.ToValidUTF8(string(b), ""))), ".")
	if reason == "" || strings.Contains(reason, "<") { // a page of a proxy
		reason = strings.ToLower(http.StatusText(response.StatusCode))
	}
	return &RefusedError{reason}
}

type webSocketConn struct {
	ws      *websocket.Conn
	relay   RelayInfo
	silence time.Duration
	once    sync.Once
	done    chan struct{}
	pinging sync.WaitGroup
}

// relayInfo reads the relay's answer to the handshake.
func relayInfo(response *http.Response) RelayInfo {
	if response == nil {
		return RelayInfo{}
	}
	info := RelayInfo{AppKnown: true, ServesApp: response.Header.Get(repo.AppHeader) == repo.AppPath}
	info.Time, _ = http.ParseTime(response.Header.Get("Date"))
	return info
}

// NoticesSilence implements Conn.
func (c *webSocketConn) NoticesSilence() bool { return true }

// Relay implements Conn.
func (c *webSocketConn) Relay() RelayInfo { return c.relay }

func (c *webSocketConn) alive() { _ = c.ws.SetReadDeadline(time.Now().Add(c.silence)) }

// ping sends pings until Close. If sending fails it closes the connection, so that Read
// fails.
func (c *webSocketConn) ping(every time.Duration) {
	defer c.pinging.Done()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-t.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.silence)); err != nil {
				_ = c.ws.Close()
				return
			}
		}
	}
}

func (c *webSocketConn) Read() ([]byte, error) {
	for {
		kind, frame, err := c.message()
		if err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return nil, fmt.Errorf("%w: closed by the relay (%d %s)", io.EOF, closed.Code, closed.Text)
			}
			return nil, err
		}
		c.alive()
		if kind == websocket.BinaryMessage { // the protocol has no text messages
			return frame, nil
		}
	}
}

// message reads one message. The WebSocket's read limit counts compressed bytes, so the
// inflated size is bounded here.
func (c *webSocketConn) message() (kind int, b []byte, err error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return kind, nil, err
	}
	b, err = io.ReadAll(io.LimitReader(r, wire.MaxFrame+1))
	if err == nil && len(b) > wire.MaxFrame {
		return kind, nil, errFrameTooLarge
	}
	return kind, b, err
}

func (c *webSocketConn) Write(frame []byte) error {
	c.ws.EnableWriteCompression(len(frame) >= minCompressed)
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.BinaryMessage, frame)
}

func (c *webSocketConn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = c.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(closeFrameTimeout))
		err = c.ws.Close()
		c.pinging.Wait()
	})
	return err
}
