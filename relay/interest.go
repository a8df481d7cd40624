package relay

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// interest is a connection's interest in a document that the relay does not have:
// enough to answer when the document appears. An interest has no graph and no sync state, so strangers
// may request any number of made-up IDs. Guarded by relay.mu.
type interest struct {
	session   *session
	event     qa.EventID
	requested bool // the peer sent a request that has not been answered yet
	answered  bool // the peer was told that the document is unavailable
	hasSome   bool // the peer said that it has changes of the document
	again     bool // the peer offered changes that could not be accepted, and will be asked for them again
	replies   int  // answers to messages in which the peer said that it has changes
}

// interests holds the interests of all connections. Guarded by relay.mu.
type interests struct {
	of    map[qa.EventID][]*interest
	from  map[*account]int // number by address; the nil account is this machine
	count int
	again map[*interest]bool
}

func newInterests() interests {
	return interests{of: map[qa.EventID][]*interest{}, from: map[*account]int{}, again: map[*interest]bool{}}
}

func (all *interests) drop(i *interest) {
	list := slices.DeleteFunc(all.of[i.event], func(o *interest) bool { return o == i })
	if len(list) == 0 {
		delete(all.of, i.event)
	} else {
		all.of[i.event] = list
	}
	delete(all.again, i)
	delete(i.session.interests, i.event)
	all.count--
	if all.from[i.session.account]--; all.from[i.session.account] <= 0 {
		delete(all.from, i.session.account)
	}
}

// interest returns the session's interest in a document that the relay does not have,
// and records it if it is new. When one address, or all addresses together, have too many, one
// interest of the address with the most is dropped. The peer of the dropped interest is not told
// when the event is created, unless it asks again. r.mu is held.
func (r *Relay) interest(s *session, event qa.EventID) *interest {
	if i := s.interests[event]; i != nil {
		return i
	}
	all := &r.interests
	switch full, mine := all.count >= r.limits.Interests, all.from[s.account]; {
	case !full && mine < r.limits.InterestsFromAddress:
	case len(s.interests) > 0 && (!full || mine*len(all.from) >= all.count):
		// If the address has its share, drop an interest of this session, so that a
		// peer that asks without end does not cause a search over all sessions each
		// time.
		for _, i := range s.interests {
			all.drop(i)
			break
		}
	case !full:
		r.forgetInterest(s.account)
	default:
		most := s.account
		for a, n := range all.from {
			if n > all.from[most] {
				most = a
			}
		}
		r.forgetInterest(most)
	}
	i := &interest{session: s, event: event}
	s.interests[event] = i
	all.of[event] = append(all.of[event], i)
	all.from[s.account]++
	all.count++
	return i
}

// forgetInterest drops an interest of an address, of its connection with the most.
func (r *Relay) forgetInterest(of *account) {
	var most *session
	for s := range r.sessions {
		if s.account == of && len(s.interests) > 0 && (most == nil || len(s.interests) > len(most.interests)) {
			most = s
		}
	}
	if most == nil {
		return
	}
	for _, i := range most.interests {
		r.interests.drop(i)
		return
	}
}

// answerRequests tells the peers that requested a document which the relay does not
// have that it is unavailable, unless a connected peer has said that it has changes of
// it.
func (r *Relay) answerRequests(event qa.EventID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.interests.of[event]
	if slices.ContainsFunc(list, func(i *interest) bool { return i.hasSome }) {
		return
	}
	for _, i := range list {
		if i.requested && !i.answered {
			i.answered = true
			i.session.queueMessage(&repo.Message{Type: repo.TypeUnavailable, TargetID: i.session.peer, DocumentID: string(event)})
		}
	}
}

// handleAbsent handles a sync message about a document that the relay does not have. A
// message with the document's first change creates the document in memory. So does a
// message with changes that wait for the first one, but only for a few documents at a
// time. foundingsBefore is the value of relay.foundings from before this document was
// looked up.
func (s *session) handleAbsent(m *repo.Message, msg *wire.Message, event qa.EventID, foundingsBefore int64) (*document, error) {
	r := s.relay
	s.out.waitForSpace() // a device with 1,000 weeks requests them all at once
	if len(msg.Changes) > 0 {
		begins, err := s.bringsFirstChange(msg, event)
		if err != nil {
			return nil, err
		}
		why := quota.Deferral{Code: policy.CodePendingFull}
		if begins {
			why = r.mayFound(s.account, r.cfg.Now())
		} else if r.mayKeepUnfounded(s.account, nil) {
			why = quota.Deferral{}
		}
		if why.Code == "" {
			return s.startDocument(event)
		}
		s.deferAll(msg, event, why)
		return nil, s.joinIfFounded(event, foundingsBefore)
	}
	r.mu.Lock()
	i := r.interest(s, event)
	i.hasSome = len(msg.Heads) > 0
	reply := i.hasSome && i.replies < maxReplies
	if reply {
		i.replies++
	}
	if m.Type == repo.TypeRequest {
		i.requested, i.answered = true, false
	}
	missed := r.foundings.Load() != foundingsBefore
	r.mu.Unlock()
	if missed { // perhaps this document was created before the interest was recorded
		if d, _, err := s.document(string(event)); d != nil || err != nil {
			return d, err
		}
	}
	if reply {
		s.answerWithNothing(msg, event)
	}
	r.answerRequests(event)
	return nil, nil
}

// bringsFirstChange reports whether one of a message's changes creates the document.
// Hashing them is charged first, and partly refunded, as for a deferred change.
func (s *session) bringsFirstChange(msg *wire.Message, event qa.EventID) (found bool, err error) {
	if s.relay.cfg.Open {
		return true, nil
	}
	size := 0
	for _, b := range msg.Changes {
		size += len(b)
	}
	cost := costMessage + costKiB*float64(size)/1024
	if err := s.charge(wasteFactor * cost); err != nil {
		return false, err
	}
	if err := s.inTurn(func() {
		found = slices.ContainsFunc(msg.Changes, func(b []byte) bool {
			h, err := wire.ReadHash(b)
			return err == nil && qa.EventIDFromGenesis(h) == event
		})
	}); err != nil {
		return false, err
	}
	if found {
		return true, s.charge(-wasteFactor * cost)
	}
	return false, s.charge((deferredShare - wasteFactor) * cost)
}

// joinIfFounded makes the session a member of a document that was created after it was
// looked up and before the session's interest was recorded.
func (s *session) joinIfFounded(event qa.EventID, foundingsBefore int64) error {
	if s.relay.foundings.Load() == foundingsBefore {
		return nil
	}
	d, _, err := s.document(string(event))
	if d != nil {
		s.out.schedule(d)
	}
	return err
}

// answerWithNothing answers a peer that has changes of a document that the relay does not have. It
// answers like a peer without changes.
func (s *session) answerWithNothing(msg *wire.Message, event qa.EventID) {
	g, p := graph.New(), amsync.NewPeer()
	if msg != nil {
		p.Receive(g, msg, amsync.Received{})
	}
	answer, ok, err := p.Generate(emptySource{g})
	if err != nil || !ok {
		return
	}
	s.queueMessage(&repo.Message{Type: repo.TypeSync, TargetID: s.peer, DocumentID: string(event), Data: answer.Encode()})
}

// emptySource is a document without changes, for answerWithNothing.
type emptySource struct{ g *graph.Graph }

// Graph implements amsync.Source.
func (s emptySource) Graph() *graph.Graph { return s.g }

// Change implements amsync.Source.
func (s emptySource) Change(wire.Hash) (amsync.Change, error) {
	return amsync.Change{}, errors.New("relay: an empty source has no changes")
}

// deferAll tells the peer that none of a message's changes is accepted now. It is asked
// for them again when they can be accepted.
func (s *session) deferAll(msg *wire.Message, event qa.EventID, why quota.Deferral) {
	var told []repo.Refusal
	for _, b := range msg.Changes[:min(len(msg.Changes), maxRefusals)] {
		if h, err := wire.ReadHash(b); err == nil {
			told = append(told, refused(h, &policy.Refusal{Code: why.Code, Reason: reasonFor(why)}))
		}
	}
	s.relay.mu.Lock()
	i := s.relay.interest(s, event)
	i.hasSome = true
	if why.Code == policy.CodePendingFull {
		i.replies++ // without the first change the message may be deferred again and again
	}
	if i.again = i.replies < maxReplies; i.again {
		s.relay.interests.again[i] = true
	}
	s.relay.mu.Unlock()
	s.queueMessage(&repo.Message{Type: repo.TypeRefused, TargetID: s.peer, DocumentID: string(event), Refused: told})
}

// askInterested requests the changes that could not be accepted before the document had
// any: from a few documents of each address at a time.
func (r *Relay) askInterested() {
	now := r.cfg.Now()
	asked := map[*account]int{}
	var ask []*interest
	r.mu.Lock()
	for i := range r.interests.again {
		a := i.session.account
		if asked[a] >= a.quota().FoundingsLeft(r.totals.Quotas(), maxAskedAgain, now) || r.mayFound(a, now).Code != "" {
			continue
		}
		asked[a]++
		i.again = false
		delete(r.interests.again, i)
		ask = append(ask, i)
	}
	r.mu.Unlock()
	for _, i := range ask {
		i.session.answerWithNothing(nil, i.event)
	}
}

// startDocument creates a document in memory for the changes that the session sent.
func (s *session) startDocument(event qa.EventID) (*document, error) {
	d, err := s.relay.acquireDocument(s, event)
	if err != nil {
		return nil, err
	}
	if err := s.enter(d); err != nil {
		return nil, err
	}
	return d, nil
}

// leaveUnlessFounded is called when the session has offered changes for a document that
// the relay may not have. If none was accepted or is pending, the session leaves the
// document, and an interest remains.
func (s *session) leaveUnlessFounded(d *document, has, asks bool) error {
	if d.founded.Load() {
		return nil
	}
	foundingsBefore := s.relay.foundings.Load()
	d.mu.Lock()
	waits, later := len(d.pending) > 0, false
	if m := d.members[s]; m != nil {
		later = len(m.deferred) > 0
	}
	here := d.graph != nil && d.graph.Len() > 0
	d.mu.Unlock()
	if here || waits && s.relay.mayKeepUnfounded(s.account, d) {
		return nil
	}
	delete(s.documents, d.event)
	d.leave(s)
	s.relay.mu.Lock()
	i := s.relay.interest(s, d.event)
	i.hasSome = has && (waits || later)
	if i.again = waits || later; i.again {
		s.relay.interests.again[i] = true
	}
	if asks {
		i.requested, i.answered = true, false
	}
	s.relay.mu.Unlock()
	if err := s.joinIfFounded(d.event, foundingsBefore); err != nil {
		return err
	}
	s.relay.answerRequests(d.event)
	return nil
}

// mayKeepUnfounded reports whether the changes of a document may wait for its first change. With d
// == nil it only asks about one more document. Otherwise d is counted from then on, until it is
// dropped or its first change arrives.
func (r *Relay) mayKeepUnfounded(from *account, d *document) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d != nil {
		if _, counted := r.unfounded[d]; counted {
			return true
		}
	}
	mine := 0
	for _, a := range r.unfounded {
		if a == from {
			mine++
		}
	}
	if len(r.unfounded) >= MaxUnfounded || from != nil && mine >= MaxUnfoundedFrom {
		return false
	}
	if d != nil {
		r.unfounded[d] = from
	}
	return true
}

// announceFounded is called when the first changes of a document are on disk: the peers
// that asked for it become members. d.mu is held.
func (d *document) announceFounded() {
	if d.founded.Load() || d.graph.Len() == 0 {
		return
	}
	d.founded.Store(true)
	d.relay.mu.Lock()
	defer d.relay.mu.Unlock()
	delete(d.relay.unfounded, d)
	d.relay.foundings.Add(1) // sessions that record an interest from here on look the document up again
	for _, i := range slices.Clone(d.relay.interests.of[d.event]) {
		s := i.session
		d.relay.interests.drop(i)
		if d.members[s] != nil {
			continue
		}
		d.users++
		d.relay.inUse[s.account]++
		s.inUse++
		d.join(s)
		s.founded = append(s.founded, d)
		s.out.schedule(d)
	}
}

// addFounded moves documents that were created meanwhile from the session's interests to its
// documents.
func (s *session) addFounded() {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	for _, d := range s.founded {
		s.documents[d.event] = d
	}
	s.founded = nil
}

// leaveAll ends the session's interests and memberships. Its reader has ended.
func (s *session) leaveAll() {
	r := s.relay
	r.mu.Lock()
	events := make([]qa.EventID, 0, len(s.interests))
	for event, i := range s.interests {
		r.interests.drop(i)
		events = append(events, event)
	}
	r.mu.Unlock()
	s.addFounded() // no more are added after this
	for _, d := range s.documents {
		d.leave(s)
	}
	for _, event := range events {
		r.answerRequests(event) // this session may have been the last one with changes of the document
	}
}

// isStored reports whether the ledger has any change of a document.
func (r *Relay) isStored(event qa.EventID) (bool, error) {
	err := r.cfg.Store.Entries(context.Background(), event, 0, func(storage.Entry) error { return errFoundEntry })
	if errors.Is(err, errFoundEntry) || errors.Is(err, storage.ErrDamaged) {
		return true, nil
	}
	return false, err
}

var errFoundEntry = errors.New("relay: the ledger has an entry")

// freeDocumentSlot makes space for one more document in use when the limit is reached:
// it drops idle documents, or else ends a connection of the address that uses the most,
// if the asking address uses fewer. r.mu is held.
func (r *Relay) freeDocumentSlot(s *session) bool {
	ending := 0 // documents of sessions that were told to end
	for o := range r.ending {
		ending += o.inUse
	}
	if len(r.documents)-ending < r.limits.DocumentsInUse || r.dropIdle(0) {
		return true
	}
	most := s.account
	for a, n := range r.inUse {
		if n > r.inUse[most] {
			most = a
		}
	}
	if r.inUse[most] <= r.inUse[s.account]+1 {
		return false
	}
	var worst *session
	for o := range r.sessions {
		if o.account == most && !r.ending[o] && o.inUse > 0 && (worst == nil || o.inUse > worst.inUse) {
			worst = o
		}
	}
	if worst == nil {
		return false
	}
	r.ending[worst] = true
	worst.end(websocket.CloseTryAgainLater, "the relay needs space for documents of others: your address uses the most")
	return true
}

// loadSlots counts the documents that are being read from the ledger, by address.
type loadSlots struct {
	mu    sync.Mutex
	free  sync.Cond
	count int
	from  map[*account]int
}

// acquireLoadSlot waits until the address may have one more document read. Call done
// after reading.
func (r *Relay) acquireLoadSlot(from *account) (done func()) {
	l := &r.loadSlots
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.count >= MaxLoading || from != nil && l.from[from] >= MaxLoadingFrom {
		l.free.Wait()
	}
	l.count++
	l.from[from]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count--
		if l.from[from]--; l.from[from] == 0 {
			delete(l.from, from)
		}
		l.free.Broadcast()
	}
}
