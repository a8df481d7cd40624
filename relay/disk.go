package relay

import (
	"sync/atomic"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// Disk is what the relay's data may take. The zero value sets no bound: then a full
// disk is noticed when a commit fails.
type Disk struct {
	// Measure returns how many bytes the data takes, and how many are free beside it. It
	// is called every few seconds, and after each few MiB. nil: nothing is known.
	Measure func() (used, free int64, err error)
	// Max is how many bytes the data may take; 0: any number. From 90 % of it on no
	// event is begun, from 95 % on nobody without a role is let write.
	Max int64
	// Reserve is how many bytes are left free. Below three times as many no event is
	// begun, below two times nobody without a role is let write.
	Reserve int64
}

// DiskReserve is how many bytes syncserver leaves free unless it is told otherwise.
const DiskReserve = 256 << 20

// checkAfter is after how many bytes stored the disk is looked at again.
const checkAfter = 4 << 20

// diskLevel is how little room there is on the disk.
type diskLevel int32

const (
	diskFree        diskLevel = iota
	diskNoFounding            // no event is begun
	diskNoStrangers           // nobody without a role is let write
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

// diskState is what was seen of the disk last.
type diskState struct {
	level  atomic.Int32 // a scarcity
	stored atomic.Int64 // bytes, since it was looked
}

// checkDisk sees how much room there is. What cannot be seen is as it was.
func (r *Relay) checkDisk() {
	if r.cfg.Disk.Measure == nil {
		return
	}
	r.disk.stored.Store(0)
	used, free, err := r.cfg.Disk.Measure()
	if err != nil {
		r.log.Error("how much room the disk has cannot be seen", "err", err)
		return
	}
	level := r.cfg.Disk.level(used, free)
	if before := diskLevel(r.disk.level.Swap(int32(level))); before == level {
		return
	}
	says := map[diskLevel]string{
		diskFree:        "the disk has room again; everything is taken",
		diskNoFounding:  "the disk is filling up: no events are begun any more",
		diskNoStrangers: "the disk is nearly full: nobody without a role is let write any more",
		diskFull:        "the disk is full: nothing is taken any more",
	}
	r.log.Warn(says[level], "used", used, "free", free)
}

func (r *Relay) diskLevel() diskLevel { return diskLevel(r.disk.level.Load()) }

// hardLimit returns why something is not taken even if others build on it: the disk has
// no space, its address or all young events have too much debt, or the address began too
// many events. d.mu is held.
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

// mayFound returns whether one event more may be begun now from an address.
func (r *Relay) mayFound(from *account, now time.Time) quota.Deferral {
	if r.diskLevel() != diskFree {
		return quota.Deferral{Code: policy.CodeRelayFull}
	}
	if r.cfg.Open {
		return quota.Deferral{}
	}
	return r.totals.MayFound(from.quota(), now)
}
