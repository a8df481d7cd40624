package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Disk is what the relay's data may take. The zero value sets no bound: then a full
// disk is noticed when a commit fails.
type Disk struct {
	// Look returns how many bytes the data takes, and how many are free beside it. It
	// is called every few seconds, and after each few MiB. nil: nothing is known.
	Look func() (used, free int64, err error)
	// Max is how many bytes the data may take; 0: any number. From 90 % of it on no
	// event is begun, from 95 % on nobody without a role is let write.
	Max int64
	// Reserve is how many bytes are left free. Below three times as many no event is
	// begun, below two times nobody without a role is let write.
	Reserve int64
}

// DiskReserve is how many bytes syncserver leaves free unless it is told otherwise.
const DiskReserve = 256 << 20

// lookAfter is after how many bytes stored the disk is looked at again.
const lookAfter = 4 << 20

// scarcity is how little room there is on the disk.
type scarcity int32

const (
	plenty      scarcity = iota
	noFounding           // no event is begun
	noStrangers          // nobody without a role is let write
	nothing              // nothing is stored
)

func (d *Disk) scarcity(used, free int64) scarcity {
	level := plenty
	switch {
	case d.Reserve <= 0:
	case free < d.Reserve:
		level = nothing
	case free/2 < d.Reserve:
		level = noStrangers
	case free/3 < d.Reserve:
		level = noFounding
	}
	switch {
	case d.Max <= 0:
	case used >= d.Max:
		level = nothing
	case used >= d.Max-d.Max/20:
		level = max(level, noStrangers)
	case used >= d.Max-d.Max/10:
		level = max(level, noFounding)
	}
	return level
}

// watched is what was seen of the disk last.
type watched struct {
	level  atomic.Int32 // a scarcity
	stored atomic.Int64 // bytes, since it was looked
}

// lookAtDisk sees how much room there is. What cannot be seen is as it was.
func (r *Relay) lookAtDisk() {
	if r.cfg.Disk.Look == nil {
		return
	}
	r.disk.stored.Store(0)
	used, free, err := r.cfg.Disk.Look()
	if err != nil {
		r.log.Error("how much room the disk has cannot be seen", "err", err)
		return
	}
	level := r.cfg.Disk.scarcity(used, free)
	if before := scarcity(r.disk.level.Swap(int32(level))); before == level {
		return
	}
	says := map[scarcity]string{
		plenty:      "the disk has room again; everything is taken",
		noFounding:  "the disk is filling up: no events are begun any more",
		noStrangers: "the disk is nearly full: nobody without a role is let write any more",
		nothing:     "the disk is full: nothing is taken any more",
	}
	r.log.Warn(says[level], "used", used, "free", free)
}

func (r *Relay) scarcity() scarcity { return scarcity(r.disk.level.Load()) }

// hardLimit says why something is not taken even if others build on it: the disk has no
// room, its address or all young events owe too much, or it began too many events.
func (d *document) hardLimit(address *account, who qa.Identity, founds bool, now time.Time) deferral {
	q := &d.relay.cfg.Quotas
	switch level := d.relay.scarcity(); {
	case level == plenty:
	case level == nothing, founds, level == noStrangers && (d.policy == nil || d.standing(who) == stranger):
		return deferral{code: policy.CodeRelayFull}
	}
	if d.policy == nil {
		return deferral{}
	}
	if founds {
		return d.relay.mayFound(address, now)
	}
	if why := d.relay.young.indebted(q, d.young(now), now); why.code != "" {
		return why
	}
	return address.indebted(q, now)
}

// mayFound says whether one event more may be begun now from an address.
func (r *Relay) mayFound(address *account, now time.Time) deferral {
	if r.scarcity() != plenty {
		return deferral{code: policy.CodeRelayFull}
	}
	if r.cfg.Open {
		return deferral{}
	}
	q := &r.cfg.Quotas
	if why := r.young.beyond(q, true, now, RowBytes, 0); why.code != "" {
		return why
	}
	return address.mayFound(q, now)
}

// young is what all young events may still take.
type young struct {
	mu    sync.Mutex
	bytes bucket
}

// beyond says whether a young event may take no more, beside what is planned.
func (y *young) beyond(q *Quotas, is bool, now time.Time, stored, planned float64) deferral {
	r := q.youngBytes()
	if !is || !r.bounded() {
		return deferral{}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.bytes.has(r, now, stored, planned) {
		return deferral{}
	}
	return deferral{policy.CodeRate, y.bytes.wait(r, now, stored+planned)}
}

// indebted says whether young events owe so much that none takes more, whoever builds
// on what.
func (y *young) indebted(q *Quotas, is bool, now time.Time) deferral {
	r := q.youngBytes()
	if !is || !r.bounded() {
		return deferral{}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.bytes.left(r, now) > -r.burst {
		return deferral{}
	}
	return deferral{policy.CodeRate, y.bytes.wait(r, now, 1)}
}

func (y *young) spend(q *Quotas, stored float64, now time.Time) {
	if !q.youngBytes().bounded() {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.bytes.left(q.youngBytes(), now)
	y.bytes.spend(stored)
}

// young reports whether the event was begun here a short while ago, or is being so.
// d.mu is held.
func (d *document) young(now time.Time) bool {
	return d.born.IsZero() || now.Sub(d.born) < YoungFor
}

// usage is what events take that were in use since the start, and whose they are. It
// grows with the ledger, by some 100 bytes an event.
type usage struct {
	mu       sync.Mutex
	events   map[qa.EventID]*eventUsage
	founders map[qa.Identity]int64
}

type eventUsage struct {
	founder qa.Identity
	bytes   int64
}

// reset begins to count an event anew.
func (u *usage) reset(event qa.EventID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.events[event]; e != nil {
		u.founders[e.founder] -= e.bytes
		e.bytes = 0
	}
}

// add counts bytes of an event of the founder's.
func (u *usage) add(event qa.EventID, founder qa.Identity, n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.events[event]
	if e == nil {
		if u.events == nil {
			u.events, u.founders = map[qa.EventID]*eventUsage{}, map[qa.Identity]int64{}
		}
		e = &eventUsage{founder: founder}
		u.events[event] = e
	}
	e.bytes += n
	u.founders[e.founder] += n
}

// beyond reports whether the founder of an event has no room for so many bytes more.
func (u *usage) beyond(event qa.EventID, n, most int64) bool {
	if most < 0 {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.events[event]
	return e != nil && u.founders[e.founder]+n > most
}
