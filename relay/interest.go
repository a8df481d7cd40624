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

// interest is what is kept of a connection that spoke about a document that is not
// here: enough to tell it when there is one. No graph and no sync state is
// kept, so it does not matter how many IDs strangers think of. Guarded by relay.mu.
type interest struct {
	session   *session
	event     qa.EventID
	requested bool // sent a request that is not answered by anything yet
	answered  bool // was told that the document is unavailable
	hasSome   bool // says that it has some of it
	again     bool // offered what could not be taken, and is to be asked for it again
	replies   int  // to what it said that it has
}

// interests are those of all connections. Guarded by relay.mu.
type interests struct {
	of    map[qa.EventID][]*interest
	from  map[*account]int // how many, by address; nil is this machine
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

// interest returns the session's interest in a document that is not here, noted now if
// it was not. When there are too many of an address, or in all, one of the address with
// the most is forgotten: its peer is not told when the event is begun, unless it asks
// again. r.mu is held.
func (r *Relay) interest(s *session, event qa.EventID) *interest {
	if i := s.interests[event]; i != nil {
		return i
	}
	all := &r.interests
	switch full, mine := all.count >= r.limits.Interests, all.from[s.account]; {
	case !full && mine < r.limits.InterestsFromAddress:
	case len(s.interests) > 0 && (!full || mine*len(all.from) >= all.count):
		// Its own, if its address has its share: who asks without end should not cost
		// a look at everybody each time.
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

// forgetInterest forgets one of the address's, of its connection with the most.
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

// answerRequests tells those who asked for a document that is not here that it is
// unavailable, unless somebody who is connected has said that they have some of it.
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
			i.session.tell(&repo.Message{Type: repo.TypeUnavailable, TargetID: i.session.peer, DocumentID: string(event)})
		}
	}
}

// handleAbsent handles a sync message about a document that is not here. One that brings
// what it begins with puts the document into memory, and so does one that brings what may wait for
// that, of which there are few.
// Looked is how many documents had been founded before it was looked for this one.
func (s *session) handleAbsent(m *repo.Message, msg *wire.Message, event qa.EventID, looked int64) (*document, error) {
	r := s.relay
	s.out.waitForSpace() // who has 1,000 weeks asks for them all at once
	if len(msg.Changes) > 0 {
		begins, err := s.bringsFirstChange(msg, event)
		if err != nil {
			return nil, err
		}
		why := quota.Deferral{Code: policy.CodeWaitingFull}
		if begins {
			why = r.mayFound(s.account, r.cfg.Now())
		} else if r.mayKeepUnfounded(s.account, nil) {
			why = quota.Deferral{}
		}
		if why.Code == "" {
			return s.startDocument(event)
		}
		s.deferAll(msg, event, why)
		return nil, s.joinIfFounded(event, looked)
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
	missed := r.foundings.Load() != looked
	r.mu.Unlock()
	if missed { // perhaps this one, before the interest was noted
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

// bringsFirstChange says whether one of a message's changes begins the document, or any may. Hashing
// them is charged first, and given back as it is for a change that is put off.
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

// joinIfFounded makes the session a member of a document that was founded after it was
// looked for, and before the session's interest was noted.
func (s *session) joinIfFounded(event qa.EventID, looked int64) error {
	if s.relay.foundings.Load() == looked {
		return nil
	}
	d, _, err := s.document(string(event))
	if d != nil {
		s.out.schedule(d)
	}
	return err
}

// answerWithNothing answers what somebody says that they have of a document of which nothing is
// here, as a peer that has nothing does.
func (s *session) answerWithNothing(msg *wire.Message, event qa.EventID) {
	g, p := graph.New(), amsync.NewPeer()
	if msg != nil {
		p.Receive(g, msg, nil, nil)
	}
	answer, ok, err := p.Generate(emptySource{g})
	if err != nil || !ok {
		return
	}
	s.tell(&repo.Message{Type: repo.TypeSync, TargetID: s.peer, DocumentID: string(event), Data: answer.Encode()})
}

// emptySource is what hello is made from.
type emptySource struct{ g *graph.Graph }

// Graph implements amsync.Source.
func (s emptySource) Graph() *graph.Graph { return s.g }

// Change implements amsync.Source.
func (s emptySource) Change(wire.Hash) (amsync.Change, error) {
	return amsync.Change{}, errors.New("relay: nothing is here")
}

// deferAll tells the peer that none of a message's changes is taken now. It is asked
// for them again when they can be.
func (s *session) deferAll(msg *wire.Message, event qa.EventID, why quota.Deferral) {
	var told []repo.Refused
	for _, b := range msg.Changes[:min(len(msg.Changes), maxRefusals)] {
		if h, err := wire.ReadHash(b); err == nil {
			told = append(told, refused(h, &policy.Refusal{Code: why.Code, Reason: reasonFor(why)}))
		}
	}
	s.relay.mu.Lock()
	i := s.relay.interest(s, event)
	i.hasSome = true
	if why.Code == policy.CodeWaitingFull {
		i.replies++ // without a beginning it may be put off again and again
	}
	if i.again = i.replies < maxReplies; i.again {
		s.relay.interests.again[i] = true
	}
	s.relay.mu.Unlock()
	s.tell(&repo.Message{Type: repo.TypeRefused, TargetID: s.peer, DocumentID: string(event), Refused: told})
}

// askInterested asks for what could not be taken before anything of its document was here:
// a few of each address at a time.
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

// startDocument puts a document that is not here into memory, for what the session brings.
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

// leaveUnlessFounded is called when the session has offered something for a document that may not
// be here yet. If nothing of it could be taken, or let wait, the document is given up, and
// what is left is an interest.
func (s *session) leaveUnlessFounded(d *document, has, asks bool) error {
	if d.founded.Load() {
		return nil
	}
	looked := s.relay.foundings.Load()
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
	if err := s.joinIfFounded(d.event, looked); err != nil {
		return err
	}
	s.relay.answerRequests(d.event)
	return nil
}

// mayKeepUnfounded says whether something may wait for the beginning of a document: nil for
// one more, or a document, which is counted from then on until it is gone or founded.
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

// announceFounded makes known that there is something of the document on disk: those who
// asked for it become members. d.mu is held.
func (d *document) announceFounded() {
	if d.founded.Load() || d.graph.Len() == 0 {
		return
	}
	d.founded.Store(true)
	d.relay.mu.Lock()
	defer d.relay.mu.Unlock()
	delete(d.relay.unfounded, d)
	d.relay.foundings.Add(1) // who notes an interest from here on looks again
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

// takeFounded takes what has become of the session's interests into its documents.
func (s *session) takeFounded() {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	for _, d := range s.founded {
		s.documents[d.event] = d
	}
	s.founded = nil
}

// gone is the end of the session's interests and memberships. Its reader has ended.
func (s *session) leaveAll() {
	r := s.relay
	r.mu.Lock()
	events := make([]qa.EventID, 0, len(s.interests))
	for event, i := range s.interests {
		r.interests.drop(i)
		events = append(events, event)
	}
	r.mu.Unlock()
	s.takeFounded() // nothing comes any more
	for _, d := range s.documents {
		d.leave(s)
	}
	for _, event := range events {
		r.answerRequests(event) // this one may have been the last hope
	}
}

// isStored reports whether the ledger has anything of a document.
func (r *Relay) isStored(event qa.EventID) (bool, error) {
	err := r.cfg.Store.Entries(context.Background(), event, 0, func(storage.Entry) error { return errFoundEntry })
	if errors.Is(err, errFoundEntry) || errors.Is(err, storage.ErrDamaged) {
		return true, nil
	}
	return false, err
}

var errFoundEntry = errors.New("relay: there is something")

// freeDocumentSlot makes space for one more document in use, when there are as many as there
// may be: idle ones go first, then a connection of the address that uses the most is
// ended, if the one that asks uses fewer. r.mu is held.
func (r *Relay) freeDocumentSlot(s *session) bool {
	ending := 0 // documents of connections that have been told to end
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

// loadSlots are how many documents are being read from the ledger, by address.
type loadSlots struct {
	mu    sync.Mutex
	free  sync.Cond
	count int
	from  map[*account]int
}

// acquireLoadSlot waits until the address may have one more document read, and returns what is
// to be called when that is done.
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
