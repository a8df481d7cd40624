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

// TestDocumentChunksAreMadeInTurns: if one address asks for document chunks on many connections, another
// address waits for at most one of them. A connection that ends no longer waits.
func TestDocumentChunksAreMadeInTurns(t *testing.T) {
	r := newTestRelay(t)
	busy, other := &account{}, &account{}
	from := func(a *account) *session {
		s := newSession(r)
		s.account = a
		return s
	}
	first := from(busy)
	if !r.documentChunks.making.acquire(first.lane(documentChunkLane), false, first.quit) {
		t.Fatal("the first does not get its turn")
	}
	made := make(chan *account, 16)
	ask := func(s *session) {
		d := newDocument(r, qa.EventID("an event"))
		d.broken = true // so that no document is made; the test is about the turns
		go func() {
			d.makeDocumentChunk(s)
			made <- s.account
		}()
	}
	waiting := func(n int) {
		for {
			r.documentChunks.making.mu.Lock()
			got := len(busy.lanes[documentChunkLane].waiting) + len(other.lanes[documentChunkLane].waiting)
			r.documentChunks.making.mu.Unlock()
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
	r.documentChunks.making.mu.Lock()
	ahead := 0
	for _, l := range r.documentChunks.making.ready[0] {
		if l == &other.lanes[documentChunkLane] {
			break
		}
		ahead++
	}
	r.documentChunks.making.mu.Unlock()
	if ahead > 1 {
		t.Errorf("%d lanes are ahead of the other address, at most 1 should be", ahead)
	}
	r.documentChunks.making.release(first.lane(documentChunkLane))
	for range 9 {
		<-made
	}
}
