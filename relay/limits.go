package relay

import (
	"time"

	"flyleaf/crdt/wire"
)

// Bounds of what one connection may make the relay hold, and for how long. They
// are the defaults of Limits, which tests narrow.
const (
	// MaxFrameOpen is the largest frame, in bytes, of a relay for any Automerge
	// document. For events it is wire.MaxFrame.
	MaxFrameOpen = 64 << 20
	// MaxJoinFrame is the largest frame before the handshake is done, in bytes.
	MaxJoinFrame = 16 << 10
	// MaxConnections is how many connections are open at a time.
	MaxConnections = 10_000
	// MaxDocuments is how many documents one connection may speak about.
	MaxDocuments = 1_000
	// MaxDocumentsInUse is how many documents are in memory at a time.
	MaxDocumentsInUse = 20_000
	// MaxQueue is how many frames may wait for a slow peer, sync messages not
	// counted: those are made when there is room to send them.
	MaxQueue = 256
	// MaxQueueBytes is how much these frames may add up to, in bytes.
	MaxQueueBytes = 1 << 20
	// MaxEphemeral is the largest body of an ephemeral message, in bytes. A
	// larger one is dropped.
	MaxEphemeral = 64 << 10
	// MaxEphemeralSessions is how many ephemeral sessions a document remembers
	// the last count of.
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
	// kept, for all connections: each takes about 300 bytes. Beyond it one of the
	// address with the most is dropped.
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
	// MaxHeads is the number of heads from which on a change that adds another head is
	// deferred.
	MaxHeads = 1_024
	// MaxRemembered is how many refused changes a document remembers.
	MaxRemembered = 1 << 14
	// LateFor is for how long, after the relay learned that an event was closed, it
	// accepts posts of people without a role that were written without knowing of the
	// closing: they may have been on their way. Later ones are deferred until a
	// moderator approves them or the event is reopened. Deferral says nothing about
	// validity.
	LateFor = 14 * 24 * time.Hour
	// MaxAuthorityChanges is how many changes that grant or revoke a role, block
	// somebody or close the event a document may have: the policy's memory grows with
	// the square of it, to 8 MB here.
	MaxAuthorityChanges = 1 << 13
	// EphemeralBurst and EphemeralRate are how many ephemeral messages a connection
	// may send at once, and each minute. Others are dropped.
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
	// wait for a slow reader; the oldest are dropped. Everything else is sent before
	// them.
	MaxEphemeralQueue      = 64
	MaxEphemeralQueueBytes = 128 << 10
	// MaxFromAddress is how many connections one remote address may have.
	MaxFromAddress = 500
	// MaxCacheBytes is how much of the ledger is kept in memory for sending.
	MaxCacheBytes = 32 << 20
	// MaxLargeMessages is how many messages larger than largeMessage are read or
	// handled at a time, one of each address; others are left in the network until
	// then.
	MaxLargeMessages = 4
	// MaxMessageMemory is how many bytes of memory all messages together may take while
	// they are read and handled: buffers, inflated bytes, and copies. If framesOfAll
	// frames are more than that, they are the limit. Messages of up to 4 KiB are not
	// counted.
	MaxMessageMemory = 96 << 20

	largeMessage      = 1 << 20
	bulkyChange       = 1 << 20  // inflated bytes from which on changes are decoded one at a time
	maxDecodedOps     = 1 << 18  // decoded operations, of about 150 bytes each, that wait for the committer; further changes are decoded again there
	framesFromAddress = 4        // memory for the messages of one address, in frames of the largest size
	framesOfAll       = 6        // memory for all messages in frames of the largest size, where that is more than MaxMessageMemory
	inflateStep       = 64 << 10 // bytes inflated in one turn
	keptBuffer        = 4 << 10  // bytes of buffer that a reader keeps between frames
	firstBuffer       = 512      // bytes of a reader's first buffer
	maxBatchChanges   = 4_096    // changes in one commit; the last message may exceed it
	maxBatchBytes     = 16 << 20 // bytes in one commit; the last message may exceed it
	maxRefusals       = 500      // in one flyleaf-refused message, and malformed changes in one sync message
	inspectAtATime    = 256      // changes of a message that are inspected before checking whether too many are malformed
	inspectAlone      = 8        // up to so many changes are inspected on one processor
	maxRefusalsTold   = 2_000    // refusals that are reported for one sync message
	maxRetries        = 4_096    // deferred changes that a member is asked for at a time
	maxLogged         = 10       // unusable changes of one document that are logged one by one
	maxReplies        = 8        // answers to a peer that says that it has a document but sends no changes
	maxAskedAgain     = 16       // documents without accepted changes that an address is asked for at a time
	slowestReceiver   = 32 << 10 // bytes per second that a peer must at least receive, or send in a large message
	slowestSender     = 4 << 10  // bytes per second that a peer must at least send in a smaller message
)

// How long things may take.
const (
	// JoinTimeout is how long a connection may take to say join.
	JoinTimeout = 10 * time.Second
	// PingEvery and PongWait make a half-open connection noticed in 15 s.
	PingEvery = 5 * time.Second
	PongWait  = 10 * time.Second
	// WriteWait is how long a small frame may take; larger ones get the time
	// they take at 32 KiB a second on top.
	WriteWait = 10 * time.Second
	// FrameWait is how long a message may take from its first byte, and StallWait how
	// long it may pause or stay below the minimum rate. Time in which the relay made
	// the sender wait is not counted, and pings and pongs change nothing.
	FrameWait = 2 * time.Minute
	StallWait = 10 * time.Second
	// DocumentIdle is how long a document without users stays in memory; a small
	// document stays a twelfth of that.
	DocumentIdle = time.Minute
	// RetryEvery is the interval at which deferred changes are requested again if they
	// can be accepted.
	RetryEvery = 2 * time.Second

	// lingerWait is how long a peer has to read why its connection ends.
	lingerWait = time.Second
	// closeWait is how long a close frame may take to be written.
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
