package relay

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/relay/quota"
)

// What work costs, in microseconds of a processor as measured on one core of 2026. It
// need not be exact: it is charged before the work is done, for nobody knows yet
// whether it comes to anything.
const (
	costMessage   = 5.0  // reading any message, beside its bytes
	costKiB       = 2.0  // a KiB that is read or hashed
	costInflated  = 6.0  // a KiB that is inflated, hashed, and copied
	costSignature = 60.0 // checking a signature
	costChange    = 20.0 // decoding a change, beside its operations
	costOp        = 0.25 // decoding an operation
	costLookUp    = 50.0 // looking whether a document is on disk
	costSearched  = 0.3  // looking whether a peer lacks a change

	costWholeChange = 30.0 // a change that is made part of a whole document
	costWholeKiB    = 30.0 // a KiB of these

	// wasteFactor is how much dearer work is that comes to nothing, and putOffShare what part
	// of it is charged for what was well made and cannot be taken now.
	wasteFactor   = 4
	deferredShare = 0.25

	// freeInflation is how many times its bytes a message may inflate to without that being
	// charged; words come to less than ten.
	freeInflation = 16
	// stepCost is about how much work is done in one turn, so that others do not wait
	// for longer.
	stepCost = 2_000.0
)

const (
	// wasteSuspect is the waste, in microseconds, from which on others go first.
	wasteSuspect = 200_000.0
	// wasteTolerated is the waste of a connection that is let go on although its address
	// has spent all: others may be behind the address.
	wasteTolerated = 50_000.0
)

// errCostly ends a session.
func errCostly() error {
	return &failure{websocket.ClosePolicyViolation, "what you send costs a lot of work and comes to nothing; what was taken is kept. Connect again in a minute"}
}

// charge takes the cost of work that is about to be done. What turns out to be worth
// it is given back with a negative cost. An error means that it is not to be done.
func (s *session) charge(cost float64) error {
	now := s.relay.cfg.Now()
	s.workMu.Lock()
	spent := s.waste.Charge(quota.ConnectionWaste, now, cost)
	s.workMu.Unlock()
	ofAddress := s.account.quota().Waste(cost, now)
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

// freeSearches is how many changes may be gone through, to see whether a peer lacks
// them, for each that is then sent, without that being charged.
const freeSearches = 16

// chargeSearch charges going through an event's changes to see which of them a peer
// lacks, which it asks for in a few bytes. It is known only when it is done; one step is bounded by the event's size.
func (s *session) chargeSearch(looked, sent int) error {
	if n := looked - freeSearches*sent; n > 0 {
		return s.charge(costSearched * float64(n))
	}
	return nil
}

// inTurn does work when it is the session's turn. It must not wait for anything.
func (s *session) inTurn(work func()) error {
	if !s.relay.processors.acquire(s.lane(workLane), s.suspect.Load(), s.quit) {
		return ErrClosed
	}
	defer s.relay.processors.release(s.lane(workLane))
	work()
	return nil
}

// inTurnFor is turn for work on a change of so many bytes: of large ones, which take
// several times their bytes while they are decoded, one is at work at a time.
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

// Lanes of an address, or of a connection without one: one for each of the things that
// are done in turns.
const (
	workLane  = iota // work of a processor
	largeLane        // reading and handling a message beyond largeMessage
	bulkyLane        // decoding a change beyond bulkyChange
	wholeLane        // making a whole document
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
