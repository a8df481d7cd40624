package replica

import (
	"slices"

	"flyleaf/internal/lockorder"
)

// maxEngines is how many engines are in memory at the same time, whoever writes into how
// many events; those of documents that are in use right now are not counted.
const maxEngines = 16

// engines knows which documents have an engine in memory.
type engines struct {
	mu       lockorder.Mutex[lockorder.Engines] // guards what follows
	lastUsed []*document                        // the most lately used last
}

// use notes that a document's engine is used now. It returns the documents whose engines
// are to be closed.
func (e *engines) use(doc *document) []*document {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastUsed = append(slices.DeleteFunc(e.lastUsed, func(d *document) bool { return d == doc }), doc)
	over := len(e.lastUsed) - maxEngines
	if over <= 0 {
		return nil
	}
	old := slices.Clone(e.lastUsed[:over])
	e.lastUsed = slices.Delete(e.lastUsed, 0, over)
	return old
}

// engineUsed notes that a document's engine is used, and closes those that were not used
// for longest. It does not wait for that: the caller holds the lock of a document, and
// closing needs that of another.
func (n *Node) engineUsed(doc *document) {
	old := n.engines.use(doc)
	if len(old) == 0 {
		return
	}
	n.background(func() {
		for _, d := range old {
			// One that is in use is closed when it has been idle.
			if d.mu.TryLock() {
				d.unload(n.ctx)
				d.mu.Unlock()
			}
		}
	})
}

// background runs f in a goroutine of its own, which Close waits for. After Close it
// does nothing.
func (n *Node) background(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.work.Add(1)
	go func() {
		defer n.work.Done()
		f()
	}()
}
