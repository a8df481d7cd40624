package relay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"flyleaf/crdt/graph"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/trust"
)

// putOff is a change that was deferred, until it may be taken.
type putOff struct {
	change *change // only within the commit
	hash   wire.Hash
	writer qa.Identity
	cost   float64
	size   int64
	code   trust.Code
}

// held is a change that waits for others, and who sent it.
type held struct {
	change
	from *session
}

// person is what a room knows of somebody who writes in it.
type person struct {
	units bucket
	bytes int64 // that are in the document
}

// admit is what the graph asks before it applies a change: all that it builds on
// is there, and it fits.
func (r *room) admit(m graph.Meta) error {
	c := r.current
	if c == nil || c.Hash != m.Hash { // it waited
		w, ok := r.waiting[m.Hash]
		if !ok {
			return fmt.Errorf("relay: change %s comes from nowhere", m.Hash)
		}
		var err error
		if c, err = wire.DecodeChange(w.bytes); err != nil {
			return err
		}
	}
	if !r.trusting {
		if err := r.gate.Judge(c); err != nil {
			return err
		}
	}
	return r.gate.Add(c)
}

// take adds a submission's changes to the graph, and those to be stored to the
// room's batch, each after what it depends on. r.mu is held, and stays so until
// they are stored.
func (r *room) take(sub *submission) {
	if sub.proof != nil {
		r.takeProof(sub)
		return
	}
	m := r.reader(sub.from)
	if m == nil {
		return
	}
	before := r.graph.Heads()
	now := r.relay.cfg.Now()
	for i := range sub.changes {
		r.offer(sub, &sub.changes[i], now)
	}
	// What was put off and is waited for by what came behind it is taken all the
	// same, the last first: it waits for those before it in turn.
	for i := len(sub.putOff) - 1; i >= 0; i-- {
		if p := sub.putOff[i]; r.graph.Awaited(p.hash) {
			sub.putOff = slices.Delete(sub.putOff, i, i+1)
			r.offer(sub, p.change, now)
		}
	}
	for i := range sub.putOff {
		p := &sub.putOff[i]
		r.below.put(p.hash, p.change.meta.Deps)
		sub.postpone(p.hash, &trust.Refusal{Code: p.code, Reason: deferredFor[p.code]})
		p.change = nil
	}
	m.later = append(m.later, sub.putOff...)
	if len(sub.putOff) > 0 {
		r.deferring.Store(true)
	}
	m.peer.Receive(r.graph, sub.message, before, sub.refusedHashes)
	m.takesWhole = amsync.TakesWhole(sub.message.Trailing)
	m.peer.Defer(sub.notNow...)
}

// deferredFor says why, to a person.
var deferredFor = map[trust.Code]string{
	trust.CodeBlocked:     "Its writer is blocked in this event; it stays on the device that wrote it.",
	trust.CodeRate:        "Too much was written in a short time; the relay asks for it again by itself.",
	trust.CodeQuota:       "Its writer has written as much as one person without a role may, or the event holds as much as it can of people without one; an organiser can give its writer a role.",
	trust.CodeHeads:       "Too much was written at the same time by people who did not have each other's words yet; the relay asks for it again by itself.",
	trust.CodeWaitingFull: "Too many changes wait for others that have not arrived; the relay asks for it again by itself.",
	trust.CodeFull:        "The event holds as many changes of that kind as it can.",
}

// offer takes one change, lets it wait, defers or refuses it. r.mu is held.
func (r *room) offer(sub *submission, c *change, now time.Time) {
	h := c.meta.Hash
	if r.graph.Has(h) || r.graph.Waiting(h) {
		return
	}
	if why := r.excluded(c); why != nil {
		r.refuse(h)
		sub.refuse(h, why)
		r.rejected(sub)
		return
	}
	if c.decoded == nil && r.gate != nil { // too much was decoded at a time to keep it
		d, err := wire.DecodeChange(c.bytes)
		if err != nil {
			sub.refuse(h, trust.RefusalOf(err))
			return
		}
		c.decoded = d
		defer func() { c.decoded = nil }()
	}
	if code := r.notNow(sub.from, c, now); code != "" {
		sub.putOff = append(sub.putOff, putOff{
			change: c, hash: h, writer: c.writer, cost: units(len(c.bytes)), size: int64(len(c.bytes)), code: code,
		})
		return
	}
	r.charge(sub.from, c, now)
	r.current = c.decoded
	added, err := r.graph.Add(c.meta)
	r.current = nil
	switch {
	case errors.Is(err, graph.ErrWaitingFull), errors.Is(err, graph.ErrFull):
		sub.putOff = append(sub.putOff, putOff{change: c, hash: h, writer: c.writer, code: trust.RefusalOf(err).Code})
	case errors.Is(err, graph.ErrDuplicateSeq) && r.gate != nil:
		sub.refuse(h, trust.RefusalOf(err))
		r.refuse(h)
		r.usedTwice(sub.from, c, now)
	case err != nil:
		sub.refuse(h, trust.RefusalOf(err))
		r.refuse(h)
	}
	for _, a := range added {
		e := c
		if a != h {
			w := r.waiting[a]
			e = &w.change
			r.unhold(a)
		}
		r.batch.Entries = append(r.batch.Entries, e.entry(now.UnixMilli(), storage.InDocument))
		r.fresh[a] = stored{e.bytes, e.signature}
		r.count(e.writer, len(e.bytes))
	}
	if r.graph.Has(h) || r.graph.Waiting(h) {
		c.decoded = nil // it takes more than its bytes, which are there
	}
	if r.graph.Waiting(h) {
		r.hold(sub.from, c)
	}
	r.rejected(sub)
}

// hold notes a change that the graph has waiting, and asks those who offered what
// it waits for before for that again.
func (r *room) hold(from *session, c *change) {
	r.waiting[c.meta.Hash] = held{*c, from}
	r.waits[from]++
	r.relay.held.Add(int64(len(c.bytes)))
	missing := r.withDeferred(r.graph.MissingFrom([]wire.Hash{c.meta.Hash}))
	for s, m := range r.members {
		if m.peer.Ask(missing...) {
			s.out.touch(r)
		}
	}
}

// withDeferred adds to changes that are missing what lies below them, as far as it
// is known from having been deferred: what is asked for together comes together.
func (r *room) withDeferred(missing []wire.Hash) []wire.Hash {
	for i := 0; i < len(missing); i++ {
		r.wanted.put(missing[i], struct{}{})
		below, _ := r.below.take(missing[i]) // so each is gone through once
		for _, d := range below {
			if r.below.has(d) {
				missing = append(missing, d)
			}
		}
	}
	return missing
}

// unhold is the end of what hold began.
func (r *room) unhold(h wire.Hash) {
	w, ok := r.waiting[h]
	if !ok {
		return
	}
	r.relay.held.Add(-int64(len(w.bytes)))
	delete(r.waiting, h)
	if r.waits[w.from]--; r.waits[w.from] <= 0 {
		delete(r.waits, w.from)
	}
}

// notNow says whether a change is to be deferred, and why; "" when it is not. What
// is waited for is not: whoever wrote what waits was found to be in order, and is
// not cut off by what it builds on.
func (r *room) notNow(from *session, c *change, now time.Time) trust.Code {
	h := c.meta.Hash
	ready := !slices.ContainsFunc(c.meta.Deps, func(d wire.Hash) bool { return !r.graph.Has(d) })
	if !ready && !r.makeRoom(from, int64(len(c.bytes))) {
		return trust.CodeWaitingFull
	}
	if r.gate != nil && r.gate.Rulings() >= r.relay.limits.Rulings && r.gate.Rules(c.decoded) {
		return trust.CodeFull
	}
	if _, wanted := r.wanted.take(h); wanted || r.graph.Awaited(h) {
		return ""
	}
	if ready && r.headsFull() && !r.replacesHead(c) {
		return trust.CodeHeads
	}
	if r.gate == nil {
		return ""
	}
	if r.gate.Blocked(c.writer) {
		return trust.CodeBlocked
	}
	return r.overQuota(from.account, c.writer, units(len(c.bytes)), int64(len(c.bytes)), 0, 0, now)
}

// standing is what somebody's quotas depend on.
type standing uint8

const (
	stranger standing = iota
	withRole
	organiser
)

func (r *room) standing(who qa.Identity) standing {
	switch {
	case r.gate.HoldsRole(who, qa.RoleOrganiser):
		return organiser
	case r.gate.HoldsRole(who, qa.RoleAuthor, qa.RoleModerator, qa.RoleMember):
		return withRole
	}
	return stranger
}

// overQuota returns the code of a quota that a change is beyond, "" for none.
// Planned is what is to be counted as spent by its writer, and its address.
func (r *room) overQuota(address *account, who qa.Identity, cost float64, size int64, plannedBy, plannedFrom float64, now time.Time) trust.Code {
	q := &r.relay.cfg.Quotas
	p, stands := r.people[who], r.standing(who)
	if p == nil && len(r.people) >= MaxPeople {
		return trust.CodeQuota
	}
	if stands != organiser {
		units, bytes := q.person(stands == withRole)
		var none person
		if p == nil {
			p = &none
		}
		switch {
		case !p.units.has(units, now, cost, plannedBy):
			return trust.CodeRate
		case bytes >= 0 && p.bytes+size > bytes:
			return trust.CodeQuota
		case stands == stranger && q.EventBytes >= 0 && r.bytes+size > q.EventBytes:
			return trust.CodeQuota
		}
	}
	if !address.affords(q, now, cost, plannedFrom, stands, r.newcomer(who, stands)) {
		return trust.CodeRate
	}
	return ""
}

// newcomer reports whether somebody counts as new here.
func (r *room) newcomer(who qa.Identity, stands standing) bool {
	return stands == stranger && r.people[who] == nil
}

// charge takes what a change costs, owed where it is not there.
func (r *room) charge(from *session, c *change, now time.Time) {
	if r.gate == nil {
		return
	}
	q := &r.relay.cfg.Quotas
	stands := r.standing(c.writer)
	cost := units(len(c.bytes))
	from.account.spend(cost, stands, r.newcomer(c.writer, stands))
	p := r.people[c.writer]
	if p == nil {
		if len(r.people) >= MaxPeople {
			return
		}
		p = &person{}
		r.people[c.writer] = p
	}
	if stands != organiser {
		units, _ := q.person(stands == withRole)
		p.units.left(units, now)
		p.units.spend(cost)
	}
}

// headsFull reports whether there are as many heads as there may be.
func (r *room) headsFull() bool {
	// Fewer changes, fewer heads; to count them is dearer.
	return r.graph.Len() >= MaxHeads && r.graph.HeadsLen() >= MaxHeads
}

func (r *room) replacesHead(c *change) bool {
	return slices.ContainsFunc(c.meta.Deps, r.graph.IsHead)
}

// makeRoom reports whether one more change of a session may wait. When there are
// too many, one of the session with the most has to go: who fills the room cannot
// keep the others out.
func (r *room) makeRoom(from *session, size int64) bool {
	if r.relay.held.Load()+size > MaxWaitingBytes {
		return false
	}
	if len(r.waiting) < MaxWaiting {
		return true
	}
	var most *session
	for s, n := range r.waits {
		if most == nil || n > r.waits[most] {
			most = s
		}
	}
	if r.waits[most] <= r.waits[from]+1 {
		return false
	}
	for h, w := range r.waiting {
		if w.from == most {
			r.graph.Forget(h)
			r.unhold(h)
			return true
		}
	}
	return false
}

// refuse remembers that a change is invalid, so that nobody is asked for it and
// what builds on it need not wait. r.mu is held.
func (r *room) refuse(h wire.Hash) {
	r.refused.put(h, struct{}{})
	r.graph.Refuse(h)
}

// excluded says whether a change cannot be part of the document, whatever it says.
func (r *room) excluded(c *change) *trust.Refusal {
	if n, lied := r.liars[c.meta.Actor]; lied && c.meta.Seq >= n.seq {
		return trust.RefusalOf(graph.ErrDuplicateSeq)
	}
	if slices.ContainsFunc(c.meta.Deps, r.isOut) {
		return trust.RefusalOf(graph.ErrDependsOnRefused)
	}
	return nil
}

// isOut reports whether a change was refused here, or has left the document.
func (r *room) isOut(h wire.Hash) bool {
	_, left := r.left[h]
	return left || r.refused.has(h)
}

// rejected tells those who sent them of waiting changes that were refused after
// all. r.mu is held.
func (r *room) rejected(sub *submission) {
	for _, rejection := range r.graph.Rejected() {
		w, ok := r.waiting[rejection.Hash]
		if !ok {
			continue
		}
		r.unhold(rejection.Hash)
		r.refused.put(rejection.Hash, struct{}{})
		why := trust.RefusalOf(rejection.Err)
		if errors.Is(rejection.Err, graph.ErrDuplicateSeq) && r.gate != nil {
			r.usedTwice(w.from, &w.change, r.relay.cfg.Now())
		}
		if sub != nil && w.from == sub.from {
			sub.refuse(rejection.Hash, why)
			continue
		}
		if r.members[w.from] == nil {
			continue
		}
		w.from.tell(&repo.Message{
			Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(r.event),
			Refused: []repo.Refused{refused(rejection.Hash, why)},
		})
	}
}

// retry asks again for what was deferred and could be taken by now, of each change
// one of those who offered it.
func (r *room) retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded || r.broken {
		return
	}
	now := r.relay.cfg.Now()
	left := false
	plan := plan{room: r, now: now, asked: map[wire.Hash]bool{}, people: map[qa.Identity]float64{}, addresses: map[*account]float64{}}
	for s, m := range r.members {
		if m.peer.Asking() { // what is under way is not counted yet
			left = left || len(m.later) > 0
			continue
		}
		var ask []wire.Hash
		m.later = slices.DeleteFunc(m.later, func(p putOff) bool {
			switch {
			case r.graph.Has(p.hash), r.graph.Waiting(p.hash), r.isOut(p.hash):
				return true
			case plan.asked[p.hash] || len(ask) >= maxRetries || !plan.fits(s, &p):
				return false
			}
			plan.asked[p.hash] = true
			r.below.take(p.hash) // no longer put off
			ask = append(ask, p.hash)
			return true
		})
		left = left || len(m.later) > 0
		if len(ask) > 0 && m.peer.Ask(ask...) {
			s.out.touch(r)
		}
	}
	r.deferring.Store(left)
}

// plan is what retry is about to ask for.
type plan struct {
	room      *room
	now       time.Time
	asked     map[wire.Hash]bool
	people    map[qa.Identity]float64
	addresses map[*account]float64
	heads     int
}

// fits reports whether a deferred change would be taken now, beside all that was
// planned before, and plans it if so.
func (p *plan) fits(s *session, d *putOff) bool {
	r := p.room
	// Not before what it builds on: it would wait for that, and so bring all of it
	// whatever there is room for.
	below, _ := r.below.get(d.hash)
	if slices.ContainsFunc(below, r.below.has) {
		return false
	}
	switch d.code {
	case trust.CodeFull:
		return false
	case trust.CodeWaitingFull:
		return len(r.waiting)+len(p.asked) < MaxWaiting/2
	case trust.CodeHeads:
		if r.graph.HeadsLen()+p.heads >= MaxHeads {
			return false
		}
		p.heads++
	}
	if r.gate == nil {
		return true
	}
	if r.gate.Blocked(d.writer) {
		return false
	}
	if r.overQuota(s.account, d.writer, d.cost, d.size, p.people[d.writer], p.addresses[s.account], p.now) != "" {
		return false
	}
	p.people[d.writer] += d.cost
	p.addresses[s.account] += d.cost
	return true
}

// remembered holds at most MaxRemembered hashes with something about each. The
// oldest go.
type remembered[V any] struct {
	known map[wire.Hash]V
	order []wire.Hash // a ring once it is full; what was dropped is still in it
	next  int
}

func (s *remembered[V]) has(h wire.Hash) bool {
	_, ok := s.known[h]
	return ok
}

func (s *remembered[V]) get(h wire.Hash) (V, bool) {
	v, ok := s.known[h]
	return v, ok
}

func (s *remembered[V]) put(h wire.Hash, v V) {
	if s.has(h) {
		s.known[h] = v
		return
	}
	if s.known == nil {
		s.known = map[wire.Hash]V{}
	}
	s.known[h] = v
	if len(s.order) < MaxRemembered {
		s.order = append(s.order, h)
		return
	}
	delete(s.known, s.order[s.next])
	s.order[s.next] = h
	s.next = (s.next + 1) % MaxRemembered
}

// take returns what is known of a hash, and forgets it.
func (s *remembered[V]) take(h wire.Hash) (V, bool) {
	v, ok := s.known[h]
	delete(s.known, h)
	return v, ok
}
