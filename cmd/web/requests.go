//go:build js && wasm

package main

import (
	"context"
	"sync"
	"time"
)

// requests counts the requests that are being answered.
type requests struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n becomes 0
}

func (r *requests) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		r.none = make(chan struct{})
	}
	r.n++
}

func (r *requests) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n--; r.n == 0 {
		close(r.none)
	}
}

// wait waits until no request is being answered, or ctx ends.
func (r *requests) wait(ctx context.Context) {
	r.mu.Lock()
	n, none := r.n, r.none
	r.mu.Unlock()
	if n == 0 {
		return
	}
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// maxYield is how long fetching a large event waits for requests, after each part.
const maxYield = time.Second

// yield lets requests be answered first: the program has one thread.
func (r *requests) yield(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxYield)
	defer cancel()
	r.wait(ctx)
}
