//go:build cgo && !js

package crdt

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	automerge "github.com/automerge/automerge-go"

	"flyleaf/crdt/wire"
)

// maxGarbage is the estimated amount of unreachable C memory, in bytes, at which Go's garbage
// collector is run, so that finalizers free it. By itself the collector waits for Go's own
// heap to grow, which it hardly does.
const maxGarbage = 32 << 20

// Estimates of C memory, in bytes: for one small result, and for a document per byte of its
// chunks. (A document of 10,000 posts with 8 MB of changes takes about 160 MB.)
const (
	costResult   = 256
	costDocument = 16
)

// garbage is the estimated C memory that became unreachable since the last collection.
var garbage atomic.Int64

// addGarbage notes that n bytes of C memory became unreachable.
func addGarbage(n int64) {
	if garbage.Add(n) > maxGarbage {
		garbage.Store(0)
		runtime.GC()
	}
}

// amEngine is the engine on automerge-go.
type amEngine struct {
	doc  *automerge.Doc
	size int64 // bytes of the chunks that were loaded and made
	// before is the heads at begin. Reading them during a transaction would commit it,
	// without its time.
	before []wire.Hash
}

// newAutomerge opens a document from a snapshot; nil: a new document.
func newAutomerge(actor wire.ActorID, snapshot []byte) (engine, error) {
	var doc *automerge.Doc
	if snapshot == nil {
		doc = automerge.New()
	} else {
		var err error
		if doc, err = automerge.Load(snapshot); err != nil {
			return nil, fmt.Errorf("load the document: %w", err)
		}
	}
	e := &amEngine{doc: doc, size: int64(len(snapshot))}
	return e, e.setActor(actor)
}

// ReadDocument returns the changes of a saved document, in causal order, one chunk each. Call
// it in a process of its own: automerge-go reads unchecked bytes here, and aborts the process
// on some.
func ReadDocument(b []byte) ([][]byte, error) {
	doc, err := automerge.Load(b)
	if err != nil {
		return nil, fmt.Errorf("load the document: %w", err)
	}
	changes, err := doc.Changes()
	if err != nil {
		return nil, fmt.Errorf("read the document's changes: %w", err)
	}
	out := make([][]byte, len(changes))
	for i, c := range changes {
		out[i] = c.Save()
	}
	return out, nil
}

func (e *amEngine) setActor(actor wire.ActorID) error {
	if err := e.doc.SetActorID(actor.String()); err != nil {
		return fmt.Errorf("set the actor: %w", err)
	}
	return nil
}

func (e *amEngine) root() object { return e.doc.RootMap() }

func (e *amEngine) get(in object, key string) (any, object, bool, error) {
	v, err := in.(*automerge.Map).Get(key)
	addGarbage(costResult)
	if err != nil {
		return nil, nil, false, fmt.Errorf("read %q: %w", key, err)
	}
	switch v.Kind() {
	case automerge.KindVoid:
		return nil, nil, false, nil
	case automerge.KindMap:
		return nil, v.Map(), true, nil
	case automerge.KindStr:
		return v.Str(), nil, true, nil
	case automerge.KindBool:
		return v.Bool(), nil, true, nil
	case automerge.KindInt64:
		return v.Int64(), nil, true, nil
	case automerge.KindUint64:
		return v.Uint64(), nil, true, nil
	case automerge.KindBytes:
		return v.Bytes(), nil, true, nil
	}
	return nil, nil, true, nil // a kind that the schema does not use
}

func (e *amEngine) keys(in object) ([]string, error) {
	keys, err := in.(*automerge.Map).Keys()
	addGarbage(int64(len(keys)+1) * costResult)
	return keys, err
}

func (e *amEngine) begin() { e.before = e.heads() }

func (e *amEngine) set(in object, key string, scalar any) error {
	addGarbage(costResult)
	return in.(*automerge.Map).Set(key, scalar)
}

func (e *amEngine) makeMap(in object, key string) (object, error) {
	addGarbage(costResult)
	m := automerge.NewMap()
	if err := in.(*automerge.Map).Set(key, m); err != nil {
		return nil, err
	}
	return m, nil
}

func (e *amEngine) commit(millis int64, empty bool) (wire.Hash, bool, error) {
	at := time.UnixMilli(millis)
	h, err := e.doc.Commit("", automerge.CommitOptions{Time: &at, AllowEmpty: empty})
	addGarbage(costResult)
	if err != nil {
		// automerge-go reports an empty transaction as an error without a type.
		if slices.Equal(e.before, e.heads()) {
			return wire.Hash{}, false, nil
		}
		return wire.Hash{}, false, fmt.Errorf("commit: %w", err)
	}
	return wire.Hash(h), true, nil
}

func (e *amEngine) change(h wire.Hash) ([]byte, error) {
	c, err := e.doc.Change(automerge.ChangeHash(h))
	if err != nil {
		return nil, err
	}
	b := c.Save()
	e.size += int64(len(b))
	addGarbage(int64(len(b)) + costResult)
	return b, nil
}

// maxOp returns the highest counter of the heads, which is the highest of all changes.
func (e *amEngine) maxOp() (maxOp uint64, err error) {
	for _, h := range e.heads() {
		b, err := e.change(h)
		if err != nil {
			return 0, fmt.Errorf("read a head: %w", err)
		}
		c, err := wire.DecodeChange(b)
		if err != nil {
			return 0, fmt.Errorf("read a head: %w", err)
		}
		maxOp = max(maxOp, c.MaxOp())
	}
	return maxOp, nil
}

func (e *amEngine) heads() []wire.Hash {
	hs := e.doc.Heads()
	addGarbage(int64(len(hs)) * costResult)
	out := make([]wire.Hash, len(hs))
	for i, h := range hs {
		out[i] = wire.Hash(h)
	}
	slices.SortFunc(out, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// load makes one call with concatenated chunks, because automerge-go's Apply takes quadratic time
// and memory.
func (e *amEngine) load(changes []wire.Chunk) error {
	parts := make([][]byte, len(changes))
	for i, c := range changes {
		parts[i] = c.Bytes()
	}
	chunks := bytes.Join(parts, nil)
	e.size += int64(len(chunks))
	addGarbage(costResult)
	return e.doc.LoadIncremental(chunks)
}

func (e *amEngine) save() []byte {
	b := e.doc.Save()
	addGarbage(int64(len(b)))
	return b
}

func (e *amEngine) close() {
	e.doc = nil
	addGarbage(e.size * costDocument)
}
