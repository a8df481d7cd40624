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

// sweepBytes is how much C memory may lie unreachable, by a rough count, before
// Go's collector is asked to run the finalizers that free it. Left alone it would
// wait for Go's own heap to grow, which it hardly does.
const sweepBytes = 32 << 20

// costs, in bytes of C memory: of one small result, and of a document per byte of
// its chunks (a 10,000-post document of some 8 MB of changes takes about 160 MB).
const (
	costResult   = 256
	costDocument = 16
)

var unswept atomic.Int64

func letGo(n int64) {
	if unswept.Add(n) > sweepBytes {
		unswept.Store(0)
		runtime.GC()
	}
}

// amEngine is the engine on automerge-go.
type amEngine struct {
	doc  *automerge.Doc
	size int64 // bytes of chunks loaded and made
	// before is the heads as of begin. They cannot be asked for later: asking
	// commits what is pending, without its time.
	before []wire.Hash
}

// newAutomerge starts a document: a new one when snapshot is nil.
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

// ReadDocument returns the changes of a saved document, in a causal order, each as
// one chunk. Automerge-go reads bytes here that nothing has checked, and ends the
// process on some: it is to be called in one that holds nothing else.
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
	letGo(costResult)
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
	return nil, nil, true, nil // a kind that schema 1 does not have
}

func (e *amEngine) keys(in object) ([]string, error) {
	keys, err := in.(*automerge.Map).Keys()
	letGo(int64(len(keys)+1) * costResult)
	return keys, err
}

func (e *amEngine) begin() { e.before = e.heads() }

func (e *amEngine) set(in object, key string, scalar any) error {
	letGo(costResult)
	return in.(*automerge.Map).Set(key, scalar)
}

func (e *amEngine) makeMap(in object, key string) (object, error) {
	letGo(costResult)
	m := automerge.NewMap()
	if err := in.(*automerge.Map).Set(key, m); err != nil {
		return nil, err
	}
	return m, nil
}

func (e *amEngine) commit(millis int64, empty bool) (wire.Hash, bool, error) {
	at := time.UnixMilli(millis)
	h, err := e.doc.Commit("", automerge.CommitOptions{Time: &at, AllowEmpty: empty})
	letGo(costResult)
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
	letGo(int64(len(b)) + costResult)
	return b, nil
}

// top is the highest among the heads, which have seen everything.
func (e *amEngine) top() (top uint64, err error) {
	for _, h := range e.heads() {
		b, err := e.change(h)
		if err != nil {
			return 0, fmt.Errorf("read a head: %w", err)
		}
		c, err := wire.DecodeChange(b)
		if err != nil {
			return 0, fmt.Errorf("read a head: %w", err)
		}
		top = max(top, c.MaxOp())
	}
	return top, nil
}

func (e *amEngine) heads() []wire.Hash {
	hs := e.doc.Heads()
	letGo(int64(len(hs)) * costResult)
	out := make([]wire.Hash, len(hs))
	for i, h := range hs {
		out[i] = wire.Hash(h)
	}
	slices.SortFunc(out, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return out
}

func (e *amEngine) load(chunks []byte) error {
	e.size += int64(len(chunks))
	letGo(costResult)
	return e.doc.LoadIncremental(chunks)
}

func (e *amEngine) save() []byte {
	b := e.doc.Save()
	letGo(int64(len(b)))
	return b
}

func (e *amEngine) close() {
	e.doc = nil
	letGo(e.size * costDocument)
}
