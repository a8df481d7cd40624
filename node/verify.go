package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/verify"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// VerifyEvent verifies every change of an event on this device from its bytes alone.
func VerifyEvent(ctx context.Context, n Node, event qa.EventID) (qa.Verification, error) {
	b, err := n.Bundle(ctx, event)
	if err != nil {
		return qa.Verification{}, err
	}
	return verifyBundle(b)
}

// VerifyFile verifies every change of a bundle, or of an .automerge file. Such a file has no
// signatures, so only permissions are checked, and the event's ID follows from the first change.
//
// readDocument splits an Automerge document into its changes, one after the other; see
// crdt.ReadDocument, which aborts its process on bad input.
//
// The errors are those of bundle.Read, and ErrNoChanges.
func VerifyFile(ctx context.Context, b []byte, readDocument func(context.Context, []byte) ([]byte, error)) (qa.Verification, error) {
	if bundle.IsBundle(b) {
		return verifyBundle(b)
	}
	chunks, err := automergeChanges(ctx, b, readDocument)
	if err != nil {
		return qa.Verification{}, err
	}
	if len(chunks) == 0 {
		return qa.Verification{}, ErrNoChanges
	}
	first, err := wire.DecodeChange(chunks[0])
	if err != nil {
		return qa.Verification{}, fmt.Errorf("%w: %w", ErrNoChanges, err)
	}
	v := verify.NewUnsigned(qa.EventIDFromGenesis([32]byte(first.Hash)))
	for _, c := range chunks {
		v.Add(c, nil)
	}
	return v.Result(), nil
}

// ErrNoChanges is returned by VerifyFile for a file that holds no event.
var ErrNoChanges = errors.New("this is neither a bundle nor an .automerge file of an event")

func verifyBundle(b []byte) (qa.Verification, error) {
	event, changes, err := bundle.Read(b)
	if err != nil {
		return qa.Verification{}, err
	}
	v := verify.New(event)
	for _, c := range changes {
		v.Add(c.Bytes, c.Signature)
	}
	return v.Result(), nil
}

// automergeChanges returns the changes of an .automerge file. Only if the file is not just a
// sequence of changes, Automerge has to read it.
func automergeChanges(ctx context.Context, b []byte, readDocument func(context.Context, []byte) ([]byte, error)) ([][]byte, error) {
	if len(b) > bundle.MaxSize {
		return nil, bundle.ErrTooLarge
	}
	chunks, err := wire.SplitChunks(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoChanges, err)
	}
	if !slices.ContainsFunc(chunks, func(c []byte) bool {
		_, err := wire.ReadHash(c)
		return errors.Is(err, wire.ErrChunkType)
	}) {
		return chunks, nil
	}
	changes, err := readDocument(ctx, b)
	if err == nil {
		chunks, err = wire.SplitChunks(changes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: Automerge cannot read it", ErrNoChanges)
	}
	return chunks, nil
}

// verifiedEvent is the event whose posts were verified last. Verifying another of its posts only
// needs the changes that are new since then. It passes the rows to a Verifier itself, because a
// document.Loader reports only whether a row is part of the document, and not its signature, its
// description or the reason of a refusal.
type verifiedEvent struct {
	mu            sync.Mutex
	event         qa.EventID
	notInDocument int   // number of rows that are not in the document; when it changes, verification starts from the beginning
	position      int64 // of the last verified row
	verifier      *verify.Verifier
	rows          int // number of verified rows, for tests
}

// VerifyPost reads and verifies the changes of the post itself, and those that gave the roles of its writers, at
// every call. The other changes that they depend on are verified once per process.
func (d *Device) VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error) {
	found, err := d.verified.verify(ctx, d.store, event, post)
	if err != nil {
		return qa.Verification{}, err
	}
	for _, changes := range [][]qa.VerifiedChange{found.Changes, found.Grants} {
		for i := range changes {
			c := &changes[i]
			h, err := wire.ParseHash(c.Hash)
			if err != nil {
				return qa.Verification{}, err
			}
			en, err := d.store.Entry(ctx, event, h)
			if err != nil {
				return qa.Verification{}, err
			}
			if !verify.IsSigned(event, en.Chunk, en.Signature) {
				if c.Signed && c.Code == "" {
					found.Bad++
				}
				c.Signed = false
			}
		}
	}
	return found, nil
}

func (v *verifiedEvent) verify(ctx context.Context, store storage.Store, event qa.EventID, post qa.PostID) (qa.Verification, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	counts, err := store.Counts(ctx, event)
	if err != nil {
		return qa.Verification{}, err
	}
	if v.verifier == nil || v.event != event || v.notInDocument != counts.NotInDocument {
		v.event, v.notInDocument, v.position, v.verifier = event, counts.NotInDocument, 0, verify.New(event)
	}
	err = store.Entries(ctx, event, v.position, func(en storage.Entry) error {
		v.position = en.Position
		if en.Status == storage.InDocument {
			v.verifier.AddChunk(en.Chunk, en.Signature)
			v.rows++
		}
		return nil
	})
	if err != nil {
		v.verifier = nil
		return qa.Verification{}, err
	}
	all := v.verifier.Result()
	return all.ForPost(post), nil
}
