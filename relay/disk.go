package relay

import (
	"sync/atomic"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// Disk bounds the disk space of the relay's data. The zero value sets no bound: then a
// full disk is noticed when a commit fails.
type Disk struct {
	// Measure returns how many bytes the data uses, and how many more are free. It
	// is called every few seconds, and after each few MiB. nil: nothing is known.
	Measure func() (used, free int64, err error)
	// Max is how many bytes the data may use; 0: no limit. From 90 % of it on no new
	// event is accepted, from 95 % on no change of a person without a role.
	Max int64
	// Reserve is how many bytes are left free on the disk. Below three times as many no
	// new event is accepted, below two times no change of a person without a role.
	Reserve int64
}

// DiskReserve is the default of syncserver for Reserve, in bytes.
const DiskReserve = 256 << 20

// checkAfter is the number of stored bytes after which the disk is measured again.
const checkAfter = 4 << 20

// diskLevel says how full the disk is, and so what is accepted.
type diskLevel int32

const (
	diskFree        diskLevel = iota
	diskNoFounding            // no new events
	diskNoStrangers           // no changes of people without a role
	diskFull                  // nothing is stored
)

func (d *Disk) level(used, free int64) diskLevel {
	level := diskFree
	switch {
	case d.Reserve <= 0:
	case free < d.Reserve:
		level = diskFull
	case free/2 < d.Reserve:
		level = diskNoStrangers
	case free/3 < d.Reserve:
		level = diskNoFounding
	}
	switch {
	case d.Max <= 0:
	case used >= d.Max:
		level = diskFull
	case used >= d.Max-d.Max/20:
		level = max(level, diskNoStrangers)
	case used >= d.Max-d.Max/10:
		level = max(level, diskNoFounding)
	}
	return level
}

// diskState is the result of the last measurement of the disk.
type diskState struct {
	level  atomic.Int32 // a diskLevel
	stored atomic.Int64 // bytes since the last measurement
}

// checkDisk measures the disk. On an error the level is kept.
func (r *Relay) checkDisk() {
	if r.cfg.Disk.Measure == nil {
		return
	}
	r.disk.stored.Store(0)
	used, free, err := r.cfg.Disk.Measure()
	if err != nil {
		r.log.Error("cannot measure the free disk space", "err", err)
		return
	}
	level := r.cfg.Disk.level(used, free)
	if before := diskLevel(r.disk.level.Swap(int32(level))); before == level {
		return
	}
	says := map[diskLevel]string{
		diskFree:        "the disk has space again: accepting everything",
		diskNoFounding:  "the disk is filling up: not accepting new events",
		diskNoStrangers: "the disk is nearly full: accepting changes only from people with a role",
		diskFull:        "the disk is full: accepting nothing",
	}
	r.log.Warn(says[level], "used", used, "free", free)
}

func (r *Relay) diskLevel() diskLevel { return diskLevel(r.disk.level.Load()) }

// hardLimit returns why a change is deferred even if others depend on it: the disk has
// no space, its address or all new events together have too much debt, or the address
// created too many events. d.mu is held.
func (d *document) hardLimit(from *account, who qa.Identity, founds bool, now time.Time) quota.Deferral {
	switch level := d.relay.diskLevel(); {
	case level == diskFree:
	case level == diskFull, founds, level == diskNoStrangers && (d.policy == nil || d.tier(who) == quota.Stranger):
		return quota.Deferral{Code: policy.CodeRelayFull}
	}
	if d.policy == nil {
		return quota.Deferral{}
	}
	if founds {
		return d.relay.mayFound(from, now)
	}
	return d.quota.InDebt(from.quota(), now)
}

// mayFound returns whether an address may create one more event now.
func (r *Relay) mayFound(from *account, now time.Time) quota.Deferral {
	if r.diskLevel() != diskFree {
		return quota.Deferral{Code: policy.CodeRelayFull}
	}
	if r.cfg.Open {
		return quota.Deferral{}
	}
	return r.totals.MayFound(from.quota(), now)
}
