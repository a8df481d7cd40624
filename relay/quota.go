package relay

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Quotas bound what people make a relay for events keep and pass on. Nobody is cut
// off by them: what is beyond one is deferred, asked for again when there is room,
// and taken at once when somebody else builds on it. Zero means the default, a
// negative number that there is no such bound.
//
// Rates are in units: a change is one, and one more for each UnitBytes and for each
// UnitOperations of it. They are token buckets: so many units at once, and so many more each minute. What is
// taken beyond them because somebody builds on it is owed.
//
// Founders and organisers have the bounds of an address, of a founder and of young
// events only. Addresses of this very machine have none of an address: they are the
// operator's own, or a proxy's (see Config.BehindProxy).
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
	// is for an hour. A change counts RowBytes beside its own. Of what is owed because
	// somebody builds on it there is as much at most as the burst.
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

// DefaultQuotas are generous to people: what one reader writes in a month of being
// offline passes at once. All keys that one machine can draw write a few thousand
// words at once, and then a few each second.
var DefaultQuotas = Quotas{
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

// NoQuotas bound nothing.
var NoQuotas = Quotas{
	PersonBurst: -1, PersonBytes: -1, RoleBurst: -1, RoleBytes: -1,
	AddressBurst: -1, StrangersBurst: -1, NewcomersBurst: -1, EventBytes: -1,
	AddressBytesBurst: -1, FoundingBurst: -1, YoungBytesBurst: -1, FounderBytes: -1,
}

// UnitBytes is how many bytes of a change make a further unit of a rate.
const UnitBytes = 4 << 10

// UnitOperations is how many operations of a change make a further unit of a rate. A
// question has 9 to 15.
const (
	UnitOperations = 16
	// RowBytes is roughly what a change takes on disk beyond its bytes.
	RowBytes = 256
)

// YoungFor is how long an event counts as young after it was begun here. That is
// read from the ledger, so a restart makes no event young again.
const YoungFor = 24 * time.Hour

// maxFounders is how many of those who began events from an address are remembered.
const maxFounders = 16

// onDisk is what a change of so many bytes takes there.
func onDisk(size int64) float64 { return float64(size + RowBytes) }

// MaxAddresses is how many remote addresses are told apart at a time. Those beyond
// share one account.
const MaxAddresses = 1 << 16

func (q Quotas) withDefaults() Quotas {
	d := DefaultQuotas
	for _, f := range []struct{ is, or *int }{
		{&q.PersonBurst, &d.PersonBurst},
		{&q.PersonRate, &d.PersonRate},
		{&q.RoleBurst, &d.RoleBurst},
		{&q.RoleRate, &d.RoleRate},
		{&q.AddressBurst, &d.AddressBurst},
		{&q.AddressRate, &d.AddressRate},
		{&q.StrangersBurst, &d.StrangersBurst},
		{&q.StrangersRate, &d.StrangersRate},
		{&q.NewcomersBurst, &d.NewcomersBurst},
		{&q.NewcomersRate, &d.NewcomersRate},
		{&q.FoundingBurst, &d.FoundingBurst},
		{&q.FoundingRate, &d.FoundingRate},
	} {
		if *f.is == 0 {
			*f.is = *f.or
		}
	}
	for _, f := range []struct{ is, or *int64 }{
		{&q.PersonBytes, &d.PersonBytes},
		{&q.RoleBytes, &d.RoleBytes},
		{&q.EventBytes, &d.EventBytes},
		{&q.AddressBytesBurst, &d.AddressBytesBurst},
		{&q.AddressBytesRate, &d.AddressBytesRate},
		{&q.YoungBytesBurst, &d.YoungBytesBurst},
		{&q.YoungBytesRate, &d.YoungBytesRate},
		{&q.FounderBytes, &d.FounderBytes},
	} {
		if *f.is == 0 {
			*f.is = *f.or
		}
	}
	return q
}

// cost is what a change of so many bytes and operations costs, in units. Bytes alone
// would not say it: a thousand operations can take 149 of them.
func cost(bytes, operations int) float64 {
	return float64(1 + bytes/UnitBytes + operations/UnitOperations)
}

// cost is what the change costs, in units.
func (c *change) cost() float64 {
	return cost(len(c.bytes), c.ops())
}

// rate is what a bucket is filled with.
type rate struct {
	burst, each float64
	per         time.Duration
}

func bytesPerHour(burst, each int64) rate {
	return rate{float64(burst), float64(each), time.Hour}
}

func bytesPerSecond(burst, each int) rate {
	return rate{float64(burst), float64(each), time.Second}
}
func perMinute(burst, each int) rate { return rate{float64(burst), float64(each), time.Minute} }
func perHour(burst, each int) rate   { return rate{float64(burst), float64(each), time.Hour} }

// bounded reports whether there is a bound at all.
func (r rate) bounded() bool { return r.burst >= 0 }

// bucket is a token bucket. The zero bucket is full.
type bucket struct {
	spent float64 // below the burst; may be more: what is owed
	at    time.Time
}

// left returns how many units there are, less than none when some are owed.
func (b *bucket) left(r rate, now time.Time) float64 {
	if !r.bounded() {
		return 1 << 30
	}
	// A clock that goes back gives nothing.
	if passed := now.Sub(b.at); passed > 0 && b.spent > 0 {
		b.spent = max(0, b.spent-max(r.each, 0)*float64(passed)/float64(r.per))
	}
	b.at = now
	return r.burst - b.spent
}

// has reports whether there is so much beside what is planned, after filling. What
// costs more than a whole bucket passes when the bucket is full.
func (b *bucket) has(r rate, now time.Time, cost, planned float64) bool {
	return b.left(r, now)-planned >= min(cost, max(r.burst, 1))
}

// wait returns how long it takes until there is so much.
func (b *bucket) wait(r rate, now time.Time, cost float64) time.Duration {
	lacks := min(cost, max(r.burst, 1)) - b.left(r, now)
	if lacks <= 0 || r.each <= 0 {
		return 0
	}
	return time.Duration(lacks / r.each * float64(r.per))
}

func (b *bucket) full(r rate, now time.Time) bool { return b.left(r, now) >= r.burst }

func (b *bucket) spend(cost float64) { b.spent += cost }

// account is what a remote address has left. It is shared by its connections. The
// nil account has no bounds.
type account struct {
	users  int   // connections; guarded by accounts.mu
	share  share // guarded by the relay's memory
	lanes  [lanes]lane
	shared bool // by many addresses, none of which is barred for what others sent; set once

	mu                          sync.Mutex
	units, strangers, newcomers bucket
	bytes, foundings            bucket
	ephemerals                  bucket
	founders                    []qa.Identity // at most maxFounders, the latest last
	waste, wholes               bucket        // in microseconds: work.go
	barred                      bool          // until some of the waste is given back
}

// beyond says which bound of the address something is beyond, beside what is planned,
// for somebody of that standing, who may be new.
func (c *account) beyond(q *Quotas, now time.Time, cost, stored float64, planned plannedCost, who standing, newcomer bool) deferral {
	if c == nil {
		return deferral{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range []struct {
		bucket        *bucket
		rate          rate
		cost, planned float64
		counts        bool
	}{
		{&c.units, q.address(), cost, planned.fromAddress, true},
		{&c.bytes, q.addressBytes(), stored, planned.bytes, true},
		{&c.strangers, q.strangers(), cost, planned.fromAddress, who == stranger},
		{&c.newcomers, q.newcomers(), 1, 0, newcomer},
	} {
		if b.counts && !b.bucket.has(b.rate, now, b.cost, b.planned) {
			return deferral{policy.CodeRate, b.bucket.wait(b.rate, now, b.cost+b.planned)}
		}
	}
	return deferral{}
}

// affords reports whether the address is within all its bounds with so many units
// more, for somebody of that standing, who may be new.
func (c *account) affords(q *Quotas, now time.Time, cost float64, who standing, newcomer bool) bool {
	return c.beyond(q, now, cost, 0, plannedCost{}, who, newcomer).code == ""
}

// indebted says whether the address owes so much that nothing is taken from it any
// more, whoever builds on it.
func (c *account) indebted(q *Quotas, now time.Time) deferral {
	if c == nil {
		return deferral{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := q.addressBytes()
	if !r.bounded() || c.bytes.left(r, now) > -r.burst {
		return deferral{}
	}
	return deferral{policy.CodeRate, c.bytes.wait(r, now, 1)}
}

// mayFound says whether one event more may be begun from the address.
func (c *account) mayFound(q *Quotas, now time.Time) deferral {
	if c == nil {
		return deferral{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.foundings.has(q.foundings(), now, 1, 0) {
		return deferral{}
	}
	return deferral{policy.CodeFounding, c.foundings.wait(q.foundings(), now, 1)}
}

// foundingsLeft returns how many events may be begun from the address now, of a few.
func (c *account) foundingsLeft(q *Quotas, now time.Time) int {
	if c == nil {
		return maxAskedAgain
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(max(0, min(maxAskedAgain, c.foundings.left(q.foundings(), now))))
}

// found notes that somebody begins an event from the address. They are remembered, so
// that who begins many weeks is not somebody new in each.
func (c *account) found(who qa.Identity) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.foundings.spend(1)
	c.founders = append(slices.DeleteFunc(c.founders, func(id qa.Identity) bool { return id == who }), who)
	if len(c.founders) > maxFounders {
		c.founders = slices.Delete(c.founders, 0, 1)
	}
}

// knows reports whether somebody began an event from the address.
func (c *account) knows(who qa.Identity) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.founders, who)
}

// spend takes what something costs, owed where it is not there.
func (c *account) spend(cost, stored float64, who standing, newcomer bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.units.spend(cost)
	c.bytes.spend(stored)
	if who == stranger {
		c.strangers.spend(cost)
	}
	if newcomer {
		c.newcomers.spend(1)
	}
}

var ephemeralsOfAddress = bytesPerSecond(EphemeralAddressBurst, EphemeralAddressRate)

// mayPass takes the bytes of an ephemeral message, if the address has so many left.
func (c *account) mayPass(size float64, now time.Time) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ephemerals.has(ephemeralsOfAddress, now, size, 0) {
		return false
	}
	c.ephemerals.spend(size)
	return true
}

// asNew reports whether nothing is lost when the account is forgotten.
func (c *account) asNew(q *Quotas, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waste.full(addressWaste, now) && c.wholes.full(wholeWork, now) &&
		c.units.full(q.address(), now) && c.strangers.full(q.strangers(), now) && c.newcomers.full(q.newcomers(), now) &&
		c.bytes.full(q.addressBytes(), now) && c.foundings.full(q.foundings(), now) &&
		c.ephemerals.full(ephemeralsOfAddress, now)
}

// accounts are those of all remote addresses.
type accounts struct {
	mu    sync.Mutex
	known map[string]*account
	other account // of those beyond MaxAddresses
}

// open returns the account of a remote address for one connection more, nil for the
// address "", which has no bounds; false when it has as many as it may. close is to
// be called with the same address.
func (a *accounts) open(address string, most int) (*account, bool) {
	if address == "" {
		return nil, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.known[address]
	if !ok && len(a.known) >= MaxAddresses {
		return &a.other, true
	}
	if !ok {
		if a.known == nil {
			a.known = map[string]*account{}
		}
		c = &account{}
		a.known[address] = c
	}
	if c.users >= most {
		return nil, false
	}
	c.users++
	return c, true
}

func (a *accounts) close(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.known[address]; ok && c.users > 0 {
		c.users--
	}
}

// forget drops accounts that nobody uses and that are as good as new.
func (a *accounts) forget(q *Quotas, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, c := range a.known {
		if c.users == 0 && c.asNew(q, now) {
			delete(a.known, address)
		}
	}
}

func (q *Quotas) address() rate   { return perMinute(q.AddressBurst, q.AddressRate) }
func (q *Quotas) strangers() rate { return perMinute(q.StrangersBurst, q.StrangersRate) }
func (q *Quotas) newcomers() rate { return perHour(q.NewcomersBurst, q.NewcomersRate) }

func (q *Quotas) addressBytes() rate { return bytesPerHour(q.AddressBytesBurst, q.AddressBytesRate) }
func (q *Quotas) foundings() rate    { return perHour(q.FoundingBurst, q.FoundingRate) }
func (q *Quotas) youngBytes() rate   { return bytesPerHour(q.YoungBytesBurst, q.YoungBytesRate) }

// person returns the bounds of a writer in an event.
func (q *Quotas) person(role bool) (rate, int64) {
	if role {
		return perMinute(q.RoleBurst, q.RoleRate), q.RoleBytes
	}
	return perMinute(q.PersonBurst, q.PersonRate), q.PersonBytes
}

// remote returns what a request's sender is counted by: its IPv4 address, or the
// /64 of its IPv6 address; "" for this machine. Behind a proxy it is the last
// address in X-Forwarded-For, which is the one that the proxy itself saw.
func remote(req *http.Request, behindProxy bool) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		host = req.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if behindProxy {
		if lines := req.Header.Values("X-Forwarded-For"); len(lines) > 0 {
			last := lines[len(lines)-1]
			if i := strings.LastIndexByte(last, ','); i >= 0 {
				last = last[i+1:]
			}
			last = strings.TrimSpace(last)
			if h, _, err := net.SplitHostPort(last); err == nil {
				last = h
			}
			// What cannot be read is the proxy's fault, and counted as the proxy.
			if through, err := netip.ParseAddr(strings.Trim(last, "[]")); err == nil {
				return addressOf(through)
			}
		}
	}
	if ip.IsLoopback() {
		return ""
	}
	return addressOf(ip)
}

func addressOf(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
