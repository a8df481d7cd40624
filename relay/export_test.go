package relay

import (
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// Seen is what a relay uses, for tests.
type Seen struct {
	Documents int
	Interests int
	Unfounded int
	Turns     int64
	InLine    int // submissions that wait for a turn, of all documents
}

// See returns what the relay uses now.
func (r *Relay) See() (s Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Documents, s.Interests, s.Unfounded = len(r.documents), r.interests.count, len(r.unfounded)
	s.Turns = r.turnsTaken.Load()
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	for _, d := range r.documents {
		s.InLine += len(d.queueEntry.submissions)
	}
	return s
}

// Asked says by how many connections a document that is not here is waited for.
func (r *Relay) Asked(event qa.EventID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.interests.of[event])
}

// Scarcity is how little room the disk has, from 0 to 3.
func (r *Relay) Scarcity() int { return int(r.diskLevel()) }

// PeakReading is the most memory, in bytes, that messages took that were being read and
// handled, and Reading what they take now.
func (r *Relay) PeakReading() int64 {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	return r.memory.peak
}

func (r *Relay) Reading() int64 {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	return r.memory.used
}

// HoldDecoded makes the relay believe that as many operations wait for the committer
// as may.
func (r *Relay) HoldDecoded() { r.decodedOps.Store(maxDecodedOps) }

// Decoded is how many it believes there are, beyond those of HoldDecoded.
func (r *Relay) Decoded() int64 { return r.decodedOps.Load() - maxDecodedOps }

// InflatedForWaste is how many KiB of garbage a connection, and an address, can make
// the relay inflate at once.
var (
	InflatedForWaste          = quota.ConnectionWaste.Burst / (wasteFactor * costInflated)
	InflatedForWasteOfAddress = quota.AddressWaste.Burst / (wasteFactor * costInflated)
)

// LookUpsForWaste is how often a connection can make the relay look for a document that
// is not there.
var LookUpsForWaste = int(quota.ConnectionWaste.Burst / costLookUp)

// SignaturesForWaste is the same of signatures that are wrong.
var SignaturesForWaste = quota.ConnectionWaste.Burst / (wasteFactor * costSignature)

// Made is how many whole documents were made.
func (r *Relay) Made() int {
	r.wholes.mu.Lock()
	defer r.wholes.mu.Unlock()
	return r.wholes.made
}

// ForgetWholes makes the relay forget the whole documents that it made, as others do
// that are made later.
func (r *Relay) ForgetWholes() {
	r.wholes.mu.Lock()
	defer r.wholes.mu.Unlock()
	for len(r.wholes.order) > 0 {
		r.wholes.remove(r.wholes.order[0])
	}
}

// WholesAtOnce is how many whole documents of so many changes and bytes an address may
// have made at once.
func WholesAtOnce(changes, bytes int) int {
	return int(quota.WholeWork.Burst / (float64(changes)*costWholeChange + float64(bytes)/1024*costWholeKiB))
}

// Kept is how much of an event counts in the relay's memory and quotas: the bytes of its
// changes, and how many changes wait for others.
func (r *Relay) Kept(event qa.EventID) (bytes int64, pending int) {
	r.mu.Lock()
	d := r.documents[event]
	r.mu.Unlock()
	if d == nil {
		return 0, 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.quota.Bytes(), len(d.pending)
}
