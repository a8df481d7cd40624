package relay

import (
	"flyleaf/crdt/graph"
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// Seen is the relay's use of its resources, for tests.
type Seen struct {
	Documents int
	Interests int
	Unfounded int
	Turns     int64
	InLine    int // submissions that wait for a turn, of all documents
}

// See returns the relay's current use.
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

// Asked returns how many connections wait for a document that the relay does not have.
func (r *Relay) Asked(event qa.EventID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.interests.of[event])
}

// Scarcity returns the disk level: from 0 (enough room) to 3 (full).
func (r *Relay) Scarcity() int { return int(r.diskLevel()) }

// PeakMessageMemory returns the most memory, in bytes, that messages took while they were read and handled.
// Reading returns what they take now.
func (r *Relay) PeakMessageMemory() int64 {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	return r.memory.peak
}

func (r *Relay) MessageMemory() int64 {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	return r.memory.used
}

// ExhaustDecodedOps makes the relay assume that the maximum number of decoded operations waits for the committer.
func (r *Relay) ExhaustDecodedOps() { r.decodedOps.Store(maxDecodedOps) }

// Decoded returns how many decoded operations the relay counts, without those of ExhaustDecodedOps.
func (r *Relay) DecodedOps() int64 { return r.decodedOps.Load() - maxDecodedOps }

// InflatedForWaste returns how many KiB of garbage a connection, and an address, can make the relay
// inflate at once.
var (
	InflatedForWaste          = quota.ConnectionWaste.Burst / (wasteFactor * costInflated)
	InflatedForWasteOfAddress = quota.AddressWaste.Burst / (wasteFactor * costInflated)
)

// LookUpsForWaste is how often a connection can make the relay search for a document that it does not
// have.
var LookUpsForWaste = int(quota.ConnectionWaste.Burst / costLookUp)

// SignaturesForWaste is how often a connection can make the relay check a wrong signature.
var SignaturesForWaste = quota.ConnectionWaste.Burst / (wasteFactor * costSignature)

// Made returns how many document chunks were made.
func (r *Relay) Made() int {
	r.documentChunks.mu.Lock()
	defer r.documentChunks.mu.Unlock()
	return r.documentChunks.made
}

// ForgetDocumentChunks makes the relay forget the document chunks that it made, as happens when it makes others.
func (r *Relay) ForgetDocumentChunks() {
	r.documentChunks.mu.Lock()
	defer r.documentChunks.mu.Unlock()
	for len(r.documentChunks.order) > 0 {
		r.documentChunks.remove(r.documentChunks.order[0])
	}
}

// DocumentChunksAtOnce returns how many document chunks, each with so many changes and bytes, an address may have
// made at once.
func DocumentChunksAtOnce(changes, bytes int) int {
	return int(quota.DocumentChunkWork.Burst / (float64(changes)*costDocumentChunkChange + float64(bytes)/1024*costDocumentChunkKiB))
}

// Kept returns what counts of an event in the relay's memory and quotas: the bytes of its changes, and how
// many changes wait for others.
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

// AddBehindCore adds a change to the graph of a document in use, bypassing its document.Document.
// Only a bug in the program could do that.
func (r *Relay) AddBehindCore(event qa.EventID, m graph.Meta) error {
	r.mu.Lock()
	d := r.documents[event]
	r.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.graph.Add(m)
	return err
}
