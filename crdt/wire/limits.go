package wire

// The limits of event documents, in bytes unless said otherwise.
const (
	MaxChange   = 64 << 10  // one change as a type-1 chunk, its dependencies not counted
	MaxInflated = 256 << 10 // one change as a type-1 chunk, dependencies included; also what a deflated one may inflate to
	MaxOps      = 1000      // operations in a change
	MaxDeps     = 4096      // dependencies of a change
	MaxPreds    = 1 << 14   // predecessors in a change, all operations together
	MaxFrame    = 8 << 20   // one frame received from a peer
	MaxMessage  = 512 << 10 // one sync message that we send
)

// The limits of sync messages, whatever document they are about.
const (
	MaxHashes         = 1 << 16 // heads, need, or lastSync of one entry
	MaxHave           = 16      // have entries; every implementation sends at most one
	MaxMessageChanges = 1 << 20 // changes in one message
	MaxTrailing       = 1 << 10 // bytes after the changes; JS 3.x sends 3
	maxFilterParam    = 32      // bits per entry and probes; writers use 10 and 7
)

// Automerge stores operation counters in 32 bits. Sequence numbers may be larger.
const maxCounter = 1<<32 - 1

// Limits bound one change. Byte counts are of the type-1 chunk, so a change is
// within or outside of them no matter whether it came deflated.
type Limits struct {
	Change   int // bytes without dependencies
	Inflated int // bytes with dependencies
	Ops      int // operations
	BaseOps  int // a change of n bytes may have at most BaseOps+n operations, and as many predecessors
	Deps     int // dependencies
	Preds    int // predecessors, all operations together
	Extra    int // bytes after the columns
}

// EventLimits are those of an event document: what DecodeChange applies.
var EventLimits = Limits{
	Change:   MaxChange,
	Inflated: MaxInflated,
	Ops:      MaxOps,
	BaseOps:  MaxOps,
	Deps:     MaxDeps,
	Preds:    MaxPreds,
}

// OpenLimits are for relays that carry any Automerge document. Stock clients erase a
// whole text in a few bytes, so a small change may expand to BaseOps operations, which
// take about 20 MB while they are decoded. Such changes are decoded one at a time, so
// that many of them, on many connections, use the memory of one.
var OpenLimits = Limits{
	Change:   16 << 20,
	Inflated: 16 << 20,
	Ops:      1 << 20,
	BaseOps:  1 << 16, // a text of 65,536 characters can be erased by one change of 150 bytes
	Deps:     1 << 16,
	Preds:    1 << 20,
	Extra:    64 << 10,
}
