package listen

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Timeouts of a server for this machine. No client can keep a connection busy indefinitely.
const (
	headerWithin = 10 * time.Second // to receive the header of a request
	// stalledWithin is how long a client may take to send the next part of a body, or to
	// receive the next part of a response. A stream lasts as long as it is read.
	stalledWithin = 30 * time.Second
	idleWithin    = 2 * time.Minute // between two requests
	maxHeader     = 64 << 10        // bytes
)

// Server returns a server that never waits indefinitely for a client.
func Server(h http.Handler) *http.Server { return server(h, headerWithin, stalledWithin, idleWithin) }

func server(h http.Handler, header, stalled, idle time.Duration) *http.Server {
	return &http.Server{
		Handler:           stalledAfter(stalled, h),
		ReadHeaderTimeout: header,
		IdleTimeout:       idle,
		MaxHeaderBytes:    maxHeader,
	}
}

// stalledAfter ends a request if its client makes no progress for d. The timeouts of
// http.Server are for whole requests and would end every stream.
func stalledAfter(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		// Replace the deadline of the previous request on the connection. Errors occur only for
		// writers without a connection, in tests.
		_ = c.SetWriteDeadline(time.Now().Add(d))
		if r.ContentLength != 0 {
			// Needed also if the handler does not read the body, because the server reads the rest.
			_ = c.SetReadDeadline(time.Now().Add(d))
			r.Body = &body{r.Body, c, d}
		}
		h.ServeHTTP(&writer{w, c, d}, r)
	})
}

type writer struct {
	http.ResponseWriter
	c *http.ResponseController
	d time.Duration
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) Write(b []byte) (int, error) {
	_ = w.c.SetWriteDeadline(time.Now().Add(w.d))
	return w.ResponseWriter.Write(b)
}

type body struct {
	io.ReadCloser
	c *http.ResponseController
	d time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.c.SetReadDeadline(time.Now().Add(b.d))
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		// After the body, the server reads to notice a closed connection. A client that silently
		// waits for the response must not time out.
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}
