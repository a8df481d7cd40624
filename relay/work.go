package relay

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/relay/quota"
)

// What work costs, in microseconds of a processor as measured on one core of 2026. It
// need not be exact: it is charged before the work is done, when it is unknown whether
// the result will be accepted.
const (
	costMessage   = 5.0  // reading any message, in addition to its bytes
	costKiB       = 2.0  // for each KiB that is read or hashed
	costInflated  = 6.0  // for each KiB that is inflated, hashed, and copied
	costSignature = 60.0 // checking a signature
	costChange    = 20.0 // decoding a change, in addition to its operations
	costOp        = 0.25 // decoding an operation
	costLookUp    = 50.0 // checking whether a document is on disk
	costSearched  = 0.3  // checking whether a peer lacks a change

	costDocumentChunkChange = 30.0 // encoding a change into a document chunk
	costDocumentChunkKiB    = 30.0 // for each KiB of these changes

	// wasteFactor multiplies the cost of work whose result is rejected. deferredShare is
	// the part of the cost that is charged for valid input that cannot be accepted now.
	wasteFactor   = 4
	deferredShare = 0.25

	// freeInflation is by which factor a message may inflate without being charged;
	// text inflates to less than ten times its bytes.
	freeInflation = 16
	// stepCost is about how much work one turn does, so that others do not wait longer.
	stepCost = 2_000.0
)

const (
	// wasteSuspect is the waste, in microseconds, from which on a session's lane is
	// suspect.
	wasteSuspect = 200_000.0
	// wasteTolerated is the waste up to which a connection continues although its
	// address has spent all of its waste: other people may be behind the address.
	wasteTolerated = 50_000.0
)

// errCostly ends a session whose rejected input cost too much work.
func errCostly() error {
	return &closeReason{websocket.ClosePolicyViolation, "you sent too much data that was rejected. Accepted changes are kept. Connect again in a minute"}
}

// charge charges the cost of work before it is done. If the result is accepted, the
// caller refunds it with a negative cost. An error means that the work must not be
// done.
func (s *session) charge(cost float64) error {
	now := s.relay.cfg.Now()
	s.workMu.Lock()
	spent := s.waste.Charge(quota.ConnectionWaste, now, cost)
	s.workMu.Unlock()
	ofAddress := s.account.quota().ChargeWaste(cost, now)
	if cost > 0 && (spent > quota.ConnectionWaste.Burst || ofAddress > quota.AddressWaste.Burst && spent > wasteTolerated) {
		return errCostly()
	}
	suspect := spent
	if s.account != nil {
		suspect = ofAddress
	}
	s.suspect.Store(suspect > wasteSuspect)
	return nil
}

// freeSearches is how many changes may be examined, to see whether a peer lacks them,
// for each change that is then sent, without a charge.
const freeSearches = 16

// chargeSearch charges examining an event's changes for those that a peer lacks, which
// a peer can cause with a few bytes. The cost is known only afterwards; one step is
// bounded by the event's size.
func (s *session) chargeSearch(looked, sent int) error {
	if n := looked - freeSearches*sent; n > 0 {
		return s.charge(costSearched * float64(n))
	}
	return nil
}

// inTurn does work when it is the session's turn. The work must not wait for anything.
func (s *session) inTurn(work func()) error {
	if !s.relay.processors.acquire(s.lane(workLane), s.suspect.Load(), s.quit) {
		return ErrClosed
	}
	defer s.relay.processors.release(s.lane(workLane))
	work()
	return nil
}

// inTurnFor is inTurn for work on a change of size bytes. Large changes take several
// times their bytes while they are decoded, so only one is worked on at a time.
func (s *session) inTurnFor(size int, work func()) error {
	if size <= bulkyChange {
		return s.inTurn(work)
	}
	if !s.relay.bulkyChanges.acquire(s.lane(bulkyLane), s.suspect.Load(), s.quit) {
		return ErrClosed
	}
	defer s.relay.bulkyChanges.release(s.lane(bulkyLane))
	return s.inTurn(work)
}

// Lanes of an address, or of a connection without one: one for each limiter.
const (
	workLane          = iota // CPU work
	largeLane                // reading and handling a message beyond largeMessage
	bulkyLane                // decoding a change beyond bulkyChange
	documentChunkLane        // making a document chunk
	lanes
)

func (s *session) lane(i int) *lane {
	if s.account != nil {
		return &s.account.lanes[i]
	}
	return &s.lanes[i]
}

// retryAfter is the value of a header Retry-After.
func retryAfter(d time.Duration) string { return fmt.Sprint(int(d/time.Second) + 1) }
