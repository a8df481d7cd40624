// Package quota decides how much people may make a relay keep and pass on, and how much
// work they may make it do for nothing: of one person, of one remote address, of one
// event, of one founder, and of all events that were begun a short while ago.
//
// Nobody is cut off by a quota. A change that is beyond one is deferred, and asked for
// again when there is room for it. A change that somebody else builds on is taken at once,
// and charged to its writer and address as debt.
//
// Whether a change is valid is not decided here, and nothing here does I/O or reads a
// clock.
//
// Locks: an Event belongs to a document and is guarded by the document's lock. Address
// and Totals have locks of their own, which are innermost: nothing else is locked while
// one of them is held, and no two of them are held together.
package quota

import (
	"time"

	"flyleaf/crdt/policy"
)

// Quotas are the bounds. Zero means the default, a negative number that there is no
// such bound.
//
// Rates are in units: a change is one, and one more for each UnitBytes and for each
// UnitOperations of it. They are token buckets: so many units at once, and so many more
// each minute.
//
// Founders and organisers have the bounds of an address, of a founder and of young
// events only. A nil *Address has no bounds: it stands for this very machine, from which
// the operator writes, or a proxy.
type Quotas struct {
	// Of a person without a role, in one event.
	PersonBurst, PersonRate int
	PersonBytes             int64
	// Of a person with a role in the event: author, moderator, member.
	RoleBurst, RoleRate int
	RoleBytes           int64
	// Of a remote address, in all events together. Of IPv6, a /64 is one address.
	AddressBurst, AddressRate int
	// The same of what people without a role write.
	StrangersBurst, StrangersRate int
	// People who write in an event for the first time, of one address in all events
	// together; the rate is for an hour. Who has a role is not counted, nor is who
	// began an event from this address a short while ago.
	NewcomersBurst, NewcomersRate int
	// Bytes from a remote address, in all events together, whoever wrote them; the rate
	// is for an hour. A change counts RowBytes beside its own. The debt, of what is taken
	// because somebody builds on it, is at most as much as the burst.
	AddressBytesBurst, AddressBytesRate int64
	// Events begun from a remote address; the rate is for an hour.
	FoundingBurst, FoundingRate int
	// Bytes of all events that were begun here less than YoungFor ago, from everywhere;
	// the rate is for an hour. It is what strangers can make of the relay together,
	// with however many addresses and names.
	YoungBytesBurst, YoungBytesRate int64
	// FounderBytes is how large the events that one person began may be together, of
	// those that were in use since the relay started.
	FounderBytes int64
	// EventBytes is how large an event may grow by people without a role.
	EventBytes int64
}

// Defaults are generous to people: what one reader writes in a month of being offline
// passes at once. All keys that one machine can draw write a few thousand words at
// once, and then a few each second.
var Defaults = Quotas{
	PersonBurst: 600, PersonRate: 60, PersonBytes: 8 << 20,
	RoleBurst: 20_000, RoleRate: 1_200, RoleBytes: 512 << 20,
	AddressBurst: 100_000, AddressRate: 1_800,
	StrangersBurst: 3_000, StrangersRate: 300,
	NewcomersBurst: 200, NewcomersRate: 120,
	EventBytes: 512 << 20,
	// An archive of 1,000 weeks is some 70 MiB, from one address within minutes.
	AddressBytesBurst: 64 << 20, AddressBytesRate: 32 << 20,
	FoundingBurst: 1_500, FoundingRate: 60,
	YoungBytesBurst: 1 << 30, YoungBytesRate: 256 << 20,
	FounderBytes: 2 << 30,
}

// None bounds nothing.
var None = Quotas{
	PersonBurst: -1, PersonBytes: -1, RoleBurst: -1, RoleBytes: -1,
	AddressBurst: -1, StrangersBurst: -1, NewcomersBurst: -1, EventBytes: -1,
	AddressBytesBurst: -1, FoundingBurst: -1, YoungBytesBurst: -1, FounderBytes: -1,
}

const (
	// UnitBytes is how many bytes of a change make a further unit of a rate.
	UnitBytes = 4 << 10
	// UnitOperations is how many operations of a change make a further unit of a rate.
	// A question has 9 to 15.
	UnitOperations = 16
	// RowBytes is roughly what a change takes on disk beyond its bytes.
	RowBytes = 256
	// YoungFor is how long an event counts as young after it was begun here. That is
	// read from the ledger, so a restart makes no event young again.
	YoungFor = 24 * time.Hour
	// MaxPeople is how many people may have written in one event.
	MaxPeople = 1 << 17
)

// Units returns what a change of so many bytes and operations costs. Bytes alone would
// not say it: a thousand operations can take 149 of them.
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
	Organiser       // also whoever founds the event
)

// Deferral is why something is not taken now.
type Deferral struct {
	Code  policy.Code   // "" when it is taken
	After time.Duration // when it could be taken if nothing else comes; 0 when that is not known
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
