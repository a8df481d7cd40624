package relay

import (
	"slices"
	"sync"
	"time"

	"flyleaf/relay/quota"
)

// outbox is the queue of one peer: first a bounded number of frames, then the documents that may need
// a sync message, then ephemeral messages. A sync message is made only when it can be sent. So a
// slow peer costs one reference for each document, and later gets all changes in one message.
type outbox struct {
	wake chan struct{} // holds one token when there may be work

	mu              sync.Mutex
	drained         sync.Cond // signalled when the queue is half empty, or finished
	max             int       // frames
	frames          [][]byte
	bytes           int
	documents       []*document  // each once
	spare           []*document  // reused memory for documents
	ephemerals      [][]byte     // ephemeral messages, the oldest first
	ephemeralSize   int          // bytes of these
	ephemeralBucket quota.Bucket // bytes of ephemeral messages
	finished        bool
}

func newOutbox(maxFrames int) *outbox {
	o := &outbox{wake: make(chan struct{}, 1), max: maxFrames}
	o.drained.L = &o.mu
	return o
}

// waitForSpace waits while the queue of frames is more than half full, so that a peer that requests
// much at once is served as fast as it reads, and is not disconnected. It returns when the writer has
// made space, or the outbox is closed. Only the session's reader may call it.
func (o *outbox) waitForSpace() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.finished && o.halfFull() {
		o.drained.Wait()
	}
}

func (o *outbox) halfFull() bool { return len(o.frames) > o.max/2 || o.bytes > MaxQueueBytes/2 }

func (o *outbox) wakeWriter() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// queueFrame queues a frame. It returns false, and queues nothing, when the queue is
// full or the outbox is finished.
func (o *outbox) queueFrame(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished || len(o.frames) >= o.max || o.bytes > 0 && o.bytes+len(b) > MaxQueueBytes {
		return false
	}
	o.frames = append(o.frames, b)
	o.bytes += len(b)
	o.wakeWriter()
	return true
}

// queueEphemeral queues an ephemeral message. If there are too many, it drops the oldest. It drops
// the message itself if messages come too fast.
func (o *outbox) queueEphemeral(b []byte, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, size := quota.PerSecond(EphemeralReaderBurst, EphemeralReaderRate), float64(len(b))
	if o.finished || !o.ephemeralBucket.Has(r, now, size, 0) {
		return
	}
	o.ephemeralBucket.Spend(size)
	o.ephemerals = append(o.ephemerals, b)
	o.ephemeralSize += len(b)
	for len(o.ephemerals) > MaxEphemeralQueue || o.ephemeralSize > MaxEphemeralQueueBytes && len(o.ephemerals) > 1 {
		o.popEphemeral()
	}
	o.wakeWriter()
}

func (o *outbox) popEphemeral() (b []byte) {
	b = o.ephemerals[0]
	o.ephemerals[0] = nil
	o.ephemerals = o.ephemerals[1:]
	o.ephemeralSize -= len(b)
	return b
}

// schedule records that the document may need a sync message.
func (o *outbox) schedule(d *document) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished || slices.Contains(o.documents, d) { // usually zero or one document
		return
	}
	o.documents = append(o.documents, d)
	if len(o.documents) == 1 {
		o.spare = o.documents
	}
	o.wakeWriter()
}

// next removes and returns the next thing to send: a frame, or else a document that may need a sync
// message, or else the frame of an ephemeral message, or nothing. closed: nothing more will come.
func (o *outbox) next() (frame []byte, d *document, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) > 0 {
		frame = o.frames[0]
		o.frames[0] = nil
		o.frames = o.frames[1:]
		o.bytes -= len(frame)
		if !o.halfFull() {
			o.drained.Signal()
		}
		return frame, nil, false
	}
	if len(o.documents) > 0 {
		d = o.documents[0]
		o.documents[0] = nil
		if o.documents = o.documents[1:]; len(o.documents) == 0 {
			o.documents = o.spare[:0]
		}
	}
	if d == nil && !o.finished && len(o.ephemerals) > 0 {
		return o.popEphemeral(), nil, false
	}
	return nil, d, d == nil && o.finished
}

// close makes the outbox refuse everything from now on.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	o.drained.Broadcast()
	o.wakeWriter()
}
