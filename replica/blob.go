package replica

import (
	"context"
	"errors"
	"fmt"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ErrNoBlob is returned by Blob when this device does not have it.
var ErrNoBlob = errors.New("this device does not have that picture")

// Blob returns the bytes that an event stores under a key, read from the ledger.
// ErrNoBlob is returned when this device does not have them.
func (n *Node) Blob(ctx context.Context, id qa.EventID, key string) ([]byte, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	shown, err := n.read(ctx, id)
	if err != nil {
		return nil, err
	}
	var in wire.Hash
	if shown.Cover == key && shown.CoverIn != "" {
		// The event's view says which change has the cover, so a page of many covers loads
		// no event.
		if in, err = wire.ParseHash(shown.CoverIn); err != nil {
			return nil, err
		}
	} else {
		doc.mu.Lock()
		if err := doc.load(ctx); err != nil {
			doc.mu.Unlock()
			return nil, err
		}
		var ok bool
		in, ok = doc.contents.Projection().Blob(key)
		doc.mu.Unlock()
		if !ok {
			return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
		}
	}
	en, err := n.store.Entry(ctx, id, in)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
	}
	if err != nil {
		return nil, err
	}
	return blobIn(en.Chunk, key)
}

// blobIn returns the value that a change sets at key, if key is the value's SHA-256.
func blobIn(chunk wire.Chunk, key string) ([]byte, error) {
	c, err := chunk.Decode(wire.EventLimits)
	if err != nil {
		return nil, err
	}
	for i := range c.Ops {
		if b, ok := c.Ops[i].Value.Bin(); ok && c.Ops[i].Key.Prop == key && qa.BlobKey(b) == key {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
}
