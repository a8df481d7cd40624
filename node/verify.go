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

// VerifyBundle checks every change of a bundle from its bytes alone. Errors are those of
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

// verifiedEvent is the event whose posts were verified last, so that the next of its posts
// checks what is new and not the whole event again.
type verifiedEvent struct {
	mu       sync.Mutex
	event    qa.EventID
	outside  int   // rows that are not in the document: when their number changes, it begins anew
	position int64 // of the last row that was checked
	verifier *verify.Verifier
	rows     int // that were checked, in all
}

// VerifyPost checks the changes that are about a post from their bytes at every call, and
// what they build on once in the life of the program.
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
	if v.verifier == nil || v.event != event || v.outside != counts.NotInDocument {
		v.event, v.outside, v.position, v.verifier = event, counts.NotInDocument, 0, verify.New(event)
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
	return all.Of(post), nil
}
