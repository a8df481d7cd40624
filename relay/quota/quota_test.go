package quota

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	r := PerMinute(10, 60)
	var b Bucket
	for range 10 {
		if !b.Has(r, now, 1, 0) {
			t.Fatal("empty before its burst")
		}
		b.Spend(1)
	}
	if b.Has(r, now, 1, 0) || b.Full(r, now) {
		t.Error("not empty after its burst")
	}
	if now = now.Add(time.Second); !b.Has(r, now, 1, 0) || b.Has(r, now, 2, 0) || b.Has(r, now, 1, 1) {
		t.Error("a second should give one unit")
	}
	b.Spend(21) // 20 are owed
	if now = now.Add(20 * time.Second); b.Has(r, now, 1, 0) {
		t.Error("a debt is forgotten before it is paid")
	}
	if now = now.Add(time.Second); !b.Has(r, now, 1, 0) {
		t.Error("a debt is never paid")
	}
	if now = now.Add(time.Hour); b.Left(r, now) != 10 || !b.Full(r, now) {
		t.Errorf("%v units after an hour", b.Left(r, now))
	}
	if !b.Has(r, now, 500, 0) {
		t.Error("what costs more than a whole bucket never passes")
	}
	b.Spend(10)
	if now = now.Add(-time.Hour); b.Has(r, now, 1, 0) {
		t.Error("a clock that goes back gives something")
	}
	if now = now.Add(time.Second); !b.Has(r, now, 1, 0) {
		t.Error("after a clock that went back it is never filled again")
	}
	none := PerMinute(-1, 0)
	b.Spend(1e9)
	if !b.Has(none, now, 1e6, 0) {
		t.Error("a bucket without a limit is empty")
	}
}

func TestQuotasAreSetByName(t *testing.T) {
	var all Quotas
	for i, n := range Settings {
		if n.Default() == 0 || n.Help == "" {
			t.Errorf("%s has no default", n.Name)
		}
		if err := all.Set(fmt.Sprintf("%s=%d", n.Name, i+1)); err != nil {
			t.Error(err)
		}
	}
	// The numbers differ, so each setting has set a field of its own, and no field is left out.
	v := reflect.ValueOf(all)
	seen := map[int64]bool{}
	for i := range v.NumField() {
		seen[v.Field(i).Int()] = true
	}
	if v.NumField() != len(Settings) || len(seen) != len(Settings) || seen[0] {
		t.Errorf("%+v", all)
	}
	for setting, want := range map[string]int64{"event-bytes=3G": 3 << 30, "event-bytes=64M": 64 << 20, "event-bytes=2K": 2048, "event-bytes=off": -1} {
		if err := all.Set(setting); err != nil || all.EventBytes != want {
			t.Errorf("%s: %d, %v", setting, all.EventBytes, err)
		}
	}
	for _, bad := range []string{"", "event-bytes", "event-bytes=", "event-bytes=0", "event-bytes=-5", "event-bytes=1T", "nothing=1", "person-rate=1.5", "event-bytes=99999999999"} {
		if err := all.Set(bad); !errors.Is(err, ErrSetting) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if q := (Quotas{PersonRate: 7}).WithDefaults(); q.PersonRate != 7 || q.RoleRate != Defaults.RoleRate || q.EventBytes != Defaults.EventBytes {
		t.Errorf("%+v", q)
	}
	if None.WithDefaults().PersonBurst != -1 {
		t.Error("an unlimited quota got a limit")
	}
}

func TestAddressOf(t *testing.T) {
	for _, c := range []struct {
		addr, forwarded string
		proxy           bool
		want            string
	}{
		{"127.0.0.1:9", "", false, ""},
		{"[::1]:9", "", false, ""},
		{"127.0.0.1:9", "198.51.100.7", false, ""},
		{"198.51.100.7:9", "", false, "198.51.100.7"},
		{"198.51.100.7:9", "203.0.113.5", false, "198.51.100.7"}, // anybody can write a header
		{"[::ffff:198.51.100.7]:9", "", false, "198.51.100.7"},
		{"[2001:db8:1:2:3::4]:9", "", false, "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:9", "", false, "fe80::/64"},
		{"127.0.0.1:9", "203.0.113.5", true, "203.0.113.5"},
		{"127.0.0.1:9", "6.6.6.6, 203.0.113.5", true, "203.0.113.5"},
		{"127.0.0.1:9", "203.0.113.5:443", true, "203.0.113.5"},
		{"127.0.0.1:9", "[2001:db8:1:2:3::4]:443", true, "2001:db8:1:2::/64"},
		{"127.0.0.1:9", "2001:db8:1:2:3::4", true, "2001:db8:1:2::/64"},
		{"127.0.0.1:9", "127.0.0.1", true, "127.0.0.1"}, // a client that claims to be this machine
		{"10.0.0.1:9", "nonsense", true, "10.0.0.1"},
		{"127.0.0.1:9", "", true, ""},
	} {
		req := &http.Request{RemoteAddr: c.addr, Header: http.Header{}}
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := AddressOf(req, c.proxy); got != c.want {
			t.Errorf("%s, %q, proxy %v: counted by %q, want %q", c.addr, c.forwarded, c.proxy, got, c.want)
		}
	}
}

// world is a relay's quotas, an event that began yesterday, and an address.
type world struct {
	totals *Totals
	event  *Event
	from   *Address
	now    time.Time
}

func newWorld(q Quotas) *world {
	w := &world{totals: NewTotals(q), from: &Address{}, now: time.Unix(1_000_000, 0)}
	w.event = w.totals.Event("an event")
	w.event.NoteCreation("founder", w.now.Add(-YoungFor))
	return w
}

// write charges a change if it is within the quotas. Otherwise it returns the reason.
func (w *world) write(who qa.Identity, tier Tier, size int64) policy.Code {
	c := &Change{Writer: who, Units: Units(int(size), 0), Size: size}
	if why := w.event.Exceeded(c, w.from, tier, w.now); why.Code != "" {
		return why.Code
	}
	w.event.Charge(c, w.from, tier, w.now)
	w.event.Add(who, int(size))
	return ""
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		bytes, operations int
		want              float64
	}{{0, 0, 1}, {UnitBytes - 1, UnitOperations - 1, 1}, {UnitBytes, 0, 2}, {149, 1000, 63}, {3 * UnitBytes, 2 * UnitOperations, 6}} {
		if got := Units(c.bytes, c.operations); got != c.want {
			t.Errorf("%d bytes and %d operations: %v units", c.bytes, c.operations, got)
		}
	}
}

// Each quota alone stops a stranger after as many changes as it allows, with its code. It stops
// people with a role, organisers, and writers at another address only if it applies to them.
// The quotas of a role stop nobody but people with a role.
func TestEachQuota(t *testing.T) {
	const many = 20
	for _, c := range []struct {
		name string
		set  func(*Quotas)
		code policy.Code
		ok   int  // changes of 100 bytes that a stranger may write
		role bool // somebody with a role is bound too
		org  bool // an organiser is bound too
		all  bool // at another address, too
	}{
		{"nothing", func(*Quotas) {}, "", many, false, false, false},
		{"a person's rate", func(q *Quotas) { q.PersonBurst, q.PersonRate = 3, 1 }, policy.CodeRate, 3, false, false, true},
		{"a person's bytes", func(q *Quotas) { q.PersonBytes = 450 }, policy.CodeQuota, 4, false, false, true},
		{"a role's rate", func(q *Quotas) { q.RoleBurst, q.RoleRate = 3, 1 }, "", many, true, false, false},
		{"a role's bytes", func(q *Quotas) { q.RoleBytes = 450 }, "", many, true, false, false},
		{"an event's bytes", func(q *Quotas) { q.EventBytes = 450 }, policy.CodeQuota, 4, false, false, true},
		{"a founder's bytes", func(q *Quotas) { q.FounderBytes = 450 }, policy.CodeQuota, 4, true, true, true},
		{"an address's rate", func(q *Quotas) { q.AddressBurst, q.AddressRate = 3, 1 }, policy.CodeRate, 3, true, true, false},
		{"strangers of an address", func(q *Quotas) { q.StrangersBurst, q.StrangersRate = 3, 1 }, policy.CodeRate, 3, false, false, false},
		{"bytes of an address", func(q *Quotas) { q.AddressBytesBurst, q.AddressBytesRate = 4*(100+RowBytes), 1 }, policy.CodeRate, 4, true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, tier := range []Tier{Stranger, RoleHolder, Organiser} {
				q := None
				c.set(&q)
				w := newWorld(q)
				n := 0
				code := policy.Code("")
				for n < many && code == "" {
					if code = w.write("somebody", tier, 100); code == "" {
						n++
					}
				}
				bound := map[Tier]bool{Stranger: c.code != "", RoleHolder: c.role, Organiser: c.org}[tier]
				switch {
				case !bound && n < many:
					t.Errorf("tier %d is stopped after %d: %s", tier, n, code)
				case bound && n == many:
					t.Errorf("tier %d is never stopped", tier)
				case tier == Stranger && (n != c.ok || code != c.code):
					t.Errorf("a stranger is stopped after %d: %s", n, code)
				}
				if !bound {
					continue
				}
				w.from = &Address{}
				if code := w.write("somebody", tier, 100); (code == "") == (c.all || tier == RoleHolder && c.code == "") {
					t.Errorf("tier %d from another address: %q", tier, code)
				}
			}
		})
	}
}

// TestDebt: a change that is accepted because another change depends on it is charged as debt. Nothing else is
// accepted until the debt is paid; if the debt is as large as the burst, nothing at all is accepted.
func TestDebt(t *testing.T) {
	q := None
	q.AddressBytesBurst, q.AddressBytesRate = 10_000, 3_600_000 // 1,000 bytes a second
	w := newWorld(q)
	c := &Change{Writer: "somebody", Units: 1, Size: 5_000 - RowBytes}
	for i := range 4 { // 20,000 bytes: the whole burst, and as much debt
		if why := w.event.InDebt(w.from, w.now); why.Code != "" {
			t.Fatalf("change %d: %+v", i, why)
		}
		w.event.Charge(c, w.from, Stranger, w.now)
	}
	if why := w.event.InDebt(w.from, w.now); why.Code != policy.CodeRate || why.After < 10*time.Second || why.After > 11*time.Second {
		t.Errorf("with as much debt as is allowed: %+v", why)
	}
	w.now = w.now.Add(time.Second)
	if why := w.event.InDebt(w.from, w.now); why.Code != "" {
		t.Errorf("a second later: %+v", why)
	}
	if why := w.event.Exceeded(c, w.from, Stranger, w.now); why.Code != policy.CodeRate {
		t.Errorf("with debt: %+v", why)
	}
	w.now = w.now.Add(14 * time.Second)
	if why := w.event.Exceeded(c, w.from, Stranger, w.now); why.Code != "" {
		t.Errorf("paid: %+v", why)
	}
}

// TestYoungEvents: all events younger than a day have one bound together.
func TestYoungEvents(t *testing.T) {
	q := None
	q.YoungBytesBurst, q.YoungBytesRate = 2*(100+RowBytes), 1
	w := newWorld(q)
	young := w.totals.Event("another")
	young.NoteCreation("somebody", w.now)
	w.event = young
	for i, want := range []policy.Code{"", "", policy.CodeRate} {
		w.from = &Address{}
		if got := w.write("somebody", Organiser, 100); got != want {
			t.Errorf("change %d: %q", i, got)
		}
	}
	if why := w.totals.MayFound(&Address{}, w.now); why.Code != policy.CodeRate {
		t.Errorf("another event: %+v", why)
	}
	for range 3 {
		young.Charge(&Change{Size: 100}, &Address{}, Stranger, w.now)
	}
	if why := young.InDebt(nil, w.now); why.Code != policy.CodeRate {
		t.Errorf("debt: %+v", why)
	}
	w.now = w.now.Add(YoungFor)
	if got := w.write("somebody", Organiser, 100); got != "" {
		t.Errorf("a day later: %s", got)
	}
	if why := young.InDebt(nil, w.now); why.Code != "" {
		t.Errorf("debt a day later: %+v", why)
	}
}

// A person who created an event from an address does not count there as a newcomer in other
// events. The number of events created from an address is limited.
func TestFoundersAndNewcomers(t *testing.T) {
	q := None
	q.NewcomersBurst, q.NewcomersRate = 2, 1
	q.FoundingBurst, q.FoundingRate = 3, 60
	w := newWorld(q)
	for i, who := range []qa.Identity{"a", "a", "b", "c"} {
		want := policy.Code("")
		if who == "c" {
			want = policy.CodeRate
		}
		if got := w.write(who, Stranger, 100); got != want {
			t.Errorf("change %d: %q", i, got)
		}
	}
	for i := range 3 {
		if left := w.from.FoundingsLeft(w.totals.Quotas(), 2, w.now); left != min(2, 3-i) {
			t.Errorf("%d events may be created after %d", left, i)
		}
		if why := w.totals.MayFound(w.from, w.now); why.Code != "" {
			t.Fatalf("event %d: %+v", i, why)
		}
		e := w.totals.Event(qa.EventID(fmt.Sprint("event ", i)))
		c := &Change{Writer: "c", Units: 1, Size: 100, Founds: true}
		if why := e.Exceeded(c, w.from, Stranger, w.now); why.Code != "" {
			t.Errorf("its first change: %+v", why)
		}
		e.Charge(c, w.from, Stranger, w.now)
	}
	if why := w.totals.MayFound(w.from, w.now); why.Code != policy.CodeFounding || why.After != time.Minute {
		t.Errorf("one more: %+v", why)
	}
	if got := w.write("c", Stranger, 100); got != "" {
		t.Errorf("a founder at this address counts as a newcomer: %s", got)
	}
	for i := range maxFounders {
		w.from.found(qa.Identity(fmt.Sprint("founder ", i)))
	}
	if w.from.knows("c") || !w.from.knows("founder 0") || len(w.from.founders) != maxFounders {
		t.Error("the remembered founders are not the latest")
	}
}

// A plan counts the changes that were added to it, but charges nothing.
func TestPlan(t *testing.T) {
	for name, set := range map[string]func(*Quotas){
		"person":  func(q *Quotas) { q.PersonBurst = 3 },
		"address": func(q *Quotas) { q.AddressBurst = 3 },
		"bytes":   func(q *Quotas) { q.AddressBytesBurst = 3 * (100 + RowBytes) },
		"young":   func(q *Quotas) { q.YoungBytesBurst = 3 * (100 + RowBytes) },
	} {
		q := None
		set(&q)
		w := newWorld(q)
		w.event.NoteCreation("founder", w.now)
		var plan Plan
		c := &Change{Writer: "somebody", Units: 1, Size: 100}
		for i := range 5 {
			if got := plan.Add(w.event, c, w.from, Stranger, w.now); got != (i < 3) {
				t.Errorf("%s: change %d fits: %v", name, i, got)
			}
		}
		if why := w.event.Exceeded(c, w.from, Stranger, w.now); why.Code != "" {
			t.Errorf("%s: the plan was charged: %+v", name, why)
		}
		other := &Change{Writer: "another", Units: 1, Size: 100}
		if got := plan.Add(w.event, other, &Address{}, Stranger, w.now); got == (name == "young") {
			t.Errorf("%s: a change of another person at another address fits: %v", name, got)
		}
	}
}

// TestReloadedEventsAreCountedOnce: an event that is loaded again is not counted twice for its founder.
func TestReloadedEventsAreCountedOnce(t *testing.T) {
	q := None
	q.FounderBytes = 1000
	totals := NewTotals(q)
	now := time.Unix(1_000_000, 0)
	c := &Change{Writer: "founder", Units: 1, Size: 400}
	for range 3 {
		e := totals.Event("an event")
		e.NoteCreation("founder", now)
		e.Add("founder", 600)
		if why := e.Exceeded(c, nil, Organiser, now); why.Code != "" {
			t.Fatalf("%+v", why)
		}
	}
	other := totals.Event("another")
	other.NoteCreation("founder", now)
	other.Add("founder", 1)
	if why := other.Exceeded(c, nil, Organiser, now); why.Code != policy.CodeQuota {
		t.Errorf("two events of 601 bytes and 400 more: %+v", why)
	}
}

func TestWaste(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var a Address
	if spent := a.ChargeWaste(AddressWaste.Burst, now); spent != AddressWaste.Burst || a.BannedFor(now) != 0 {
		t.Errorf("%v spent, banned for %v", spent, a.BannedFor(now))
	}
	if spent := a.ChargeWaste(-1000, now); spent != AddressWaste.Burst-1000 {
		t.Errorf("%v spent after some was given back", spent)
	}
	a.ChargeWaste(2000, now)
	if got := a.BannedFor(now); got < 30*time.Second || got > 31*time.Second {
		t.Errorf("banned for %v", got)
	}
	if got := a.BannedFor(now.Add(31 * time.Second)); got != 0 {
		t.Errorf("still banned for %v", got)
	}
	shared := Address{Shared: true}
	shared.ChargeWaste(2*AddressWaste.Burst, now)
	if got := shared.BannedFor(now); got != 0 {
		t.Errorf("a shared address is banned for %v", got)
	}
	var none *Address
	if none.ChargeWaste(1e9, now) != 0 || none.BannedFor(now) != 0 || !none.PassEphemeral(1e9, now) || !none.MayMakeDocumentChunk(now) {
		t.Error("this machine is limited")
	}
	none.Spend(1)
	none.ChargeDocumentChunk(1)
	if !a.PassEphemeral(EphemeralAddressBurst, now) || a.PassEphemeral(1, now) || !a.PassEphemeral(EphemeralAddressRate, now.Add(time.Second)) {
		t.Error("the limit of ephemeral messages is wrong")
	}
	if !a.MayMakeDocumentChunk(now) {
		t.Error("a document chunk within the budget is refused")
	}
	a.ChargeDocumentChunk(DocumentChunkWork.Burst + 1)
	if a.MayMakeDocumentChunk(now) || !a.MayMakeDocumentChunk(now.Add(time.Second)) {
		t.Error("the limit of document chunks is wrong")
	}
	if a.Unspent(&Defaults, now) || !a.Unspent(&Defaults, now.Add(24*time.Hour)) {
		t.Error("the address is unspent too early, or never")
	}
}
