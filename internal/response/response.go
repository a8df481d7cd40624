// Package response implements an http.ResponseWriter that keeps a response in memory.
package response

import (
	"bytes"
	"net/http"
)

// Buffer keeps a response in memory. The zero value is ready to use.
type Buffer struct {
	Body   bytes.Buffer
	header http.Header
	status int
}

// Header returns the header of the response.
func (b *Buffer) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}

// WriteHeader sets the status. As with every http.ResponseWriter, the first call counts.
func (b *Buffer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

// Write appends to the body.
func (b *Buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.Body.Write(p)
}

// Status returns the status; 200 when the handler has set none.
func (b *Buffer) Status() int {
	b.WriteHeader(http.StatusOK)
	return b.status
}
