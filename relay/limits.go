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
	// MaxPending is how many changes of one document may wait for what they
	// depend on.
	MaxPending = 4_096
	// MaxPendingBytes is how much the waiting changes of all documents together
	// may add up to, in bytes.
	MaxPendingBytes = 64 << 20
	// MaxPendingOps is how many operations those of one document may have: when what
	// they wait for comes, they are judged in one turn.
	MaxPendingOps = 1 << 16
	// MaxInterests is how many documents that are not here connections may have asked for,
	// in all: each takes some 300 bytes. Beyond it one of the address with the most is
	// forgotten.
	MaxInterests = 200_000
	// MaxInterestsFromAddress is how many of them are one address's.
	MaxInterestsFromAddress = 20_000
	// MaxUnfounded is how many documents there may be of which only such changes came
	// as wait for the beginning; MaxUnfoundedFrom is how many of one remote address.
	MaxUnfounded     = 1_024
	MaxUnfoundedFrom = 32
	// MaxLoading is how many documents are read from the ledger at a time, and
	// MaxLoadingFrom how many for one remote address.
	MaxLoading     = 8
	MaxLoadingFrom = 2
	// MaxHeads is from how many heads on a change that adds another is deferred.
	MaxHeads = 1_024
	// MaxRemembered is how many refused changes a document remembers.
	MaxRemembered = 1 << 14
	// LateFor is how long, after the relay learned that an event was closed, it takes
	// posts of people without a role that do not know of the closing: they may have
	// been on their way. Later ones are deferred until a moderator approves them or the
	// event is opened again. That they are deferred says nothing about their validity.
	LateFor = 14 * 24 * time.Hour
	// MaxAuthorityChanges is how many changes that grant or revoke a role, block somebody or
	// close the event a document may have: the policy's memory grows with the square, to
	// 8 MB here.
	MaxAuthorityChanges = 1 << 13
	// EphemeralBurst and EphemeralRate are how many ephemeral messages a connection
	// may send at once, and each minute. Others are dropped.
	EphemeralBurst = 60
	EphemeralRate  = 600
	// The bytes of ephemeral messages, at once and each second: from a connection,
	// to a document, and to one reader of whatever documents. Others
	// are dropped. Presence is some 200 bytes.
	EphemeralConnBurst   = 128 << 10
	EphemeralConnRate    = 8 << 10
	EphemeralEventBurst  = 512 << 10
	EphemeralEventRate   = 64 << 10
	EphemeralReaderBurst = 512 << 10
	EphemeralReaderRate  = 64 << 10
	// MaxEphemeralQueue and MaxEphemeralQueueBytes are how many ephemeral messages wait
	// for a slow reader, and how much they add up to; the oldest go. Everything else is
	// sent before them.
	MaxEphemeralQueue      = 64
	MaxEphemeralQueueBytes = 128 << 10
	// MaxFromAddress is how many connections one remote address may have.
	MaxFromAddress = 500
	// MaxCacheBytes is how much of the ledger is kept in memory for sending.
	MaxCacheBytes = 32 << 20
	// MaxLargeMessages is how many messages beyond largeMessage bytes are being read or handled
	// at a time, one of each address; further ones wait in the network for their turn.
	MaxLargeMessages = 4
	// MaxMessageMemory is how much all messages together that are being read and handled may
	// take of memory, in bytes: buffers, what they inflate to, and copies. Where Frame
	// is larger it is readingOfAll times that. Those of up to 4 KiB are not counted.
	MaxMessageMemory = 96 << 20

	largeMessage      = 1 << 20
	bulkyChange       = 1 << 20  // bytes of a change, inflated, from which one is decoded at a time
	maxDecodedOps     = 1 << 18  // operations, of some 150 bytes each, that wait for the committer; changes beyond are decoded again there
	framesFromAddress = 4        // frames that the messages of one address may take of memory
	framesOfAll       = 6        // likewise, of all addresses, where that is more than MaxMessageMemory
	inflateStep       = 64 << 10 // bytes that are inflated in one turn
	keptBuffer        = 4 << 10  // bytes of the buffer that a reader keeps between frames
	firstBuffer       = 512      // bytes of it to begin with
	maxBatchChanges   = 4_096    // in one commit, before the message that goes beyond it
	maxBatchBytes     = 16 << 20 // likewise
	maxRefusals       = 500      // in one flyleaf-refused message, and malformed changes in one sync message
	inspectAtATime    = 256      // changes of a message, before it is looked whether too many are malformed
	inspectAlone      = 8        // changes for which a further processor is not worth it
	maxRefusalsTold   = 2_000    // of one sync message
	maxRetries        = 4_096    // deferred changes that a member is asked for at a time
	maxLogged         = 10       // unusable changes of one document that are logged one by one
	maxReplies        = 8        // to one who says to have a document of which nothing comes
	maxAskedAgain     = 16       // such documents that an address is asked for at a time
	slowestReceiver   = 32 << 10 // bytes a second below which a peer is too slow that is sent something, or sends a large message
	slowestSender     = 4 << 10  // likewise, one that sends a smaller message
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
	// FrameWait is how long a message may take once it has begun, and StallWait how long
	// it may stand still, or come too slowly on the whole. Time that the relay made it
	// wait is not counted, and pings and pongs change nothing.
	FrameWait = 2 * time.Minute
	StallWait = 10 * time.Second
	// DocumentIdle is how long a document that nobody speaks about stays in memory;
	// one of few changes stays a twelfth of it.
	DocumentIdle = time.Minute
	// RetryEvery is how often it is looked whether what was deferred can be taken.
	RetryEvery = 2 * time.Second

	// lingerWait is how long who was told why the connection ends has to read that.
	lingerWait = time.Second
	// closeWait is how long a close frame may take to be written.
	closeWait = time.Second

	smallIdleShare = 12
	smallDocument  = 1_000 // changes, read again in some 20 ms
	manyDocuments  = 64    // dropped, after which memory is given back to the system
)

// Limits are bounds that a Config may set. Zero means the constant of that name, or its
// like.
type Limits struct {
	Frame                    int // bytes
	Connections              int
	Documents                int // per connection
	DocumentsInUse           int
	Queue                    int // frames per connection
	FromAddress              int // connections
	AuthorityChanges         int // per document
	Interests                int // documents that are not here, in all
	MessageMemory            int // bytes of memory for all messages that are being read and handled
	MessageMemoryFromAddress int // of it, for those of one address

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
