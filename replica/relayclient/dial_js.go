//go:build js

package relayclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/internal/jsvalue"
)

// Browser dials relays with the browser's own WebSocket. A browser does not say why a
// connection failed, and does not let a program send pings of the WebSocket.
type Browser struct{}

// PlatformDialer returns a Browser.
func PlatformDialer() Dialer { return Browser{} }

// addresses returns "": a browser does not show the device's addresses. It has an event for
// their change, on which the program calls Client.Wake.
func addresses() string { return "" }

const (
	// maxUnread bounds the bytes of frames that wait to be read: a browser accepts
	// frames however slowly the program reads them.
	maxUnread = 8 * wire.MaxFrame
	// maxUnsent is how many bytes may wait in the browser before Write waits until
	// the other side has received some.
	maxUnsent    = 1 << 20
	drainPoll    = 20 * time.Millisecond // between two checks of that
	drainTimeout = 10 * time.Second
)

var (
	errNoRelay   = errors.New("no relay answers there, or the network blocks it")
	errUnread    = errors.New("the relay sends faster than this device can read")
	errUnsent    = errors.New("the relay does not receive what this device sends")
	errTextFrame = errors.New("the server at this address is not a relay")
	errFrameSize = errors.New("the relay sent a message that is larger than allowed")
)

// Dial implements Dialer.
func (Browser) Dial(ctx context.Context, url string) (Conn, error) {
	c := &browserConn{opened: make(chan error, 1), arrived: make(chan struct{}, 1), done: make(chan struct{})}
	if err := c.begin(url); err != nil {
		return nil, err
	}
	select {
	case err := <-c.opened:
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		_ = c.Close()
		return nil, ctx.Err()
	}
}

type browserConn struct {
	ws      js.Value
	funcs   []js.Func
	opened  chan error
	arrived chan struct{} // something was added to frames, or err was set
	done    chan struct{} // closed by Close

	mu     sync.Mutex
	frames [][]byte
	unread int   // bytes of frames
	err    error // why no more frames arrive
	once   sync.Once
}

// begin makes the WebSocket. A page served over https may not reach ws:// addresses but
// those of this machine, which the browser says by an exception.
func (c *browserConn) begin(url string) (err error) {
	defer func() {
		if e, ok := recover().(js.Error); ok {
			err = fmt.Errorf("the browser does not allow a connection to this relay: %s", e.Get("message").String())
		}
	}()
	c.ws = js.Global().Get("WebSocket").New(url)
	c.ws.Set("binaryType", "arraybuffer")
	c.on("open", func(js.Value) { c.opened <- nil })
	c.on("message", func(e js.Value) { c.take(e.Get("data")) })
	c.on("close", func(e js.Value) {
		select {
		case c.opened <- errNoRelay:
		default:
		}
		c.fail(io.EOF)
	})
	return nil
}

// NoticesSilence implements Conn.
func (c *browserConn) NoticesSilence() bool { return false }

// Relay implements Conn. A browser does not show programs the headers of the WebSocket
// handshake, so the relay's time is unknown, and only the relay that served this program is
// known to serve it.
func (c *browserConn) Relay() RelayInfo {
	u, err := url.Parse(c.ws.Get("url").String())
	page := js.Global().Get("location")
	serves := err == nil && page.Truthy() && strings.Trim(u.Path, "/") == "" && u.Host == page.Get("host").String()
	return RelayInfo{ServesApp: serves, AppKnown: serves}
}

func (c *browserConn) on(event string, f func(js.Value)) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any { f(args[0]); return nil })
	c.funcs = append(c.funcs, fn)
	c.ws.Call("addEventListener", event, fn)
}

func (c *browserConn) take(data js.Value) {
	if data.Type() == js.TypeString {
		c.fail(errTextFrame)
		return
	}
	size := data.Get("byteLength").Int()
	c.mu.Lock()
	unread := c.unread + size
	c.mu.Unlock()
	switch {
	case size > wire.MaxFrame:
		c.fail(errFrameSize)
		return
	case unread > maxUnread:
		c.fail(errUnread)
		return
	}
	frame := jsvalue.Bytes(js.Global().Get("Uint8Array").New(data))
	c.mu.Lock()
	c.frames, c.unread = append(c.frames, frame), unread
	c.mu.Unlock()
	c.notify()
}

// fail makes Read return err after the frames that arrived before.
func (c *browserConn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.notify()
}

func (c *browserConn) notify() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// Read implements Conn.
func (c *browserConn) Read() ([]byte, error) {
	for {
		c.mu.Lock()
		if len(c.frames) > 0 {
			frame := c.frames[0]
			c.frames[0], c.frames = nil, c.frames[1:]
			c.unread -= len(frame)
			c.mu.Unlock()
			return frame, nil
		}
		err := c.err
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-c.arrived:
		case <-c.done:
			return nil, io.ErrClosedPipe
		}
	}
}

// Write implements Conn.
func (c *browserConn) Write(frame []byte) error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.ws.Call("send", jsvalue.Uint8Array(frame)) // the browser drops it when the connection is closing; Read returns the error
	began := time.Now()
	for c.ws.Get("bufferedAmount").Int() > maxUnsent {
		if time.Since(began) > drainTimeout {
			c.fail(errUnsent)
			return errUnsent
		}
		select {
		case <-time.After(drainPoll):
		case <-c.done:
			return io.ErrClosedPipe
		}
	}
	return nil
}

// Close implements Conn.
func (c *browserConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.ws.Call("close")
		// Remove the listeners first: the browser must not call released functions.
		for i, event := range []string{"open", "message", "close"} {
			if i < len(c.funcs) {
				c.ws.Call("removeEventListener", event, c.funcs[i])
				c.funcs[i].Release()
			}
		}
	})
	return nil
}
