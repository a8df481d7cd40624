package policy

import (
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// ErrProof is returned by CheckProof for what proves nothing.
var ErrProof = errors.New("policy: the two changes do not prove that a sequence number was used twice")

// Proof shows that an actor signed two different changes of one event with one
// sequence number: a lie, or a cloned device. It stands on its own: whether either
// change could be part of the event plays no role, so everybody judges it alike.
type Proof struct {
	A, B       []byte // the changes, each one chunk
	SigA, SigB []byte // 64 bytes each
}

// CheckProof returns whom a proof is about, and the sequence number. What the
// actor wrote from that number on, and all that depends on it, is not part of the
// event. ErrProof is returned when it proves nothing, also for what is no change
// within the bounds of an event's.
func CheckProof(event qa.EventID, p Proof) (actor wire.ActorID, seq uint64, err error) {
	a, err := signedChange(event, p.A, p.SigA)
	if err != nil {
		return "", 0, err
	}
	b, err := signedChange(event, p.B, p.SigB)
	if err != nil {
		return "", 0, err
	}
	if a.Actor != b.Actor || a.Seq != b.Seq || a.Hash == b.Hash {
		return "", 0, ErrProof
	}
	return a.Actor, a.Seq, nil
}

func signedChange(event qa.EventID, chunk, signature []byte) (*wire.Change, error) {
	c, err := wire.DecodeChange(chunk)
	if err == nil {
		err = keys.Verify(event, c.Actor, c.Hash, signature)
	}
	if err != nil {
		return nil, errors.Join(ErrProof, err)
	}
	return c, nil
}
