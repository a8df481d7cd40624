// Package quota sets rate limits and quotas for storage, traffic and rejected work: per
// person, remote address, event and founder, and for all recently created events
// together.
//
// A change beyond a quota is deferred, not refused, and is requested again when the
// quota allows it. A change that another change depends on is accepted at once, and
// charged to its writer and address as debt, up to a debt limit.
//
// The package does not validate changes, does no I/O and has no clock.
//
// Locks: an Event belongs to a document and is guarded by the document's lock. Address
// and Totals have locks of their own, which are innermost: nothing else is locked while
// one of them is held, and no two of them are held together.
package quota

import (
	"time"

	"flyleaf/crdt/policy"
)

// Quotas are the limits. Zero means the default, a negative number means no limit.
//
// Each pair of a burst and a rate is a token bucket. Unless its comment says otherwise, the
// rate is per minute, and both are in units: a change costs one unit, plus one for each
// UnitBytes and for each UnitOperations of it.
//
// For founders and organisers, only the per-address, per-founder and young-event limits
// apply. A nil *Address has no limits: it is this machine, where the operator writes or
// a proxy runs.
type Quotas struct {
	// A person without a role, in one event.
	PersonBurst, PersonRate int
	PersonBytes             int64
	// A person with a role in the event: author, moderator, member.
	RoleBurst, RoleRate int
	RoleBytes           int64
	// A remote address, in all events together. An IPv6 /64 is one address.
	AddressBurst, AddressRate int
	// The same, for changes of people without a role only.
	StrangersBurst, StrangersRate int
	// Number of people at one address who write in an event for the first time, in all
	// events together; the rate is per hour. People with a role are not counted, nor are
	// people who recently created an event from this address.
	NewcomersBurst, NewcomersRate int
	// Bytes from a remote address, in all events together, whoever wrote them; the rate
	// is per hour. A change counts RowBytes in addition to its own. The debt, for
	// changes that others depend on, is at most the burst.
	AddressBytesBurst, AddressBytesRate int64
	// Number of events created from a remote address; the rate is per hour.
	FoundingBurst, FoundingRate int
	// Bytes of all events that were created here less than YoungFor ago, from all
	// addresses; the rate is per hour. This is the total that strangers may use, with
	// any number of addresses and names.
	YoungBytesBurst, YoungBytesRate int64
	// FounderBytes is the maximum total size of one founder's events. Only events that
	// were in use since the relay started are counted.
	FounderBytes int64
	// EventBytes is the size of an event beyond which changes of people without a role
	// are deferred.
	EventBytes int64
}

// Defaults are generous to people: what one reader writes in a month of being offline
// passes at once. A machine that makes up any number of keys can write a few thousand
// posts at once, and then a few per second.
var Defaults = Quotas{
	PersonBurst: 600, PersonRate: 60, PersonBytes: 8 << 20,
	RoleBurst: 20_000, RoleRate: 1_200, RoleBytes: 512 << 20,
	AddressBurst: 100_000, AddressRate: 1_800,
	StrangersBurst: 3_000, StrangersRate: 300,
	NewcomersBurst: 200, NewcomersRate: 120,
	EventBytes: 512 << 20,
	// An archive of 1,000 weeks has about 70 MiB, and is uploaded from one address within minutes.
	AddressBytesBurst: 64 << 20, AddressBytesRate: 32 << 20,
	FoundingBurst: 1_500, FoundingRate: 60,
	YoungBytesBurst: 1 << 30, YoungBytesRate: 256 << 20,
	FounderBytes: 2 << 30,
}

// None sets no limits.
var None = Quotas{
	PersonBurst: -1, PersonBytes: -1, RoleBurst: -1, RoleBytes: -1,
	AddressBurst: -1, StrangersBurst: -1, NewcomersBurst: -1, EventBytes: -1,
	AddressBytesBurst: -1, FoundingBurst: -1, YoungBytesBurst: -1, FounderBytes: -1,
}

const (
	// UnitBytes is the number of bytes of a change that costs one more unit.
	UnitBytes = 4 << 10
	// UnitOperations is the number of operations of a change that costs one more unit.
	// A question has 9 to 15.
	UnitOperations = 16
	// RowBytes is roughly what a change takes on disk in addition to its bytes.
	RowBytes = 256
	// YoungFor is how long an event counts as young after it was created here. The time
	// is read from the ledger, so a restart makes no event young again.
	YoungFor = 24 * time.Hour
	// MaxPeople is how many people may have written in one event.
	MaxPeople = 1 << 17
)

// Units returns the cost of a change of so many bytes and operations. Bytes alone
// would understate the work: a thousand operations can fit into 149 bytes.
func Units(bytes, operations int) float64 {
	return float64(1 + bytes/UnitBytes + operations/UnitOperations)
}

// OnDisk returns roughly what a change of so many bytes takes on disk, in bytes.
func OnDisk(size int64) float64 { return float64(size + RowBytes) }

// Tier is what a person's quotas in an event depend on.
type Tier uint8

const (
	Stranger   Tier = iota
	RoleHolder      // author, moderator or member
	Organiser       // also the founder
)

// Deferral is the reason for deferring a change.
type Deferral struct {
	Code  policy.Code   // "" when the change is accepted
	After time.Duration // after which time it can be accepted if nothing else arrives; 0 when unknown
}

func (q *Quotas) address() Rate   { return PerMinute(q.AddressBurst, q.AddressRate) }
func (q *Quotas) strangers() Rate { return PerMinute(q.StrangersBurst, q.StrangersRate) }
func (q *Quotas) newcomers() Rate { return PerHour(q.NewcomersBurst, q.NewcomersRate) }

func (q *Quotas) addressBytes() Rate { return PerHour(q.AddressBytesBurst, q.AddressBytesRate) }
func (q *Quotas) foundings() Rate    { return PerHour(q.FoundingBurst, q.FoundingRate) }
func (q *Quotas) youngBytes() Rate   { return PerHour(q.YoungBytesBurst, q.YoungBytesRate) }

// person returns the rate and the bytes of a writer in an event.
func (q *Quotas) person(tier Tier) (Rate, int64) {
	if tier == RoleHolder {
		return PerMinute(q.RoleBurst, q.RoleRate), q.RoleBytes
	}
	return PerMinute(q.PersonBurst, q.PersonRate), q.PersonBytes
}
