package node

import (
	"context"
	"sync"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/verify"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// VerifyBundle verifies every change of a bundle from its bytes alone. Its errors are those of
// bundle.Read.
func VerifyBundle(b []byte) (qa.Verification, error) {
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

// verifiedEvent is the event whose posts were verified last. Verifying another of its posts
// only needs the changes that are new since then.
type verifiedEvent struct {
	mu            sync.Mutex
	event         qa.EventID
	notInDocument int   // number of rows that are not in the document; when it changes, verification starts from the beginning
	position      int64 // of the last verified row
	verifier      *verify.Verifier
	rows          int // number of verified rows, for tests
}

// VerifyPost reads and verifies the changes of the post itself at every call. The changes that
// they depend on are verified once per process.
func (d *Device) VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error) {
	found, err := d.verified.verify(ctx, d.store, event, post)
	if err != nil {
		return qa.Verification{}, err
	}
	for i := range found.Changes {
		c := &found.Changes[i]
		h, err := wire.ParseHash(c.Hash)
		if err != nil {
			return qa.Verification{}, err
		}
		en, err := d.store.Entry(ctx, event, h)
		if err != nil {
			return qa.Verification{}, err
		}
		if got, err := wire.ReadHash(en.Bytes); err != nil || got != h || keys.Verify(event, en.Actor, h, en.Signature) != nil {
			if c.Signed && c.Code == "" {
				found.Bad++
			}
			c.Signed = false
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
			v.verifier.Add(en.Bytes, en.Signature)
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
