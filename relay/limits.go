package relay

import (
	"time"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/wire"
)

// Bounds of the memory, time and storage that connections may use. Those that Limits also has are
// its defaults; tests set lower ones.
const (
	// MaxFrameOpen is the largest frame, in bytes, that a relay for any Automerge document
	// accepts. A relay for events accepts frames of up to wire.MaxFrame bytes.
	MaxFrameOpen = 64 << 20
	// MaxJoinFrame is the largest frame before the handshake is done, in bytes.
	MaxJoinFrame = 16 << 10
	// MaxConnections is how many connections are open at a time.
	MaxConnections = 10_000
	// MaxDocuments is how many documents one connection may sync.
	MaxDocuments = 1_000
	// MaxDocumentsInUse is how many documents are in memory at a time.
	MaxDocumentsInUse = 20_000
	// MaxQueue is how many frames may wait for a slow peer. Sync messages are not counted,
	// because they are made only when they can be sent.
	MaxQueue = 256
	// MaxQueueBytes is the total size of these frames, in bytes.
	MaxQueueBytes = 1 << 20
	// MaxEphemeral is the largest body of an ephemeral message, in bytes. A message with a
	// larger body is dropped.
	MaxEphemeral = 64 << 10
	// MaxEphemeralSessions is for how many ephemeral sessions a document stores the number of
	// the last message.
	MaxEphemeralSessions = 1_024
	// MaxPending is how many changes of one document may wait for their dependencies.
	MaxPending = 4_096
	// MaxPendingBytes is how many bytes the pending changes of all documents may have
	// together.
	MaxPendingBytes = 64 << 20
	// MaxPendingOps is how many operations the pending changes of one document may
	// have: when their dependencies arrive, they are validated in one turn.
	MaxPendingOps = 1 << 16
	// MaxInterests is how many interests in documents that the relay does not have are
	// kept, for all connections. Each takes about 300 bytes. When there are more, an
	// interest of the address with the most is dropped.
	MaxInterests = 200_000
	// MaxInterestsFromAddress is the same for one address.
	MaxInterestsFromAddress = 20_000
	// MaxUnfounded is how many documents may consist only of changes that wait for the
	// first one; MaxUnfoundedFrom is the same for one remote address.
	MaxUnfounded     = 1_024
	MaxUnfoundedFrom = 32
	// MaxLoading is how many documents are read from the ledger at a time, and
	// MaxLoadingFrom how many for one remote address.
	MaxLoading     = 8
	MaxLoadingFrom = 2
	// MaxHeads is the number of heads at which a change that adds another head is
	// deferred.
	MaxHeads = 1_024
	// MaxRemembered is how many refused changes a document remembers.
	MaxRemembered = core.MaxRefusals
	// LateFor is for how long after it learned that an event was closed the relay accepts
	// posts by people without a role whose devices did not yet know of the closing. Posts that
	// arrive later are deferred until a moderator approves them or the event is reopened.
	// Deferral says nothing about validity.
	LateFor = 14 * 24 * time.Hour
	// MaxAuthorityChanges is how many changes that grant or revoke a role, block
	// somebody or close the event a document may have. The policy's memory grows with the
	// square of this number, up to 8 MB.
	MaxAuthorityChanges = 1 << 13
	// EphemeralBurst and EphemeralRate are how many ephemeral messages a connection
	// may send at once, and per minute. Further messages are dropped.
	EphemeralBurst = 60
	EphemeralRate  = 600
	// Bytes of ephemeral messages, as a burst and per second: from a connection, to a
	// document, and to one reader over all documents. Messages beyond them are dropped.
	// A presence message has about 200 bytes.
	EphemeralConnBurst   = 128 << 10
	EphemeralConnRate    = 8 << 10
	EphemeralEventBurst  = 512 << 10
	EphemeralEventRate   = 64 << 10
	EphemeralReaderBurst = 512 << 10
	EphemeralReaderRate  = 64 << 10
	// MaxEphemeralQueue and MaxEphemeralQueueBytes bound the ephemeral messages that
	// wait for a slow reader; the oldest are dropped. All other messages are sent before
	// these.
	MaxEphemeralQueue      = 64
	MaxEphemeralQueueBytes = 128 << 10
	// MaxFromAddress is how many connections one remote address may have.
	MaxFromAddress = 500
	// MaxCacheBytes is how much of the ledger is kept in memory for sending.
	MaxCacheBytes = 32 << 20
	// MaxLargeMessages is how many messages larger than largeMessage are read or
	// handled at a time, at most one of each address. The relay does not read further large
	// messages from the network until one of these is done.
	MaxLargeMessages = 4
	// MaxMessageMemory is how many bytes of memory all messages together may take while
	// they are read and handled: buffers, inflated bytes, and copies. If framesOfAll frames
	// take more memory, that memory is the limit. Messages of up to 4 KiB are not counted.
	MaxMessageMemory = 96 << 20

	largeMessage      = 1 << 20
	bulkyChange       = 1 << 20  // changes with at least this many inflated bytes are decoded one at a time
	maxDecodedOps     = 1 << 18  // decoded operations, of about 150 bytes each, that wait for the committer; the committer decodes further changes again
	framesFromAddress = 4        // memory for the messages of one address, in frames of the largest size
	framesOfAll       = 6        // memory for all messages, in frames of the largest size, if that is more than MaxMessageMemory
	inflateStep       = 64 << 10 // bytes inflated in one turn
	keptBuffer        = 4 << 10  // bytes of buffer that a reader keeps between frames
	firstBuffer       = 512      // bytes of a reader's first buffer
	maxBatchChanges   = 4_096    // changes in one commit; the last message may exceed it
	maxBatchBytes     = 16 << 20 // bytes in one commit; the last message may exceed it
	maxRefusals       = 500      // refusals in one flyleaf-refused message, and malformed changes in one sync message
	inspectAtATime    = 256      // changes of a message that are inspected before checking whether too many are malformed
	inspectAlone      = 8        // up to this many changes are inspected on one processor
	maxRefusalsSent   = 2_000    // refusals that are reported to the sender of one sync message
	maxRetries        = 4_096    // deferred changes that a member is asked for at a time
	maxLogged         = 10       // unusable changes of one document that are logged one by one
	maxReplies        = 8        // answers to a peer that says that it has a document but sends no changes
	maxAskedAgain     = 16       // documents without accepted changes that an address is asked for at a time
	slowestReceiver   = 32 << 10 // bytes per second that a peer must at least receive, or send in a large message
	slowestSender     = 4 << 10  // bytes per second that a peer must at least send in a smaller message
)

// Time limits and intervals.
const (
	// JoinTimeout is how long a connection may take to send its join message.
	JoinTimeout = 10 * time.Second
	// With PingEvery and PongWait the relay notices a half-open connection within 15 s.
	PingEvery = 5 * time.Second
	PongWait  = 10 * time.Second
	// WriteWait is how long a small frame may take. A larger frame also gets the time that its
	// bytes take at 32 KiB per second.
	WriteWait = 10 * time.Second
	// FrameWait is how long a message may take from its first byte, and StallWait how
	// long it may pause or stay below the minimum rate. Time in which the relay makes the
	// sender wait is not counted. Pings and pongs have no effect on this.
	FrameWait = 2 * time.Minute
	StallWait = 10 * time.Second
	// DocumentIdle is how long a document without users stays in memory. A small document
	// stays for a twelfth of that time.
	DocumentIdle = time.Minute
	// RetryEvery is the interval at which deferred changes are requested again if they
	// can be accepted.
	RetryEvery = 2 * time.Second

	// lingerWait is how long a peer has to read why its connection ends.
	lingerWait = time.Second
	// closeWait is how long writing a close frame may take.
	closeWait = time.Second

	smallIdleShare = 12
	smallDocument  = 1_000 // changes; reloading so many takes about 20 ms
	manyDocuments  = 64    // dropped documents after which memory is returned to the system
)

// Limits are bounds that a Config may set. Zero means the default: the constant of that
// name.
type Limits struct {
	Frame                    int // bytes
	Connections              int
	Documents                int // per connection
	DocumentsInUse           int
	Queue                    int // frames per connection
	FromAddress              int // connections
	AuthorityChanges         int // per document
	Interests                int // interests in documents that the relay does not have, for all connections
	MessageMemory            int // bytes of memory for all messages that are being read and handled
	MessageMemoryFromAddress int // the part of MessageMemory that one address may use

	InterestsFromAddress int

	Join, Ping, Pong, Write, Idle, Retry, Stall time.Duration
}

func (l Limits) withDefaults(open bool) Limits {
	frame := wire.MaxFrame
	if open {
		frame = MaxFrameOpen
	}
	setInt(&l.Frame, frame)
	setInt(&l.MessageMemory, max(MaxMessageMemory, framesOfAll*l.Frame))
	setInt(&l.MessageMemoryFromAddress, framesFromAddress*l.Frame)
	setInt(&l.Connections, MaxConnections)
	setInt(&l.Documents, MaxDocuments)
	setInt(&l.DocumentsInUse, MaxDocumentsInUse)
	setInt(&l.Queue, MaxQueue)
	setInt(&l.FromAddress, MaxFromAddress)
	setInt(&l.AuthorityChanges, MaxAuthorityChanges)
	setInt(&l.Interests, MaxInterests)
	setInt(&l.InterestsFromAddress, MaxInterestsFromAddress)
	setDuration(&l.Retry, RetryEvery)
	setDuration(&l.Stall, StallWait)
	setDuration(&l.Join, JoinTimeout)
	setDuration(&l.Ping, PingEvery)
	setDuration(&l.Pong, PongWait)
	setDuration(&l.Write, WriteWait)
	setDuration(&l.Idle, DocumentIdle)
	return l
}

func setInt(p *int, v int) {
	if *p <= 0 {
		*p = v
	}
}

func setDuration(p *time.Duration, v time.Duration) {
	if *p <= 0 {
		*p = v
	}
}
