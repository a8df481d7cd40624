package replica

import (
	"sync"
	"sync/atomic"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// maxDecodedOps bounds how many decoded operations of one message stay in memory from
// inspection until the changes are added. Changes beyond it are decoded a second time.
const maxDecodedOps = 200_000

// maxInflatedBytes bounds the inflated size of a message's deflated changes, in bytes.
// Changes beyond it are refused. Neither Flyleaf relays nor unmodified Automerge clients
// send deflated changes.
const maxInflatedBytes = 8 << 20

func newInflation() *core.InflationBudget {
	return core.NewInflationBudget(maxInflatedBytes, wire.EventLimits)
}

// inspected is a change of a message with the result of its inspection.
type inspected struct {
	chunk     wire.Chunk // as received, inflated
	signature []byte     // nil: unsigned
	core.Inspected
}

// inspect inspects the changes of a message in parallel and without a document's lock,
// because verifying signatures takes most of the time of receiving an event. known, which is
// called before inspect returns, marks the changes that need no inspection. The result, which
// the channel brings, has one entry for each change. inflation is the budget of the whole message.
func inspect(event qa.EventID, known func([]inspected), changes [][]byte, signatures []byte, inflation *core.InflationBudget) <-chan []inspected {
	if len(signatures) != len(changes)*keys.SignatureSize {
		signatures = nil // they are unsigned, or the message is malformed
	}
	inspector := core.Inspector{Event: event}
	found := make([]inspected, len(changes))
	for i, chunk := range changes {
		f := &found[i]
		if signatures != nil {
			f.signature = signatures[i*keys.SignatureSize : (i+1)*keys.SignatureSize]
		}
		plain, err := inflation.Inflate(chunk)
		if err == nil {
			f.chunk, err = wire.ReadChunkLimits(plain, inspector.Limits())
			chunk = plain
		}
		if err != nil {
			f.Inspected = core.Unreadable(chunk, err)
			continue
		}
		f.Hash = f.chunk.Hash()
	}
	known(found)
	var next, ops atomic.Int64
	inspectNext := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(found) {
				return
			}
			f := &found[i]
			if f.Refusal != nil || f.Known {
				continue
			}
			f.Inspected, _ = inspector.InspectChunk(f.chunk, f.signature) // nothing is charged
			if f.Change != nil && ops.Add(int64(f.Change.Ops())) > maxDecodedOps {
				f.Change.Decoded = nil
			}
		}
	}
	done := make(chan []inspected, 1)
	go func() {
		var helpers sync.WaitGroup
		for range min(keys.ParallelVerifications(), len(found)) - 1 {
			helpers.Go(inspectNext)
		}
		inspectNext()
		helpers.Wait()
		done <- found
	}()
	return done
}

// markKnown marks the changes that need no processing: none if the document is not loaded.
func (doc *document) markKnown(found []inspected) {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if doc.contents == nil {
		return
	}
	for i := range found {
		found[i].Known = found[i].Refusal == nil && doc.contents.CanSkip(found[i].Hash)
	}
}
