package replica

import (
	"context"
	"slices"
	"time"

	"flyleaf/qa"
)

// Weeks at rest.
//
// A device may hold a thousand weeks that are over. They stand in the ledger and in
// the views and cost a few hundred bytes each (see brief): no place on a link, no
// graph, fold or document in memory. Such a week is on its link only
//
//   - while something of it waits to be sent, or nothing of it has arrived yet, in
//     turns of at most turnsAtOnce weeks a relay; and
//   - for visitFor after somebody looked at it.
//
// So what others write in an old week arrives when somebody opens it. Weeks that no
// club lists never rest.

const (
	// turnsAtOnce is how many weeks that are over are on the link to one relay at the
	// same time, those that somebody looks at not counted.
	turnsAtOnce = 32
	// turnFor is how long such a week may keep others waiting.
	turnFor = time.Minute
	// visitFor is how long a week that somebody looked at is kept in step.
	visitFor = 10 * time.Minute
	// turnEvery is how often turns are looked at when nothing happens.
	turnEvery = 5 * time.Second
	// maxDocuments is how many documents are in memory at the same time, whoever
	// writes into how many events; those that are written into right now are not
	// counted.
	maxDocuments = 16
)

// whyResting goes with qa.RelayResting.
const whyResting = "the week is over; it is looked at again when somebody opens it"

// rests is what a node knows of weeks at rest; guarded by Node.mu.
type rests struct {
	visited   map[qa.EventID]time.Time // when somebody last looked
	broughtIn map[qa.EventID]bool      // imported in this run, over for long, about to be listed
	turns     map[qa.EventID]time.Time // weeks that are over and on their link: since when
	queue     []qa.EventID             // those that wait for a turn
	queued    map[qa.EventID]bool
	open      []*document // those with a document in memory, the least lately used first
	turn      chan struct{}
}

func newRests() rests {
	return rests{
		visited: map[qa.EventID]time.Time{}, broughtIn: map[qa.EventID]bool{}, turns: map[qa.EventID]time.Time{},
		queued: map[qa.EventID]bool{}, turn: make(chan struct{}, 1),
	}
}

// looked notes that somebody wants to see an event now.
func (n *Node) looked(id qa.EventID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.archived(id, n.cfg.Now()) {
		n.rest.visited[id] = n.cfg.Now()
	}
}

// attend puts an event on its link, or, when it is over, in the queue for a turn.
func (n *Node) attend(id qa.EventID) {
	now := n.cfg.Now()
	n.mu.Lock()
	wait := n.archived(id, now) && now.Sub(n.rest.visited[id]) >= visitFor
	if wait && !n.rest.queued[id] {
		n.rest.queued[id] = true
		n.rest.queue = append(n.rest.queue, id)
	}
	n.mu.Unlock()
	if !wait {
		n.attach(id)
		return
	}
	select {
	case n.rest.turn <- struct{}{}:
	default:
	}
}

// takeTurns runs until Close.
func (n *Node) takeTurns() {
	defer n.work.Done()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		changed := n.client.NextChange()
		n.endTurns()
		n.beginTurns()
		select {
		case <-n.ctx.Done():
			return
		case <-changed:
		case <-n.rest.turn:
		case <-tick.C:
		}
	}
}

// endTurns takes off their links the weeks at rest that are done, or that have kept
// others waiting for long enough.
func (n *Node) endTurns() {
	now := n.cfg.Now()
	attached := n.client.AllAttached()
	n.mu.Lock()
	var on []qa.EventID
	for id := range attached {
		if n.archived(id, now) {
			on = append(on, id)
			if _, ok := n.rest.turns[id]; !ok {
				n.rest.turns[id] = now
			}
		}
	}
	for id := range n.rest.turns {
		if _, ok := attached[id]; !ok {
			delete(n.rest.turns, id)
		}
	}
	waiting := len(n.rest.queue) > 0
	n.mu.Unlock()
	for _, id := range on {
		n.mu.Lock()
		visited, long := now.Sub(n.rest.visited[id]) < visitFor, waiting && now.Sub(n.rest.turns[id]) > turnFor
		n.mu.Unlock()
		if visited {
			continue
		}
		needs, err := n.needsTurn(n.ctx, id)
		if err != nil || !long && (needs || !n.inStep(id)) {
			continue // something is to be exchanged, or may be under way
		}
		n.detach(id)
		if doc, err := n.document(id); err == nil {
			doc.mu.Lock()
			doc.unload(n.ctx)
			doc.mu.Unlock()
		}
		if needs {
			n.attend(id)
		}
	}
}

// inStep reports whether the relay was last known to hold the same.
func (n *Node) inStep(id qa.EventID) bool {
	status, attached := n.client.Status(id)
	return !attached || status.State == qa.RelaySynced
}

// needsTurn reports whether something of a week waits to be sent, or nothing of it
// has arrived.
func (n *Node) needsTurn(ctx context.Context, id qa.EventID) (bool, error) {
	doc, err := n.document(id)
	if err != nil {
		return false, err
	}
	b, err := doc.brief(ctx)
	return b.counts.Pending > 0 || b.counts.Last == 0, err
}

// beginTurns puts waiting weeks on their links, as many as there is room for.
func (n *Node) beginTurns() {
	attached := n.client.AllAttached()
	n.mu.Lock()
	queue := n.rest.queue
	n.rest.queue, n.rest.queued = nil, map[qa.EventID]bool{}
	on := map[string]int{}
	for id := range n.rest.turns {
		if url, ok := attached[id]; ok && n.cfg.Now().Sub(n.rest.visited[id]) >= visitFor {
			on[url]++
		}
	}
	n.mu.Unlock()
	var left []qa.EventID
	for _, id := range queue {
		needs, err := n.needsTurn(n.ctx, id)
		if err != nil || !needs {
			continue
		}
		url, err := n.relayURL(n.ctx, id)
		if err != nil || url == "" {
			continue
		}
		if on[url] >= turnsAtOnce {
			left = append(left, id)
			continue
		}
		on[url]++
		n.mu.Lock()
		n.rest.turns[id] = n.cfg.Now()
		n.mu.Unlock()
		n.attach(id)
	}
	n.mu.Lock()
	for _, id := range n.rest.queue { // came meanwhile
		n.rest.queued[id] = true
	}
	for _, id := range left {
		if !n.rest.queued[id] {
			n.rest.queued[id] = true
			n.rest.queue = append(n.rest.queue, id)
		}
	}
	n.mu.Unlock()
}

// detach ends the exchange of an event with its relay.
func (n *Node) detach(id qa.EventID) {
	n.mu.Lock()
	delete(n.rest.turns, id)
	n.mu.Unlock()
	if n.client.Detach(id) {
		n.subs.notify(qa.Update{Event: id, Status: true})
	}
}

// resting returns the state of a week that is on no link because it is over; false
// for any other event.
func (n *Node) resting(ctx context.Context, id qa.EventID, url string) (qa.RelayStatus, bool) {
	n.mu.Lock()
	archived, queued := n.archived(id, n.cfg.Now()), n.rest.queued[id]
	n.mu.Unlock()
	if !archived {
		return qa.RelayStatus{}, false
	}
	if needs, err := n.needsTurn(ctx, id); err != nil || needs {
		if queued {
			return qa.RelayStatus{URL: url, State: qa.RelayConnecting, Why: "other weeks are exchanged first"}, true
		}
		return qa.RelayStatus{}, false
	}
	return qa.RelayStatus{URL: url, State: qa.RelayResting, Why: whyResting}, true
}

// used notes that an event's document is in memory, and lets go of those that were
// not used for longest. e.mu is held.
func (n *Node) used(doc *document) {
	n.mu.Lock()
	n.rest.open = slices.DeleteFunc(n.rest.open, func(o *document) bool { return o == doc })
	n.rest.open = append(n.rest.open, doc)
	var old []*document
	if over := len(n.rest.open) - maxDocuments; over > 0 {
		old = slices.Clone(n.rest.open[:over])
		n.rest.open = slices.Delete(n.rest.open, 0, over)
	}
	n.mu.Unlock()
	for _, o := range old {
		// One that is in use is let go when it has been idle.
		if o.mu.TryLock() {
			o.unload(n.ctx)
			o.mu.Unlock()
		}
	}
}

// unload lets go of the document and, when the event is on no link, of everything
// else. mu is held.
func (doc *document) unload(ctx context.Context) {
	doc.letGo(ctx)
	if _, attached := doc.node.client.Attached(doc.id); !attached && !doc.closed {
		doc.forget()
	}
}
