package relay

import (
	"testing"

	"flyleaf/crdt/graph"
	amsync "flyleaf/crdt/sync"
	"flyleaf/qa"
)

// Who loses the right to read while a message of theirs is being taken, over several
// turns, is spoken to again once they prove that they may.
func TestDemandEndsTheMessageUnderWay(t *testing.T) {
	r := newTestRelay(t)
	s := newSession(r)
	d := newDocument(r, "an event")
	d.graph = graph.New()
	d.members[s] = &member{peer: amsync.NewPeer(), sending: true, identity: "somebody"}
	d.challenge(s, d.members[s])
	if p := d.members[s]; p.sending || p.identity != "" {
		t.Errorf("after the challenge: sending %t, identity %q", p.sending, p.identity)
	}
}

// An address that asks for whole documents on many connections lets another one wait for
// one of them, and a connection that ends waits no longer.
func TestWholeDocumentsAreMadeInTurns(t *testing.T) {
	r := newTestRelay(t)
	busy, other := &account{}, &account{}
	from := func(a *account) *session {
		s := newSession(r)
		s.account = a
		return s
	}
	first := from(busy)
	if !r.wholes.making.acquire(first.lane(wholeLane), false, first.quit) {
		t.Fatal("the first does not get its turn")
	}
	made := make(chan *account, 16)
	ask := func(s *session) {
		d := newDocument(r, qa.EventID("an event"))
		d.broken = true // nothing to make: it is the turn that counts
		go func() {
			d.makeWhole(s)
			made <- s.account
		}()
	}
	waiting := func(n int) {
		for {
			r.wholes.making.mu.Lock()
			got := len(busy.lanes[wholeLane].waiting) + len(other.lanes[wholeLane].waiting)
			r.wholes.making.mu.Unlock()
			if got == n {
				return
			}
		}
	}
	for i := range 8 {
		ask(from(busy))
		waiting(i + 1)
	}
	gone := from(busy)
	ask(gone)
	waiting(9)
	close(gone.quit)
	waiting(8)
	if a := <-made; a != busy {
		t.Error("who had ended is not the one who waits no longer")
	}
	ask(from(other))
	waiting(9)
	// Each gives its turn to the next before it is counted here, so the order in which
	// they are counted is not that of the turns: that is the lanes'.
	r.wholes.making.mu.Lock()
	ahead := 0
	for _, l := range r.wholes.making.ready[0] {
		if l == &other.lanes[wholeLane] {
			break
		}
		ahead++
	}
	r.wholes.making.mu.Unlock()
	if ahead > 1 {
		t.Errorf("%d addresses are ahead of the other one, of one", ahead)
	}
	r.wholes.making.release(first.lane(wholeLane))
	for range 9 {
		<-made
	}
}
