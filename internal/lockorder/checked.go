//go:build lockorder

package lockorder

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// Mutex is a sync.Mutex that panics if it is locked out of order.
type Mutex[R Rank] struct{ mu sync.Mutex }

// held has the mutexes held by each goroutine, in the order of locking.
var held struct {
	mu sync.Mutex
	by map[int64][]lock
}

type lock struct {
	mutex any
	rank  Rank
}

// Lock locks the mutex.
func (m *Mutex[R]) Lock() {
	g, want := goroutine(), *new(R)
	held.mu.Lock()
	for _, l := range held.by[g] {
		if l.rank.rank() >= want.rank() {
			held.mu.Unlock()
			panic(fmt.Sprintf("lock order: %s is locked while %s is held", want.name(), l.rank.name()))
		}
	}
	held.mu.Unlock()
	m.mu.Lock()
	m.note(g)
}

// TryLock locks the mutex if it is free. It never waits, so the order is not checked.
func (m *Mutex[R]) TryLock() bool {
	ok := m.mu.TryLock()
	if ok {
		m.note(goroutine())
	}
	return ok
}

func (m *Mutex[R]) note(g int64) {
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.by == nil {
		held.by = map[int64][]lock{}
	}
	held.by[g] = append(held.by[g], lock{m, *new(R)})
}

// Unlock unlocks the mutex. It panics if this goroutine has not locked it.
func (m *Mutex[R]) Unlock() {
	g := goroutine()
	held.mu.Lock()
	i := slices.IndexFunc(held.by[g], func(l lock) bool { return l.mutex == any(m) })
	if i < 0 {
		held.mu.Unlock()
		panic(fmt.Sprintf("lock order: %s is unlocked by a goroutine that does not hold it", (*new(R)).name()))
	}
	if held.by[g] = slices.Delete(held.by[g], i, i+1); len(held.by[g]) == 0 {
		delete(held.by, g)
	}
	held.mu.Unlock()
	m.mu.Unlock()
}

// goroutine returns the number of the calling goroutine, which is available only in a stack
// trace: "goroutine 7 [running]: …".
func goroutine() int64 {
	var b [64]byte
	trace := bytes.Fields(b[:runtime.Stack(b[:], false)])
	n, err := strconv.ParseInt(string(trace[1]), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
