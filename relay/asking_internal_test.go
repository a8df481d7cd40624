package relay

import (
	"testing"

	"flyleaf/crdt/graph"
	amsync "flyleaf/crdt/sync"
	"flyleaf/qa"
)

// TestChallengeEndsTheCurrentMessage: if a device loses the right to read while the relay handles its
// message over several turns, the relay sends to it again once it proves a role.
func TestChallengeEndsTheCurrentMessage(t *testing.T) {
	r := newTestRelay(t)
	s := newSession(r)
	d := newDocument(r, "an event")
	d.graph = graph.New()
	d.members[s] = &member{peer: amsync.NewPeer(), receiving: true, identity: "somebody"}
	d.challenge(s, d.members[s])
	if p := d.members[s]; p.receiving || p.identity != "" {
		t.Errorf("after the challenge: receiving %t, identity %q", p.receiving, p.identity)
	}
}

// TestWholeDocumentsAreMadeInTurns: if one address asks for whole documents on many connections, another
// address waits for at most one of them. A connection that ends no longer waits.
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
		d.broken = true // so that no document is made; the test is about the turns
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
		t.Error("a connection other than the ended one stopped waiting")
	}
	ask(from(other))
	waiting(9)
	// Sessions pass their turn on before this test counts them, so the order of counting is not the
	// order of the turns. The list of ready lanes has the order.
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
		t.Errorf("%d lanes are ahead of the other address, at most 1 should be", ahead)
	}
	r.wholes.making.release(first.lane(wholeLane))
	for range 9 {
		<-made
	}
}
