package listen

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Limits of a server of this machine's pages. No connection costs anything for as long as
// its other side likes.
const (
	headerWithin = 10 * time.Second // a request's header
	// stalledWithin is how long the other side may take to send the next part of a body, or
	// to take the next part of an answer. Streams last as long as they are read.
	stalledWithin = 30 * time.Second
	idleWithin    = 2 * time.Minute // between two requests
	maxHeader     = 64 << 10        // bytes
)

// Server returns a server that waits for nobody for ever.
func Server(h http.Handler) *http.Server { return server(h, headerWithin, stalledWithin, idleWithin) }

func server(h http.Handler, header, stalled, idle time.Duration) *http.Server {
	return &http.Server{
		Handler:           stalledAfter(stalled, h),
		ReadHeaderTimeout: header,
		IdleTimeout:       idle,
		MaxHeaderBytes:    maxHeader,
	}
}

// stalledAfter ends a request when nothing of it moves for so long. The server's own
// timeouts are for whole requests, and would end every stream.
func stalledAfter(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		// What a request before this one set on the connection is over. Errors are of
		// writers without a connection, in tests.
		_ = c.SetWriteDeadline(time.Now().Add(d))
		if r.ContentLength != 0 {
			// Also for what reads none of it: the server reads the rest before it goes on.
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
		// Once the body is read the server looks for the end of the connection: that the
		// other side is silent while it waits for its answer is no reason to end it.
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}
