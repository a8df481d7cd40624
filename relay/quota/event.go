package quota

import (
	"sync"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Change is a change as far as quotas count it.
type Change struct {
	Writer qa.Identity
	Units  float64 // see Units
	Size   int64   // bytes
	Founds bool    // the event begins with it
}

// Totals is what a relay counts of all its events together: what young events took, and
// what the events of each founder take that were in use since the relay started. It is
// safe for concurrent use. It grows with the ledger, by some 100 bytes an event.
type Totals struct {
	quotas Quotas

	mu       sync.Mutex
	young    Bucket // bytes
	events   map[qa.EventID]*usage
	founders map[qa.Identity]int64 // bytes
}

type usage struct {
	founder qa.Identity
	bytes   int64
}

// NewTotals returns Totals of a relay that has these quotas, with the defaults in place
// of zeros.
func NewTotals(q Quotas) *Totals {
	return &Totals{quotas: q.WithDefaults(), events: map[qa.EventID]*usage{}, founders: map[qa.Identity]int64{}}
}

// Quotas returns the relay's quotas, which are not to be changed.
func (t *Totals) Quotas() *Quotas { return &t.quotas }

// MayFound returns whether one event more may be begun from an address.
func (t *Totals) MayFound(from *Address, now time.Time) Deferral {
	if why := t.youngBeyond(RowBytes, 0, now); why.Code != "" {
		return why
	}
	return from.mayFound(&t.quotas, now)
}

// youngBeyond returns whether young events may not take so many bytes, beside those that
// are planned.
func (t *Totals) youngBeyond(stored, planned float64, now time.Time) Deferral {
	r := t.quotas.youngBytes()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.young.Has(r, now, stored, planned) {
		return Deferral{}
	}
	return Deferral{policy.CodeRate, t.young.Wait(r, now, stored+planned)}
}

func (t *Totals) youngInDebt(now time.Time) Deferral {
	t.mu.Lock()
	defer t.mu.Unlock()
	return inDebt(&t.young, t.quotas.youngBytes(), now)
}

func (t *Totals) spendYoung(stored float64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.young.Left(t.quotas.youngBytes(), now)
	t.young.Spend(stored)
}

// reset begins to count an event anew.
func (t *Totals) reset(event qa.EventID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.events[event]; e != nil {
		t.founders[e.founder] -= e.bytes
		e.bytes = 0
	}
}

// add counts bytes of an event of the founder's.
func (t *Totals) add(event qa.EventID, founder qa.Identity, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.events[event]
	if e == nil {
		e = &usage{founder: founder}
		t.events[event] = e
	}
	e.bytes += n
	t.founders[e.founder] += n
}

// founderBeyond reports whether the founder of an event has no room for so many bytes more.
func (t *Totals) founderBeyond(event qa.EventID, n int64) bool {
	if t.quotas.FounderBytes < 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.events[event]
	return e != nil && t.founders[e.founder]+n > t.quotas.FounderBytes
}

// Event is what is counted of one event. It is not safe for concurrent use.
type Event struct {
	totals  *Totals
	id      qa.EventID
	people  map[qa.Identity]*person // who has written here
	bytes   int64                   // of the changes in it
	founder qa.Identity
	born    time.Time // when it was begun here; zero before
}

// person is what is counted of somebody in one event.
type person struct {
	units Bucket
	bytes int64 // of the changes in the event
}

// Event returns what is counted of an event, of which nothing is read yet.
func (t *Totals) Event(id qa.EventID) *Event {
	t.reset(id)
	return &Event{totals: t, id: id, people: map[qa.Identity]*person{}}
}

// Begun reports whether it is known when the event was begun here.
func (e *Event) Begun() bool { return !e.born.IsZero() }

// Begin notes by whom and when the event was begun here.
func (e *Event) Begin(founder qa.Identity, at time.Time) { e.founder, e.born = founder, at }

// Add counts bytes that somebody has in the event.
func (e *Event) Add(who qa.Identity, n int) {
	p := e.person(who)
	if p != nil {
		p.bytes += int64(n)
	}
	e.bytes += int64(n)
	e.totals.add(e.id, e.founder, int64(n))
}

// person returns what is counted of somebody, nil if there are too many people.
func (e *Event) person(who qa.Identity) *person {
	p := e.people[who]
	if p == nil && len(e.people) < MaxPeople {
		p = &person{}
		e.people[who] = p
	}
	return p
}

// young reports whether the event was begun here a short while ago, or is being begun.
func (e *Event) young(now time.Time) bool { return e.born.IsZero() || now.Sub(e.born) < YoungFor }

// InDebt returns whether young events, if this is one, or the address have so much debt
// that nothing more is taken, whoever builds on it.
func (e *Event) InDebt(from *Address, now time.Time) Deferral {
	if e.young(now) {
		if why := e.totals.youngInDebt(now); why.Code != "" {
			return why
		}
	}
	return from.inDebt(&e.totals.quotas, now)
}

// Beyond returns which quota a change from an address is beyond, of a writer of that
// tier.
func (e *Event) Beyond(c *Change, from *Address, tier Tier, now time.Time) Deferral {
	return e.beyond(c, from, tier, planned{}, now)
}

func (e *Event) beyond(c *Change, from *Address, tier Tier, planned planned, now time.Time) Deferral {
	q := &e.totals.quotas
	p := e.people[c.Writer]
	if c.Founds {
		tier = Organiser
	}
	if p == nil && len(e.people) >= MaxPeople {
		return Deferral{Code: policy.CodeQuota}
	}
	if tier != Organiser {
		units, bytes := q.person(tier)
		if p == nil {
			p = &person{}
		}
		switch {
		case !p.units.Has(units, now, c.Units, planned.ofWriter):
			return Deferral{policy.CodeRate, p.units.Wait(units, now, c.Units+planned.ofWriter)}
		case bytes >= 0 && p.bytes+c.Size > bytes:
			return Deferral{Code: policy.CodeQuota}
		case tier == Stranger && q.EventBytes >= 0 && e.bytes+c.Size > q.EventBytes:
			return Deferral{Code: policy.CodeQuota}
		}
	}
	if e.totals.founderBeyond(e.id, c.Size) {
		return Deferral{Code: policy.CodeQuota}
	}
	if e.young(now) {
		if why := e.totals.youngBeyond(OnDisk(c.Size), planned.young, now); why.Code != "" {
			return why
		}
	}
	return from.beyond(q, c, tier, e.newcomer(from, c.Writer, tier), planned, now)
}

// newcomer reports whether somebody counts as new here.
func (e *Event) newcomer(from *Address, who qa.Identity, tier Tier) bool {
	return tier == Stranger && e.people[who] == nil && !from.knows(who)
}

// Charge takes what a change costs, as debt where it is not left.
func (e *Event) Charge(c *Change, from *Address, tier Tier, now time.Time) {
	if c.Founds {
		from.found(c.Writer)
		tier = Organiser
	}
	from.spend(c, tier, e.newcomer(from, c.Writer, tier))
	if e.young(now) {
		e.totals.spendYoung(OnDisk(c.Size), now)
	}
	p := e.person(c.Writer)
	if p != nil && tier != Organiser {
		units, _ := e.totals.quotas.person(tier)
		p.units.Left(units, now)
		p.units.Spend(c.Units)
	}
}

// Spend takes units of somebody who has written in the event, as debt where they are
// not left.
func (e *Event) Spend(who qa.Identity, units float64) {
	if p := e.people[who]; p != nil {
		p.units.Spend(units)
	}
}

// Plan is what is about to be asked for of an event, and so not counted yet. The zero
// Plan is empty.
type Plan struct {
	people    map[qa.Identity]float64 // units
	addresses map[*Address]fromAddress
	young     float64 // bytes
}

type fromAddress struct{ units, bytes float64 }

// planned is what is planned of the writer and the address of one change, and of young
// events.
type planned struct {
	ofWriter float64 // units
	fromAddress
	young float64 // bytes
}

// Add plans a change from an address, and reports whether it is within the quotas beside
// all that is planned before. If it is not, nothing is planned.
func (p *Plan) Add(e *Event, c *Change, from *Address, tier Tier, now time.Time) bool {
	before := planned{p.people[c.Writer], p.addresses[from], p.young}
	if e.beyond(c, from, tier, before, now).Code != "" {
		return false
	}
	if p.people == nil {
		p.people, p.addresses = map[qa.Identity]float64{}, map[*Address]fromAddress{}
	}
	p.people[c.Writer] += c.Units
	p.addresses[from] = fromAddress{before.units + c.Units, before.bytes + OnDisk(c.Size)}
	p.young += OnDisk(c.Size)
	return true
}
