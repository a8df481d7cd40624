package replica

import (
	"slices"

	"flyleaf/internal/lockorder"
)

// maxEngines is how many engines, of all events together, are kept in memory. There may
// be more while they are in use.
const maxEngines = 16

// engines records which documents have an engine in memory.
type engines struct {
	mu       lockorder.Mutex[lockorder.Engines] // guards what follows
	lastUsed []*document                        // the most recently used last
}

// use records that a document's engine is used now. It returns the documents whose engines
// have to be closed.
func (e *engines) use(doc *document) []*document {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastUsed = append(slices.DeleteFunc(e.lastUsed, func(d *document) bool { return d == doc }), doc)
	excess := len(e.lastUsed) - maxEngines
	if excess <= 0 {
		return nil
	}
	old := slices.Clone(e.lastUsed[:excess])
	e.lastUsed = slices.Delete(e.lastUsed, 0, excess)
	return old
}

// noteEngineUsed records that a document's engine is used, and closes the least recently
// used engines beyond maxEngines. It closes them in the background: the caller holds the
// lock of one document, and closing needs the lock of another.
func (n *Node) noteEngineUsed(doc *document) {
	old := n.engines.use(doc)
	if len(old) == 0 {
		return
	}
	n.background(func() {
		for _, d := range old {
			// An engine that is in use is closed by its idle timer later.
			if d.mu.TryLock() {
				d.unload(n.ctx)
				d.mu.Unlock()
			}
		}
	})
}

// background runs f in a goroutine that Close waits for. After Close it does nothing.
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
