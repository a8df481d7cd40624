package relay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/schema"
)

// deferredChange is a change that was deferred and that the relay may request later.
type deferredChange struct {
	change *core.Change // only within the commit
	hash   wire.Hash
	cost   quota.Change
	why    quota.Deferral
}

// reasonFor returns a sentence for a person: why a change is not accepted now, and when it could be.
func reasonFor(why quota.Deferral) string {
	text := deferralReasons[why.Code]
	if why.After <= 0 {
		return text
	}
	if why.After < 2*time.Minute {
		return text + " It should be possible within two minutes."
	}
	if why.After < 2*time.Hour {
		return text + fmt.Sprintf(" It should be possible in about %d minutes.", int(math.Ceil(why.After.Minutes())))
	}
	return text + fmt.Sprintf(" It should be possible in about %d hours.", int(math.Ceil(why.After.Hours())))
}

// pendingChange is a change that waits for its dependencies, with its sender.
type pendingChange struct {
	*core.Change
	from *session
}

// noteClosing updates closedAt. It is called after changes were added to the graph; at is the time when
// they arrived, in ms since 1970.
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

// tooLate reports whether somebody's posts are deferred, because the event was closed so long ago
// and the writer is not trusted. Such a post does not have the closing in its past, or it would be
// invalid.
func (d *document) tooLate(who qa.Identity, now time.Time) bool {
	return d.closedAt != 0 && now.UnixMilli()-d.closedAt >= LateFor.Milliseconds() && d.policy.Closed() &&
		!d.policy.HoldsAny(who, schema.Trusted)
}

// handleSubmission offers a submission's changes to the graph, until the turn is exhausted. It appends
// the accepted ones to the document's batch, each after its dependencies. It reports whether the
// submission is finished. The caller holds d.mu and does not unlock it until the batch is stored.
func (d *document) handleSubmission(sub *submission) (finished bool) {
	m := d.readingMember(sub.from)
	if m == nil {
		return true
	}
	if !sub.begun {
		sub.begun, sub.before = true, d.graphFor(m).Heads()
	}
	m.receiving = true
	now := d.relay.cfg.Now()
	for ; sub.next < len(sub.changes) && !d.broken; sub.next++ {
		if d.turn.exhausted() {
			return false
		}
		d.offerChange(sub, sub.changes[sub.next], now)
	}
	// Deferred changes that later changes of this message depend on are accepted after
	// all, last first, because they may depend on earlier deferred ones.
	if !sub.allOffered {
		sub.allOffered, sub.retryFrom = true, len(sub.deferred)-1
	}
	for ; sub.retryFrom >= 0 && !d.broken; sub.retryFrom-- {
		if d.turn.exhausted() {
			return false
		}
		if p := sub.deferred[sub.retryFrom]; d.graph.NeededByPending(p.hash) {
			sub.deferred = slices.Delete(sub.deferred, sub.retryFrom, sub.retryFrom+1)
			d.offerChange(sub, p.change, now)
		}
	}
	for i := range sub.deferred {
		p := &sub.deferred[i]
		d.deferredDeps.Put(p.hash, p.change.Meta.Deps)
		sub.noteDeferred(p.hash, &policy.Refusal{Code: p.why.Code, Reason: reasonFor(p.why)})
		p.change = nil
	}
	m.deferred = append(m.deferred, sub.deferred...)
	if len(sub.deferred) > 0 {
		d.deferring.Store(true)
	}
	m.receiving = false
	if sub.message != nil {
		m.peer.Receive(d.graphFor(m), sub.message, amsync.Received{Changes: sub.received, Before: sub.before, Refused: sub.refusedHashes})
		m.acceptsDocumentChunk = amsync.AcceptsDocument(sub.message.Trailing)
	}
	m.peer.Defer(sub.notAccepted...)
	sub.searched += m.peer.Scanned()
	return true
}

// deferralReasons tell a person why a change is deferred.
var deferralReasons = map[policy.Code]string{
	policy.CodeBlocked:     "Its writer is blocked in this event. It stays on the device that wrote it.",
	policy.CodeRate:        "Too much was written in a short time. The relay will request it again automatically.",
	policy.CodeQuota:       "A quota is used up: that of its writer, who has no role, that of all people without a role in this event, or that of all events of one founder on this relay. An organiser can give its writer a role. It stays on the device that wrote it.",
	policy.CodeHeads:       "Too many people wrote at the same time without having synced. The relay will request it again automatically.",
	policy.CodePendingFull: "Too many changes wait for others that have not arrived. The relay will request it again automatically.",
	policy.CodeLate:        "The event has been closed for longer than the relay accepts late posts. It stays on the device that wrote it until an organiser reopens the event.",
	policy.CodeFull:        "The event already holds as many changes of this kind as it can.",
	policy.CodeFounding:    "Too many new events came from one address at a time. The relay will request it again automatically, and nothing is lost.",
	policy.CodeRelayFull:   "The relay's disk is nearly full. The relay will request it again automatically once its operator has made room. It stays on the device that wrote it, and other relays may accept it.",
}

// offerChange accepts one change, keeps it pending, defers it or refuses it. d.mu is held.
func (d *document) offerChange(sub *submission, c *core.Change, now time.Time) {
	h := c.Meta.Hash
	d.turn.changes++
	d.turn.bytes += len(c.Chunk.Bytes())
	if d.contents.HasOrPending(h) {
		return
	}
	if why := d.contents.RefusalFromDeps(c); why != nil {
		sub.noteRefused(h, why)
		d.tellRejected(sub, d.contents.Refuse(h, why))
		return
	}
	if c.Decoded == nil && d.policy != nil { // it was not kept decoded, to save memory
		if err := c.Decode(); err != nil {
			sub.noteRefused(h, policy.RefusalOf(err))
			return
		}
		d.turn.ops += c.Ops() // even if it is deferred: the document is locked while it is decoded
		defer func() { c.Decoded = nil }()
	}
	if why := d.deferralOf(sub.from, c, now); why.Code != "" {
		sub.deferred = append(sub.deferred, deferredChange{change: c, hash: h, cost: d.costOf(c), why: why})
		return
	}
	d.charge(sub.from, c, now)
	added, err := d.contents.Add(c)
	d.noteClosing(now.UnixMilli())
	switch {
	case errors.Is(err, core.ErrInconsistent):
		d.abandon(err)
		return
	case err != nil: // there is no room for it
		sub.deferred = append(sub.deferred, deferredChange{change: c, hash: h, cost: d.costOf(c), why: quota.Deferral{Code: policy.RefusalOf(err).Code}})
		return
	}
	if added.Refusal != nil {
		sub.noteRefused(h, added.Refusal)
	}
	for _, a := range added.Applied {
		if a != c {
			d.turn.ops += d.ops(a)
			d.removePending(a.Meta.Hash)
		}
		if d.quota != nil && !a.FromLedger() { // which was counted when it was loaded
			if len(d.batch.Entries) == 0 && !d.quota.CreationKnown() {
				d.quota.NoteCreation(a.Writer(), now)
			}
			d.quota.Add(a.Writer(), len(a.Chunk.Bytes()))
		}
		d.uncommitted[a.Meta.Hash] = storedChange{a.Chunk.Bytes(), a.Signature}
	}
	added.AppendTo(&d.batch, now.UnixMilli())
	if d.graph.IsPending(h) {
		d.addPending(sub.from, c)
	} else {
		d.turn.ops += d.ops(c)
	}
	d.tellRejected(sub, added.Rejected)
}

// addPending records a change that waits in the graph. It requests the missing dependencies from the
// members that offered them before.
func (d *document) addPending(from *session, c *core.Change) {
	d.pending[c.Meta.Hash] = pendingChange{c, from}
	d.pendingFrom[from]++
	d.pendingOps += d.ops(c)
	d.relay.pendingBytes.Add(int64(len(c.Chunk.Bytes())))
	missing := d.withDeferred(d.graph.MissingFrom([]wire.Hash{c.Meta.Hash}))
	for s, m := range d.members {
		if m.peer.Ask(missing...) {
			s.out.schedule(d)
		}
	}
}

// withDeferred appends to missing the deferred changes that the missing ones depend on, directly or not.
// Changes that are requested together come together.
func (d *document) withDeferred(missing []wire.Hash) []wire.Hash {
	for i := 0; i < len(missing); i++ {
		d.requested.Put(missing[i], struct{}{})
		below, _ := d.deferredDeps.Take(missing[i]) // removed, so that each is visited once
		for _, h := range below {
			if d.deferredDeps.Has(h) {
				missing = append(missing, h)
			}
		}
	}
	return missing
}

// removePending undoes addPending.
func (d *document) removePending(h wire.Hash) {
	w, ok := d.pending[h]
	if !ok {
		return
	}
	d.pendingOps -= d.ops(w.Change)
	d.relay.pendingBytes.Add(-int64(len(w.Chunk.Bytes())))
	delete(d.pending, h)
	if d.pendingFrom[w.from]--; d.pendingFrom[w.from] <= 0 {
		delete(d.pendingFrom, w.from)
	}
}

// deferralOf returns why a change is to be deferred; the code is "" when it is not. A
// change that a pending change depends on is deferred by hard limits only, because the
// pending change was accepted and needs its dependency.
func (d *document) deferralOf(from *session, c *core.Change, now time.Time) quota.Deferral {
	h := c.Meta.Hash
	ready := !slices.ContainsFunc(c.Meta.Deps, func(h wire.Hash) bool { return !d.graph.Has(h) })
	if !ready && !d.freePendingSlot(from, c) {
		return quota.Deferral{Code: policy.CodePendingFull}
	}
	if why := d.hardLimit(from.account, c.Writer(), d.wouldFound(c), now); why.Code != "" {
		return why
	}
	if _, wanted := d.requested.Take(h); wanted || d.graph.NeededByPending(h) {
		return quota.Deferral{}
	}
	// This applies only to changes on which no pending change depends: otherwise those pending
	// changes might never be accepted.
	if d.policy != nil && d.policy.AuthorityChanges() >= d.relay.limits.AuthorityChanges && d.policy.ChangesAuthority(c.Decoded) {
		return quota.Deferral{Code: policy.CodeFull}
	}
	if ready && d.headsFull() && !d.replacesHead(c) {
		return quota.Deferral{Code: policy.CodeHeads}
	}
	if d.policy == nil {
		return quota.Deferral{}
	}
	if d.policy.Blocked(c.Writer()) {
		return quota.Deferral{Code: policy.CodeBlocked}
	}
	if d.tooLate(c.Writer(), now) && d.policy.CreatesPost(c.Decoded) {
		return quota.Deferral{Code: policy.CodeLate}
	}
	cost := d.costOf(c)
	return d.quota.Exceeded(&cost, from.account.quota(), d.tier(c.Writer()), now)
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

// wouldFound reports whether a change is the first one of a document without changes. d.mu is held.
func (d *document) wouldFound(c *core.Change) bool { return c.IsGenesis() && d.graph.Len() == 0 }

// costOf returns how much of the quotas a change uses. d.mu is held.
func (d *document) costOf(c *core.Change) quota.Change {
	return quota.Change{Writer: c.Writer(), Units: quota.Units(len(c.Chunk.Bytes()), c.Ops()), Size: int64(len(c.Chunk.Bytes())), Founds: d.wouldFound(c)}
}

// charge charges a change to the quotas. A quota may become a debt. d.mu is held.
func (d *document) charge(from *session, c *core.Change, now time.Time) {
	if d.policy == nil {
		return
	}
	cost := d.costOf(c)
	d.quota.Charge(&cost, from.account.quota(), d.tier(c.Writer()), now)
}

// headsFull reports whether the document has the maximum number of heads.
func (d *document) headsFull() bool {
	// A graph with fewer changes cannot have so many heads; counting the heads costs more.
	return d.graph.Len() >= MaxHeads && d.graph.HeadsLen() >= MaxHeads
}

func (d *document) replacesHead(c *core.Change) bool {
	return slices.ContainsFunc(c.Meta.Deps, d.graph.IsHead)
}

// freePendingSlot reports whether one more change of a session may be pending. When too many
// are pending, it drops a change of the session with the most, so that no session can keep the
// others out.
func (d *document) freePendingSlot(from *session, c *core.Change) bool {
	if d.relay.pendingBytes.Load()+int64(len(c.Chunk.Bytes())) > MaxPendingBytes {
		return false
	}
	if len(d.pending) < MaxPending && d.pendingOps+d.ops(c) <= MaxPendingOps {
		return true
	}
	var most *session
	for s, n := range d.pendingFrom {
		if most == nil || n > d.pendingFrom[most] {
			most = s
		}
	}
	if d.pendingFrom[most] <= d.pendingFrom[from]+1 {
		return false
	}
	for h, w := range d.pending {
		if w.from == most {
			d.contents.Forget(h)
			d.removePending(h)
			if d.pendingOps+d.ops(c) <= MaxPendingOps {
				return true
			}
		}
	}
	return false
}

// tellRejected tells the senders of pending changes that these were rejected. d.mu is
// held.
func (d *document) tellRejected(sub *submission, rejected []core.Rejection) {
	for _, r := range rejected {
		h := r.Change.Meta.Hash
		w, ok := d.pending[h]
		if !ok { // a row of the ledger, which no session sent
			continue
		}
		d.turn.ops += d.ops(r.Change)
		d.removePending(h)
		if w.from == sub.from {
			sub.noteRefused(h, r.Refusal)
			continue
		}
		if d.members[w.from] == nil {
			continue
		}
		w.from.queueMessage(&repo.Message{
			Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(d.event),
			Refused: []repo.Refusal{refused(h, r.Refusal)},
		})
	}
}

// askForDeferred requests deferred changes that could be accepted by now, each from one of the members that
// offered it.
func (d *document) askForDeferred() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.loaded || d.broken {
		return
	}
	now := d.relay.cfg.Now()
	left := false
	plan := retryPlan{document: d, now: now, asked: map[wire.Hash]bool{}}
	for s, m := range d.members {
		if m.peer.Asking() { // requested changes have not been charged yet
			left = left || len(m.deferred) > 0
			continue
		}
		var ask []wire.Hash
		m.deferred = slices.DeleteFunc(m.deferred, func(p deferredChange) bool {
			switch {
			case d.contents.HasOrPending(p.hash), d.contents.Unwanted(p.hash):
				return true
			case plan.asked[p.hash] || len(ask) >= maxRetries || !plan.fits(s, &p):
				return false
			}
			plan.asked[p.hash] = true
			d.deferredDeps.Take(p.hash) // no longer deferred
			ask = append(ask, p.hash)
			return true
		})
		left = left || len(m.deferred) > 0
		if len(ask) > 0 && m.peer.Ask(ask...) {
			s.out.schedule(d)
		}
	}
	d.deferring.Store(left)
}

// retryPlan is the set of changes that askForDeferred is about to request.
type retryPlan struct {
	document *document
	now      time.Time
	asked    map[wire.Hash]bool
	quota    quota.Plan
	heads    int
}

// fits reports whether a deferred change would be accepted now, together with all that was planned before.
// If so, it plans the change.
func (p *retryPlan) fits(s *session, off *deferredChange) bool {
	d := p.document
	// Its deferred dependencies must come first. Otherwise it would wait for them, and then all of them
	// would be accepted, whatever the quotas allow.
	below, _ := d.deferredDeps.Get(off.hash)
	if slices.ContainsFunc(below, d.deferredDeps.Has) {
		return false
	}
	if why := d.hardLimit(s.account, off.cost.Writer, off.cost.Founds, p.now); why.Code != "" {
		return false
	}
	switch off.why.Code {
	case policy.CodeFull:
		return false
	case policy.CodeLate:
		if d.tooLate(off.cost.Writer, p.now) {
			return false
		}
	case policy.CodePendingFull:
		return len(d.pending)+len(p.asked) < MaxPending/2
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
