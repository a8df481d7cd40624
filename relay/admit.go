package relay

import (
	"errors"
	"fmt"
	"math"
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
	founds bool // it begins the event
	why    deferral
}

// deferral is why a change is not taken now.
type deferral struct {
	code  trust.Code    // "" for no reason
	after time.Duration // when it could be, if nothing else comes; 0 for not known
}

// reason says it to a person.
func (d deferral) reason() string {
	text := deferredFor[d.code]
	if d.after <= 0 {
		return text
	}
	if d.after < 2*time.Minute {
		return text + " That can be within two minutes."
	}
	if d.after < 2*time.Hour {
		return text + fmt.Sprintf(" That can be in about %d minutes.", int(math.Ceil(d.after.Minutes())))
	}
	return text + fmt.Sprintf(" That can be in about %d hours.", int(math.Ceil(d.after.Hours())))
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
	judge := r.gate.Judge
	if r.trusting {
		judge = r.gate.Recheck
	} else {
		r.spent.ops += len(c.Ops)
	}
	if err := judge(c); err != nil {
		return err
	}
	return r.gate.Add(c)
}

// noteClosing notes since when the event is closed, after changes were added to the
// graph that came here at a time, in ms since 1970.
func (r *room) noteClosing(at int64) {
	if r.gate == nil || r.gate.Closings() == r.closings {
		return
	}
	r.closings = r.gate.Closings()
	switch closed := r.gate.Closed(); {
	case !closed:
		r.closedAt = 0
	case r.closedAt == 0:
		r.closedAt = at
	}
}

// tooLate reports whether the event was closed so long ago that posts of people
// without a role, which cannot know of that or they would be invalid, are deferred.
func (r *room) tooLate(now time.Time) bool {
	return r.closedAt != 0 && now.UnixMilli()-r.closedAt >= LateFor.Milliseconds() && r.gate.Closed()
}

// take adds a submission's changes to the graph, and those to be stored to the
// room's batch, each after what it depends on: as many as the turn has left. It
// reports whether that was all. r.mu is held, and stays so until they are stored.
func (r *room) take(sub *submission) (finished bool) {
	if sub.proof != nil {
		r.takeProof(sub)
		return true
	}
	m := r.reader(sub.from)
	if m == nil {
		return true
	}
	if !sub.begun {
		sub.begun, sub.before = true, r.graph.Heads()
	}
	m.sending = true
	now := r.relay.cfg.Now()
	for ; sub.next < len(sub.changes); sub.next++ {
		if r.spent.all() {
			return false
		}
		r.offer(sub, &sub.changes[sub.next], now)
	}
	// What was put off and is waited for by what came behind it is taken all the
	// same, the last first: it waits for those before it in turn.
	if !sub.turned {
		sub.turned, sub.back = true, len(sub.putOff)-1
	}
	for ; sub.back >= 0; sub.back-- {
		if r.spent.all() {
			return false
		}
		if p := sub.putOff[sub.back]; r.graph.Awaited(p.hash) {
			sub.putOff = slices.Delete(sub.putOff, sub.back, sub.back+1)
			r.offer(sub, p.change, now)
		}
	}
	for i := range sub.putOff {
		p := &sub.putOff[i]
		r.below.put(p.hash, p.change.meta.Deps)
		sub.postpone(p.hash, &trust.Refusal{Code: p.why.code, Reason: p.why.reason()})
		p.change = nil
	}
	m.later = append(m.later, sub.putOff...)
	if len(sub.putOff) > 0 {
		r.deferring.Store(true)
	}
	m.sending = false
	m.peer.Receive(r.graph, sub.message, sub.before, sub.refusedHashes)
	m.takesWhole = amsync.TakesWhole(sub.message.Trailing)
	m.peer.Defer(sub.notNow...)
	sub.looked += m.peer.Looked()
	return true
}

// deferredFor says why, to a person.
var deferredFor = map[trust.Code]string{
	trust.CodeBlocked:     "Its writer is blocked in this event; it stays on the device that wrote it.",
	trust.CodeRate:        "Too much was written in a short time; the relay asks for it again by itself.",
	trust.CodeQuota:       "Its writer has written as much as one person without a role may, or the event holds as much as it can of people without one (an organiser can give its writer a role), or the events of its founder hold as much together as they may here. It stays on the device that wrote it.",
	trust.CodeHeads:       "Too much was written at the same time by people who did not have each other's words yet; the relay asks for it again by itself.",
	trust.CodeWaitingFull: "Too many changes wait for others that have not arrived; the relay asks for it again by itself.",
	trust.CodeLate:        "The event was closed before this was written, or while it was on its way, and that is long ago; it stays on the device that wrote it until an organiser opens the event again.",
	trust.CodeFull:        "The event holds as many changes of that kind as it can.",
	trust.CodeFounding:    "More events were begun from one address than this relay takes at a time; the relay asks for it again by itself, and nothing is lost.",
	trust.CodeRelayFull:   "The relay's disk is nearly full; the relay asks for it again by itself once its operator has made room. It stays on the device that has it, and other relays can take it.",
}

// offer takes one change, lets it wait, defers or refuses it. r.mu is held.
func (r *room) offer(sub *submission, c *change, now time.Time) {
	h := c.meta.Hash
	r.spent.changes++
	r.spent.bytes += len(c.bytes)
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
		r.spent.ops += len(d.Ops) // also of what is then put off: the room is locked meanwhile
		defer func() { c.decoded = nil }()
	}
	if why := r.notNow(sub.from, c, now); why.code != "" {
		sub.putOff = append(sub.putOff, putOff{
			change: c, hash: h, writer: c.writer, cost: c.cost(), size: int64(len(c.bytes)), founds: r.begins(c), why: why,
		})
		return
	}
	r.charge(sub.from, c, now)
	r.current = c.decoded
	added, err := r.graph.Add(c.meta)
	r.current = nil
	r.noteClosing(now.UnixMilli())
	switch {
	case errors.Is(err, graph.ErrWaitingFull), errors.Is(err, graph.ErrFull):
		sub.putOff = append(sub.putOff, putOff{change: c, hash: h, writer: c.writer, why: deferral{code: trust.RefusalOf(err).Code}})
	case errors.Is(err, graph.ErrDuplicateSeq) && r.gate != nil:
		sub.refuse(h, trust.RefusalOf(err))
		r.refuse(h)
		r.usedTwice(sub.from, c)
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
		if len(r.batch.Entries) == 0 && r.born.IsZero() {
			r.bornOf(e.writer, now)
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
	r.waitingOps += r.ops(c)
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
	r.waitingOps -= r.ops(&w.change)
	r.relay.held.Add(-int64(len(w.bytes)))
	delete(r.waiting, h)
	if r.waits[w.from]--; r.waits[w.from] <= 0 {
		delete(r.waits, w.from)
	}
}

// notNow says whether a change is to be deferred, and why; "" when it is not. What
// is waited for is not: whoever wrote what waits was found to be in order, and is
// not cut off by what it builds on.
func (r *room) notNow(from *session, c *change, now time.Time) deferral {
	h := c.meta.Hash
	ready := !slices.ContainsFunc(c.meta.Deps, func(d wire.Hash) bool { return !r.graph.Has(d) })
	if !ready && !r.makeRoom(from, c) {
		return deferral{code: trust.CodeWaitingFull}
	}
	founds := r.begins(c)
	if why := r.noRoom(from.account, c.writer, founds, now); why.code != "" {
		return why
	}
	if _, wanted := r.wanted.take(h); wanted || r.graph.Awaited(h) {
		return deferral{}
	}
	// After that: whoever builds on such a change would be cut off by it for good.
	if r.gate != nil && r.gate.Rulings() >= r.relay.limits.Rulings && r.gate.Rules(c.decoded) {
		return deferral{code: trust.CodeFull}
	}
	if ready && r.headsFull() && !r.replacesHead(c) {
		return deferral{code: trust.CodeHeads}
	}
	if r.gate == nil {
		return deferral{}
	}
	if r.gate.Blocked(c.writer) {
		return deferral{code: trust.CodeBlocked}
	}
	if r.tooLate(now) && r.standing(c.writer) == stranger && r.gate.Posts(c.decoded) {
		return deferral{code: trust.CodeLate}
	}
	return r.overQuota(from.account, c.writer, founds, c.cost(), int64(len(c.bytes)), plannedCost{}, now)
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

// begins reports whether a change is what the document begins with. r.mu is held.
func (r *room) begins(c *change) bool { return c.founds() && r.graph.Len() == 0 }

// bornOf notes by whom and when the document was begun here. r.mu is held.
func (r *room) bornOf(founder qa.Identity, at time.Time) { r.founder, r.born = founder, at }

// overQuota says which quota a change is beyond. Planned is what is to be counted as
// spent besides.
func (r *room) overQuota(address *account, who qa.Identity, founds bool, cost float64, size int64, planned plannedCost, now time.Time) deferral {
	q := &r.relay.cfg.Quotas
	p, stands := r.people[who], r.standing(who)
	if founds {
		stands = organiser
	}
	if p == nil && len(r.people) >= MaxPeople {
		return deferral{code: trust.CodeQuota}
	}
	if stands != organiser {
		units, bytes := q.person(stands == withRole)
		var none person
		if p == nil {
			p = &none
		}
		switch {
		case !p.units.has(units, now, cost, planned.byWriter):
			return deferral{trust.CodeRate, p.units.wait(units, now, cost+planned.byWriter)}
		case bytes >= 0 && p.bytes+size > bytes:
			return deferral{code: trust.CodeQuota}
		case stands == stranger && q.EventBytes >= 0 && r.bytes+size > q.EventBytes:
			return deferral{code: trust.CodeQuota}
		}
	}
	if r.relay.usage.beyond(r.event, size, q.FounderBytes) {
		return deferral{code: trust.CodeQuota}
	}
	stored := onDisk(size)
	if d := r.relay.young.beyond(q, r.young(now), now, stored, planned.young); d.code != "" {
		return d
	}
	return address.beyond(q, now, cost, stored, planned, stands, r.newcomer(address, who, stands))
}

// newcomer reports whether somebody counts as new here.
func (r *room) newcomer(address *account, who qa.Identity, stands standing) bool {
	return stands == stranger && r.people[who] == nil && !address.knows(who)
}

// charge takes what a change costs, owed where it is not there.
func (r *room) charge(from *session, c *change, now time.Time) {
	if r.gate == nil {
		return
	}
	q := &r.relay.cfg.Quotas
	stands := r.standing(c.writer)
	cost, stored := c.cost(), onDisk(int64(len(c.bytes)))
	if r.begins(c) {
		from.account.found(c.writer)
		stands = organiser
	}
	from.account.spend(cost, stored, stands, r.newcomer(from.account, c.writer, stands))
	if r.young(now) {
		r.relay.young.spend(q, stored, now)
	}
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
func (r *room) makeRoom(from *session, c *change) bool {
	if r.relay.held.Load()+int64(len(c.bytes)) > MaxWaitingBytes {
		return false
	}
	if len(r.waiting) < MaxWaiting && r.waitingOps+r.ops(c) <= MaxWaitingOps {
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
			if r.waitingOps+r.ops(c) <= MaxWaitingOps {
				return true
			}
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
			r.usedTwice(w.from, &w.change)
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
	plan := plan{room: r, now: now, asked: map[wire.Hash]bool{}, people: map[qa.Identity]float64{}, addresses: map[*account]*plannedCost{}}
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
	addresses map[*account]*plannedCost
	young     float64
	heads     int
}

// plannedCost is what is about to be asked for and not yet spent.
type plannedCost struct {
	byWriter, fromAddress float64 // units
	bytes                 float64 // from the address
	young                 float64 // bytes of young events, in all
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
	if why := r.noRoom(s.account, d.writer, d.founds, p.now); why.code != "" {
		return false
	}
	switch d.why.code {
	case trust.CodeFull:
		return false
	case trust.CodeLate:
		if r.tooLate(p.now) && r.standing(d.writer) == stranger {
			return false
		}
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
	from := p.addresses[s.account]
	if from == nil {
		from = &plannedCost{}
		p.addresses[s.account] = from
	}
	planned := plannedCost{byWriter: p.people[d.writer], fromAddress: from.fromAddress, bytes: from.bytes, young: p.young}
	if why := r.overQuota(s.account, d.writer, d.founds, d.cost, d.size, planned, p.now); why.code != "" {
		return false
	}
	p.people[d.writer] += d.cost
	from.fromAddress += d.cost
	from.bytes += onDisk(d.size)
	p.young += onDisk(d.size)
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
