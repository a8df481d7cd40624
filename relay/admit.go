package relay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// putOff is a change that was deferred, until it may be taken.
type putOff struct {
	change *change // only within the commit
	hash   wire.Hash
	cost   quota.Change
	why    quota.Deferral
}

// reasonFor says to a person why a change is not taken now.
func reasonFor(why quota.Deferral) string {
	text := deferredFor[why.Code]
	if why.After <= 0 {
		return text
	}
	if why.After < 2*time.Minute {
		return text + " That can be within two minutes."
	}
	if why.After < 2*time.Hour {
		return text + fmt.Sprintf(" That can be in about %d minutes.", int(math.Ceil(why.After.Minutes())))
	}
	return text + fmt.Sprintf(" That can be in about %d hours.", int(math.Ceil(why.After.Hours())))
}

// held is a change that waits for others, and who sent it.
type held struct {
	change
	from *session
}

// admit is what the graph asks before it applies a change: all that it builds on
// is there, and it fits.
func (d *document) admit(m graph.Meta) error {
	c := d.current
	if c == nil || c.Hash != m.Hash { // it waited
		if c = d.early[m.Hash]; c == nil {
			w, ok := d.waiting[m.Hash]
			if !ok {
				return fmt.Errorf("relay: change %s comes from nowhere", m.Hash)
			}
			var err error
			if c, err = wire.DecodeChange(w.bytes); err != nil {
				return err
			}
		}
	}
	judge := d.policy.Validate
	if d.trusting {
		judge = d.policy.Recheck
	} else {
		d.spent.ops += len(c.Ops)
	}
	if err := judge(c); err != nil {
		return err
	}
	return d.policy.Add(c)
}

// noteClosing notes since when the event is closed, after changes were added to the
// graph that came here at a time, in ms since 1970.
func (d *document) noteClosing(at int64) {
	if d.policy == nil {
		return
	}
	known := d.policy.Closings() + d.graph.Forks() // a closing may have become void
	if known == d.closings {
		return
	}
	d.closings = known
	switch closed := d.policy.Closed(); {
	case !closed:
		d.closedAt = 0
	case d.closedAt == 0:
		d.closedAt = at
	}
}

// tooLate reports whether the event was closed so long ago that posts of people
// without a role, which cannot know of that or they would be invalid, are deferred.
func (d *document) tooLate(now time.Time) bool {
	return d.closedAt != 0 && now.UnixMilli()-d.closedAt >= LateFor.Milliseconds() && d.policy.Closed()
}

// take adds a submission's changes to the graph, and those to be stored to the
// document's batch, each after what it depends on: as many as the turn has left. It
// reports whether that was all. d.mu is held, and stays so until they are stored.
func (d *document) take(sub *submission) (finished bool) {
	m := d.reader(sub.from)
	if m == nil {
		return true
	}
	if !sub.begun {
		sub.begun, sub.before = true, d.graphFor(m).Heads()
	}
	m.sending = true
	now := d.relay.cfg.Now()
	for ; sub.next < len(sub.changes); sub.next++ {
		if d.spent.all() {
			return false
		}
		d.offer(sub, &sub.changes[sub.next], now)
	}
	// What was put off and is waited for by what came behind it is taken all the
	// same, the last first: it waits for those before it in turn.
	if !sub.turned {
		sub.turned, sub.back = true, len(sub.putOff)-1
	}
	for ; sub.back >= 0; sub.back-- {
		if d.spent.all() {
			return false
		}
		if p := sub.putOff[sub.back]; d.graph.Awaited(p.hash) {
			sub.putOff = slices.Delete(sub.putOff, sub.back, sub.back+1)
			d.offer(sub, p.change, now)
		}
	}
	for i := range sub.putOff {
		p := &sub.putOff[i]
		d.below.put(p.hash, p.change.meta.Deps)
		sub.postpone(p.hash, &policy.Refusal{Code: p.why.Code, Reason: reasonFor(p.why)})
		p.change = nil
	}
	m.later = append(m.later, sub.putOff...)
	if len(sub.putOff) > 0 {
		d.deferring.Store(true)
	}
	m.sending = false
	if sub.message != nil {
		m.peer.Receive(d.graphFor(m), sub.message, sub.before, sub.refusedHashes)
		m.takesWhole = amsync.TakesWhole(sub.message.Trailing)
	}
	m.peer.Defer(sub.notNow...)
	sub.looked += m.peer.Looked()
	return true
}

// deferredFor says why, to a person.
var deferredFor = map[policy.Code]string{
	policy.CodeBlocked:     "Its writer is blocked in this event; it stays on the device that wrote it.",
	policy.CodeRate:        "Too much was written in a short time; the relay asks for it again by itself.",
	policy.CodeQuota:       "Its writer has written as much as one person without a role may, or the event holds as much as it can of people without one (an organiser can give its writer a role), or the events of its founder hold as much together as they may here. It stays on the device that wrote it.",
	policy.CodeHeads:       "Too much was written at the same time by people who did not have each other's words yet; the relay asks for it again by itself.",
	policy.CodeWaitingFull: "Too many changes wait for others that have not arrived; the relay asks for it again by itself.",
	policy.CodeLate:        "The event was closed before this was written, or while it was on its way, and that is long ago; it stays on the device that wrote it until an organiser opens the event again.",
	policy.CodeFull:        "The event holds as many changes of that kind as it can.",
	policy.CodeFounding:    "More events were begun from one address than this relay takes at a time; the relay asks for it again by itself, and nothing is lost.",
	policy.CodeRelayFull:   "The relay's disk is nearly full; the relay asks for it again by itself once its operator has made room. It stays on the device that has it, and other relays can take it.",
}

// offer takes one change, lets it wait, defers or refuses it. d.mu is held.
func (d *document) offer(sub *submission, c *change, now time.Time) {
	h := c.meta.Hash
	d.spent.changes++
	d.spent.bytes += len(c.bytes)
	if d.graph.Has(h) || d.graph.Waiting(h) {
		return
	}
	if why := d.buildsOnRefused(c); why != nil {
		d.refuse(h)
		sub.refuse(h, why)
		d.rejected(sub)
		return
	}
	if c.decoded == nil && d.policy != nil { // too much was decoded at a time to keep it
		decoded, err := wire.DecodeChange(c.bytes)
		if err != nil {
			sub.refuse(h, policy.RefusalOf(err))
			return
		}
		c.decoded = decoded
		d.spent.ops += len(decoded.Ops) // also of what is then put off: the document is locked meanwhile
		defer func() { c.decoded = nil }()
	}
	if why := d.notNow(sub.from, c, now); why.Code != "" {
		sub.putOff = append(sub.putOff, putOff{change: c, hash: h, cost: d.costOf(c), why: why})
		return
	}
	d.charge(sub.from, c, now)
	d.current = c.decoded
	added, err := d.graph.Add(c.meta)
	d.current = nil
	d.noteClosing(now.UnixMilli())
	switch {
	case errors.Is(err, graph.ErrWaitingFull), errors.Is(err, graph.ErrFull):
		sub.putOff = append(sub.putOff, putOff{change: c, hash: h, cost: d.costOf(c), why: quota.Deferral{Code: policy.RefusalOf(err).Code}})
	case err != nil:
		sub.refuse(h, policy.RefusalOf(err))
		d.refuse(h)
	}
	for _, a := range added {
		e := c
		if a != h {
			w := d.waiting[a]
			e = &w.change
			d.unhold(a)
		}
		if d.quota != nil && len(d.batch.Entries) == 0 && !d.quota.Begun() {
			d.quota.Begin(e.writer, now)
		}
		d.batch.Entries = append(d.batch.Entries, e.entry(now.UnixMilli(), storage.InDocument))
		if _, is := d.returning[a]; is { // its row is there, as one that is excluded
			delete(d.returning, a)
			if d.batch.Statuses == nil {
				d.batch.Statuses = map[wire.Hash]storage.Status{}
			}
			d.batch.Statuses[a] = storage.InDocument
		}
		d.fresh[a] = stored{e.bytes, e.signature}
		if d.quota != nil {
			d.quota.Add(e.writer, len(e.bytes))
		}
	}
	if d.graph.Has(h) || d.graph.Waiting(h) {
		c.decoded = nil // it takes more than its bytes, which are there
	}
	if d.graph.Waiting(h) {
		d.hold(sub.from, c)
	}
	d.rejected(sub)
}

// hold notes a change that the graph has waiting, and asks those who offered what
// it waits for before for that again.
func (d *document) hold(from *session, c *change) {
	d.waiting[c.meta.Hash] = held{*c, from}
	d.waits[from]++
	d.waitingOps += d.ops(c)
	d.relay.held.Add(int64(len(c.bytes)))
	missing := d.withDeferred(d.graph.MissingFrom([]wire.Hash{c.meta.Hash}))
	for s, m := range d.members {
		if m.peer.Ask(missing...) {
			s.out.touch(d)
		}
	}
}

// withDeferred adds to changes that are missing what lies below them, as far as it
// is known from having been deferred: what is asked for together comes together.
func (d *document) withDeferred(missing []wire.Hash) []wire.Hash {
	for i := 0; i < len(missing); i++ {
		d.wanted.put(missing[i], struct{}{})
		below, _ := d.below.take(missing[i]) // so each is gone through once
		for _, h := range below {
			if d.below.has(h) {
				missing = append(missing, h)
			}
		}
	}
	return missing
}

// unhold is the end of what hold began.
func (d *document) unhold(h wire.Hash) {
	w, ok := d.waiting[h]
	if !ok {
		return
	}
	d.waitingOps -= d.ops(&w.change)
	d.relay.held.Add(-int64(len(w.bytes)))
	delete(d.waiting, h)
	if d.waits[w.from]--; d.waits[w.from] <= 0 {
		delete(d.waits, w.from)
	}
}

// notNow says whether a change is to be deferred, and why; "" when it is not. What
// is waited for is not: whoever wrote what waits was found to be in order, and is
// not cut off by what it builds on.
func (d *document) notNow(from *session, c *change, now time.Time) quota.Deferral {
	h := c.meta.Hash
	ready := !slices.ContainsFunc(c.meta.Deps, func(h wire.Hash) bool { return !d.graph.Has(h) })
	if !ready && !d.freePendingSlot(from, c) {
		return quota.Deferral{Code: policy.CodeWaitingFull}
	}
	if why := d.hardLimit(from.account, c.writer, d.begins(c), now); why.Code != "" {
		return why
	}
	if _, wanted := d.wanted.take(h); wanted || d.graph.Awaited(h) {
		return quota.Deferral{}
	}
	// After that: whoever builds on such a change would be cut off by it for good.
	if d.policy != nil && d.policy.Rulings() >= d.relay.limits.Rulings && d.policy.Rules(c.decoded) {
		return quota.Deferral{Code: policy.CodeFull}
	}
	if ready && d.headsFull() && !d.replacesHead(c) {
		return quota.Deferral{Code: policy.CodeHeads}
	}
	if d.policy == nil {
		return quota.Deferral{}
	}
	if d.policy.Blocked(c.writer) {
		return quota.Deferral{Code: policy.CodeBlocked}
	}
	if d.tooLate(now) && d.tier(c.writer) == quota.Stranger && d.policy.Posts(c.decoded) {
		return quota.Deferral{Code: policy.CodeLate}
	}
	cost := d.costOf(c)
	return d.quota.Beyond(&cost, from.account.quota(), d.tier(c.writer), now)
}

// tier returns what somebody's quotas depend on. d.mu is held.
func (d *document) tier(who qa.Identity) quota.Tier {
	switch {
	case d.policy.HoldsRole(who, qa.RoleOrganiser):
		return quota.Organiser
	case d.policy.HoldsRole(who, qa.RoleAuthor, qa.RoleModerator, qa.RoleMember):
		return quota.RoleHolder
	}
	return quota.Stranger
}

// begins reports whether a change is what the document begins with. d.mu is held.
func (d *document) begins(c *change) bool { return c.founds() && d.graph.Len() == 0 }

// costOf returns what a change costs of the quotas. d.mu is held.
func (d *document) costOf(c *change) quota.Change {
	return quota.Change{Writer: c.writer, Units: quota.Units(len(c.bytes), c.ops()), Size: int64(len(c.bytes)), Founds: d.begins(c)}
}

// charge takes what a change costs, as debt where it is not left. d.mu is held.
func (d *document) charge(from *session, c *change, now time.Time) {
	if d.policy == nil {
		return
	}
	cost := d.costOf(c)
	d.quota.Charge(&cost, from.account.quota(), d.tier(c.writer), now)
}

// headsFull reports whether there are as many heads as there may be.
func (d *document) headsFull() bool {
	// Fewer changes, fewer heads; to count them is dearer.
	return d.graph.Len() >= MaxHeads && d.graph.HeadsLen() >= MaxHeads
}

func (d *document) replacesHead(c *change) bool {
	return slices.ContainsFunc(c.meta.Deps, d.graph.IsHead)
}

// freePendingSlot reports whether one more change of a session may wait. When there are
// too many, one of the session with the most has to go: who fills the waiting list cannot
// keep the others out.
func (d *document) freePendingSlot(from *session, c *change) bool {
	if d.relay.held.Load()+int64(len(c.bytes)) > MaxWaitingBytes {
		return false
	}
	if len(d.waiting) < MaxWaiting && d.waitingOps+d.ops(c) <= MaxWaitingOps {
		return true
	}
	var most *session
	for s, n := range d.waits {
		if most == nil || n > d.waits[most] {
			most = s
		}
	}
	if d.waits[most] <= d.waits[from]+1 {
		return false
	}
	for h, w := range d.waiting {
		if w.from == most {
			d.graph.Forget(h)
			d.unhold(h)
			if d.waitingOps+d.ops(c) <= MaxWaitingOps {
				return true
			}
		}
	}
	return false
}

// refuse remembers that a change is invalid, so that nobody is asked for it and
// what builds on it need not wait. d.mu is held.
func (d *document) refuse(h wire.Hash) {
	d.refused.put(h, struct{}{})
	d.graph.Refuse(h)
}

// buildsOnRefused says why a change cannot be part of the document, whatever it says.
func (d *document) buildsOnRefused(c *change) *policy.Refusal {
	if slices.ContainsFunc(c.meta.Deps, d.isOut) {
		return policy.RefusalOf(graph.ErrDependsOnRefused)
	}
	return nil
}

// isOut reports whether a change was refused here, or is excluded.
func (d *document) isOut(h wire.Hash) bool {
	_, excluded := d.excluded[h]
	return excluded || d.refused.has(h)
}

// rejected tells those who sent them of waiting changes that were refused after
// all. d.mu is held.
func (d *document) rejected(sub *submission) {
	for _, rejection := range d.graph.Rejected() {
		w, ok := d.waiting[rejection.Hash]
		if !ok {
			continue
		}
		d.unhold(rejection.Hash)
		d.refused.put(rejection.Hash, struct{}{})
		why := policy.RefusalOf(rejection.Err)
		if sub != nil && w.from == sub.from {
			sub.refuse(rejection.Hash, why)
			continue
		}
		if d.members[w.from] == nil {
			continue
		}
		w.from.tell(&repo.Message{
			Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(d.event),
			Refused: []repo.Refused{refused(rejection.Hash, why)},
		})
	}
}

// retry asks again for what was deferred and could be taken by now, of each change
// one of those who offered it.
func (d *document) retry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.loaded || d.broken {
		return
	}
	now := d.relay.cfg.Now()
	left := false
	plan := plan{document: d, now: now, asked: map[wire.Hash]bool{}}
	for s, m := range d.members {
		if m.peer.Asking() { // what is under way is not counted yet
			left = left || len(m.later) > 0
			continue
		}
		var ask []wire.Hash
		m.later = slices.DeleteFunc(m.later, func(p putOff) bool {
			switch {
			case d.graph.Has(p.hash), d.graph.Waiting(p.hash), d.isOut(p.hash):
				return true
			case plan.asked[p.hash] || len(ask) >= maxRetries || !plan.fits(s, &p):
				return false
			}
			plan.asked[p.hash] = true
			d.below.take(p.hash) // no longer put off
			ask = append(ask, p.hash)
			return true
		})
		left = left || len(m.later) > 0
		if len(ask) > 0 && m.peer.Ask(ask...) {
			s.out.touch(d)
		}
	}
	d.deferring.Store(left)
}

// plan is what retry is about to ask for.
type plan struct {
	document *document
	now      time.Time
	asked    map[wire.Hash]bool
	quota    quota.Plan
	heads    int
}

// fits reports whether a deferred change would be taken now, beside all that was
// planned before, and plans it if so.
func (p *plan) fits(s *session, off *putOff) bool {
	d := p.document
	// Not before what it builds on: it would wait for that, and so bring all of it
	// whatever there is room for.
	below, _ := d.below.get(off.hash)
	if slices.ContainsFunc(below, d.below.has) {
		return false
	}
	if why := d.hardLimit(s.account, off.cost.Writer, off.cost.Founds, p.now); why.Code != "" {
		return false
	}
	switch off.why.Code {
	case policy.CodeFull:
		return false
	case policy.CodeLate:
		if d.tooLate(p.now) && d.tier(off.cost.Writer) == quota.Stranger {
			return false
		}
	case policy.CodeWaitingFull:
		return len(d.waiting)+len(p.asked) < MaxWaiting/2
	case policy.CodeHeads:
		if d.graph.HeadsLen()+p.heads >= MaxHeads {
			return false
		}
		p.heads++
	}
	if d.policy == nil {
		return true
	}
	if d.policy.Blocked(off.cost.Writer) {
		return false
	}
	return p.quota.Add(d.quota, &off.cost, s.account.quota(), d.tier(off.cost.Writer), p.now)
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
