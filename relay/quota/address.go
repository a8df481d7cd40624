package quota

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

// The CPU budget for rejected input, in microseconds, and its refill per second. The relay charges such
// input several times its cost (wasteFactor).
var (
	// ConnectionWaste is the budget of one connection.
	ConnectionWaste = PerSecond(2_000_000.0, 10_000)
	// AddressWaste is the budget of all connections of a remote address.
	AddressWaste = PerSecond(6_000_000.0, 50_000)
)

// wasteReturned is the share of an address's budget that must be refilled before the
// address may connect again once the budget is spent.
const wasteReturned = 0.25

// DocumentChunkWork is the CPU budget for making document chunks for a remote address, in
// microseconds: ten seconds at once, and then a tenth of a processor.
var DocumentChunkWork = PerSecond(10_000_000.0, 100_000)

// Bytes of ephemeral messages from a remote address.
const (
	EphemeralAddressBurst = 256 << 10
	EphemeralAddressRate  = 32 << 10 // per second
)

var addressEphemerals = PerSecond(EphemeralAddressBurst, EphemeralAddressRate)

// maxFounders is how many people who created events from an address are remembered.
const maxFounders = 16

// Address is the quota state of a remote address, in all events together. It is safe
// for concurrent use. The nil Address has no limits; the zero Address has spent
// nothing.
type Address struct {
	// Shared is set, before the Address is used, for an Address that stands for many
	// addresses: it is never banned for what some of them sent.
	Shared bool

	mu                          sync.Mutex
	units, strangers, newcomers Bucket
	bytes, foundings            Bucket
	ephemerals                  Bucket
	waste, documentChunks       Bucket
	founders                    []qa.Identity // at most maxFounders, the latest last
	keptOut                     bool          // banned until wasteReturned of the budget is refilled
}

// exceeded returns which limit of the address a change exceeds, in addition to what is
// planned.
func (a *Address) exceeded(q *Quotas, c *Change, tier Tier, newcomer bool, planned planned, now time.Time) Deferral {
	if a == nil {
		return Deferral{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range []struct {
		bucket        *Bucket
		rate          Rate
		cost, planned float64
		counts        bool
	}{
		{&a.units, q.address(), c.Units, planned.units, true},
		{&a.bytes, q.addressBytes(), OnDisk(c.Size), planned.bytes, true},
		{&a.strangers, q.strangers(), c.Units, planned.units, tier == Stranger},
		{&a.newcomers, q.newcomers(), 1, 0, newcomer},
	} {
		if b.counts && !b.bucket.Has(b.rate, now, b.cost, b.planned) {
			return Deferral{policy.CodeRate, b.bucket.Wait(b.rate, now, b.cost+b.planned)}
		}
	}
	return Deferral{}
}

// Spend spends the units of work that a stranger requested from the relay, going into
// debt if necessary.
func (a *Address) Spend(units float64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.units.Spend(units)
	a.strangers.Spend(units)
}

// spendChange spends the cost of a change, going into debt if necessary.
func (a *Address) spendChange(c *Change, tier Tier, newcomer bool) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.units.Spend(c.Units)
	a.bytes.Spend(OnDisk(c.Size))
	if tier == Stranger {
		a.strangers.Spend(c.Units)
	}
	if newcomer {
		a.newcomers.Spend(1)
	}
}

// inDebt returns whether the address has so much debt that nothing from it is accepted,
// even if others depend on it.
func (a *Address) inDebt(q *Quotas, now time.Time) Deferral {
	if a == nil {
		return Deferral{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return inDebt(&a.bytes, q.addressBytes(), now)
}

// inDebt returns whether a bucket's debt is as large as its burst.
func inDebt(b *Bucket, r Rate, now time.Time) Deferral {
	if !r.bounded() || b.Left(r, now) > -r.Burst {
		return Deferral{}
	}
	return Deferral{policy.CodeRate, b.Wait(r, now, 1)}
}

// mayFound returns whether one more event may be created from the address.
func (a *Address) mayFound(q *Quotas, now time.Time) Deferral {
	if a == nil {
		return Deferral{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.foundings.Has(q.foundings(), now, 1, 0) {
		return Deferral{}
	}
	return Deferral{policy.CodeFounding, a.foundings.Wait(q.foundings(), now, 1)}
}

// FoundingsLeft returns how many events may be created from the address now, at most
// limit.
func (a *Address) FoundingsLeft(q *Quotas, limit int, now time.Time) int {
	if a == nil {
		return limit
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return int(max(0, min(float64(limit), a.foundings.Left(q.foundings(), now))))
}

// found records that a person creates an event from the address. The person is
// remembered, so that a person who creates many weeks does not count as a newcomer in
// each.
func (a *Address) found(who qa.Identity) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.foundings.Spend(1)
	a.founders = append(slices.DeleteFunc(a.founders, func(id qa.Identity) bool { return id == who }), who)
	if len(a.founders) > maxFounders {
		a.founders = slices.Delete(a.founders, 0, 1)
	}
}

// knows reports whether a person recently created an event from the address.
func (a *Address) knows(who qa.Identity) bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.founders, who)
}

// PassEphemeral spends the bytes of an ephemeral message, and reports whether the
// address had so many left.
func (a *Address) PassEphemeral(bytes float64, now time.Time) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ephemerals.Has(addressEphemerals, now, bytes, 0) {
		return false
	}
	a.ephemerals.Spend(bytes)
	return true
}

// MayMakeDocumentChunk reports whether a document chunk may be made for the address. The cost
// is known only afterwards, so there may be debt for one chunk.
func (a *Address) MayMakeDocumentChunk(now time.Time) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.documentChunks.Left(DocumentChunkWork, now) > 0
}

// ChargeDocumentChunk spends the cost of a document chunk, in microseconds.
func (a *Address) ChargeDocumentChunk(cost float64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.documentChunks.Spend(cost)
}

// ChargeWaste adds a cost, in microseconds, to the address's spent budget for rejected
// input, and returns the sum; 0 for the nil Address. A negative cost is a refund.
func (a *Address) ChargeWaste(cost float64, now time.Time) (spent float64) {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if spent = a.waste.Charge(AddressWaste, now, cost); spent > AddressWaste.Burst {
		a.keptOut = !a.Shared
	}
	return spent
}

// BannedFor returns for how long the address may not connect because its budget is
// spent; 0 when it may.
func (a *Address) BannedFor(now time.Time) time.Duration {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := wasteReturned*AddressWaste.Burst - a.waste.Left(AddressWaste, now)
	if !a.keptOut || missing <= 0 {
		a.keptOut = false
		return 0
	}
	return time.Duration(missing / AddressWaste.Each * float64(AddressWaste.Per))
}

// Unspent reports whether the address can be forgotten without losing anything.
func (a *Address) Unspent(q *Quotas, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waste.Full(AddressWaste, now) && a.documentChunks.Full(DocumentChunkWork, now) &&
		a.units.Full(q.address(), now) && a.strangers.Full(q.strangers(), now) && a.newcomers.Full(q.newcomers(), now) &&
		a.bytes.Full(q.addressBytes(), now) && a.foundings.Full(q.foundings(), now) &&
		a.ephemerals.Full(addressEphemerals, now)
}

// AddressOf returns the key by which a request's sender is counted: its IPv4 address,
// or the /64 of its IPv6 address; "" for this machine. Behind a proxy it is the last
// address in X-Forwarded-For, which the proxy itself saw.
func AddressOf(req *http.Request, behindProxy bool) string {
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
			// An unreadable header is the proxy's fault, so the request counts as the
			// proxy's.
			if through, err := netip.ParseAddr(strings.Trim(last, "[]")); err == nil {
				return prefixOf(through)
			}
		}
	}
	if ip.IsLoopback() {
		return ""
	}
	return prefixOf(ip)
}

func prefixOf(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
