package relay

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
const (
	InflatedForWaste          = wasteOfConnection / (garbage * costInflated)
	InflatedForWasteOfAddress = wasteOfAddress / (garbage * costInflated)
)

// SignaturesForWaste is the same of signatures that are wrong.
const SignaturesForWaste = wasteOfConnection / (garbage * costSignature)
