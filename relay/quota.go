package relay

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Quotas bound what people make a relay for events keep and pass on. Nobody is cut
// off by them: what is beyond one is deferred, asked for again when there is room,
// and taken at once when somebody else builds on it. Zero means the default, a
// negative number that there is no such bound.
//
// Rates are in units: a change is one, and one more for each UnitBytes of it. They
// are token buckets: so many units at once, and so many more each minute. What is
// taken beyond them because somebody builds on it is owed.
//
// Founders and organisers have the bounds of an address only, and addresses of this
// very machine have none: they are the operator's own, or a proxy's (see
// Config.BehindProxy).
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
	// together; the rate is for an hour. Who has a role is not counted.
	NewcomersBurst, NewcomersRate int
	// EventBytes is how large an event may grow by people without a role.
	EventBytes int64
}

// DefaultQuotas are generous to people: what one reader writes in a month of being
// offline passes at once. All keys that one machine can draw write a few thousand
// words at once, and then a few each second.
var DefaultQuotas = Quotas{
	PersonBurst: 600, PersonRate: 60, PersonBytes: 8 << 20,
	RoleBurst: 20_000, RoleRate: 1_200, RoleBytes: 512 << 20,
	AddressBurst: 30_000, AddressRate: 1_800,
	StrangersBurst: 3_000, StrangersRate: 300,
	NewcomersBurst: 200, NewcomersRate: 120,
	EventBytes: 512 << 20,
}

// NoQuotas bound nothing.
var NoQuotas = Quotas{
	PersonBurst: -1, PersonBytes: -1, RoleBurst: -1, RoleBytes: -1,
	AddressBurst: -1, StrangersBurst: -1, NewcomersBurst: -1, EventBytes: -1,
}

// UnitBytes is how many bytes of a change make a further unit of a rate.
const UnitBytes = 4 << 10

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
	} {
		if *f.is == 0 {
			*f.is = *f.or
		}
	}
	for _, f := range []struct{ is, or *int64 }{
		{&q.PersonBytes, &d.PersonBytes}, {&q.RoleBytes, &d.RoleBytes}, {&q.EventBytes, &d.EventBytes},
	} {
		if *f.is == 0 {
			*f.is = *f.or
		}
	}
	return q
}

// units is what a change of so many bytes costs.
func units(size int) float64 { return float64(1 + size/UnitBytes) }

// rate is what a bucket is filled with.
type rate struct {
	burst, each float64
	per         time.Duration
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
	waste                       bucket // in microseconds: work.go
	barred                      bool   // until some of the waste is given back
}

// affords reports whether the address has so many units left beside what is
// planned, for somebody of that standing, who may be new.
func (c *account) affords(q *Quotas, now time.Time, cost, planned float64, who standing, newcomer bool) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.units.has(q.address(), now, cost, planned) &&
		(who != stranger || c.strangers.has(q.strangers(), now, cost, planned)) &&
		(!newcomer || c.newcomers.has(q.newcomers(), now, 1, 0))
}

// spend takes them, owed where they are not there.
func (c *account) spend(cost float64, who standing, newcomer bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.units.spend(cost)
	if who == stranger {
		c.strangers.spend(cost)
	}
	if newcomer {
		c.newcomers.spend(1)
	}
}

// asNew reports whether nothing is lost when the account is forgotten.
func (c *account) asNew(q *Quotas, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waste.full(addressWaste, now) && c.units.full(q.address(), now) && c.strangers.full(q.strangers(), now) && c.newcomers.full(q.newcomers(), now)
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
