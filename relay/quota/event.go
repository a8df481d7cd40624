package quota

import (
	"sync"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Change is the part of a change that quotas count.
type Change struct {
	Writer qa.Identity
	Units  float64 // see Units
	Size   int64   // bytes
	Founds bool    // the change creates the event
}

// Totals are the counts of all events of a relay together: the bytes of young events,
// and for each founder the bytes of events that were in use since the relay started. It
// is safe for concurrent use. It grows with the ledger, by about 100 bytes an event.
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

// NewTotals returns the Totals of a relay with these quotas; zeros become the defaults.
func NewTotals(q Quotas) *Totals {
	return &Totals{quotas: q.WithDefaults(), events: map[qa.EventID]*usage{}, founders: map[qa.Identity]int64{}}
}

// Quotas returns the relay's quotas, which must not be modified.
func (t *Totals) Quotas() *Quotas { return &t.quotas }

// MayFound returns whether one more event may be created from an address.
func (t *Totals) MayFound(from *Address, now time.Time) Deferral {
	if why := t.youngExceeded(RowBytes, 0, now); why.Code != "" {
		return why
	}
	return from.mayFound(&t.quotas, now)
}

// youngExceeded returns whether so many bytes, in addition to the planned ones, exceed
// the limit of young events.
func (t *Totals) youngExceeded(stored, planned float64, now time.Time) Deferral {
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

// reset starts counting an event again.
func (t *Totals) reset(event qa.EventID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.events[event]; e != nil {
		t.founders[e.founder] -= e.bytes
		e.bytes = 0
	}
}

// add counts bytes of an event of a founder.
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

// founderExceeded reports whether so many more bytes exceed the limit of the event's
// founder.
func (t *Totals) founderExceeded(event qa.EventID, n int64) bool {
	if t.quotas.FounderBytes < 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.events[event]
	return e != nil && t.founders[e.founder]+n > t.quotas.FounderBytes
}

// Event is the usage of one event. It is not safe for concurrent use.
type Event struct {
	totals  *Totals
	id      qa.EventID
	people  map[qa.Identity]*person // people who have written in the event
	bytes   int64                   // bytes of the event's changes
	founder qa.Identity
	born    time.Time // when the event was created here; zero before
}

// person is the usage of one person in one event.
type person struct {
	units Bucket
	bytes int64 // bytes of the person's changes in the event
}

// Event returns the usage of an event of which nothing has been read yet.
func (t *Totals) Event(id qa.EventID) *Event {
	t.reset(id)
	return &Event{totals: t, id: id, people: map[qa.Identity]*person{}}
}

// CreationKnown reports whether it is known when the event was created here.
func (e *Event) CreationKnown() bool { return !e.born.IsZero() }

// NoteCreation records who created the event here, and when.
func (e *Event) NoteCreation(founder qa.Identity, at time.Time) { e.founder, e.born = founder, at }

// Bytes returns how many bytes of changes the event has.
func (e *Event) Bytes() int64 { return e.bytes }

// Add counts bytes of a person in the event.
func (e *Event) Add(who qa.Identity, n int) {
	p := e.person(who)
	if p != nil {
		p.bytes += int64(n)
	}
	e.bytes += int64(n)
	e.totals.add(e.id, e.founder, int64(n))
}

// person returns the usage of a person, nil if there are too many people.
func (e *Event) person(who qa.Identity) *person {
	p := e.people[who]
	if p == nil && len(e.people) < MaxPeople {
		p = &person{}
		e.people[who] = p
	}
	return p
}

// young reports whether the event was recently created here, or is being created.
func (e *Event) young(now time.Time) bool { return e.born.IsZero() || now.Sub(e.born) < YoungFor }

// InDebt returns a Deferral when young events (if this is one) or the address have so
// much debt that nothing more is accepted, even if others depend on it.
func (e *Event) InDebt(from *Address, now time.Time) Deferral {
	if e.young(now) {
		if why := e.totals.youngInDebt(now); why.Code != "" {
			return why
		}
	}
	return from.inDebt(&e.totals.quotas, now)
}

// Exceeded returns which quota a change from an address exceeds, for a writer of that
// tier.
func (e *Event) Exceeded(c *Change, from *Address, tier Tier, now time.Time) Deferral {
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
	if e.totals.founderExceeded(e.id, c.Size) {
		return Deferral{Code: policy.CodeQuota}
	}
	if e.young(now) {
		if why := e.totals.youngExceeded(OnDisk(c.Size), planned.young, now); why.Code != "" {
			return why
		}
	}
	return from.exceeded(q, c, tier, e.newcomer(from, c.Writer, tier), planned, now)
}

// newcomer reports whether a person counts as new here.
func (e *Event) newcomer(from *Address, who qa.Identity, tier Tier) bool {
	return tier == Stranger && e.people[who] == nil && !from.knows(who)
}

// Charge spends the cost of a change, going into debt if necessary.
func (e *Event) Charge(c *Change, from *Address, tier Tier, now time.Time) {
	if c.Founds {
		from.found(c.Writer)
		tier = Organiser
	}
	from.spendChange(c, tier, e.newcomer(from, c.Writer, tier))
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

// Spend spends units of a person who has written in the event, going into debt if
// necessary.
func (e *Event) Spend(who qa.Identity, units float64) {
	if p := e.people[who]; p != nil {
		p.units.Spend(units)
	}
}

// Plan is what is about to be requested for an event and is not counted yet. The zero
// Plan is empty.
type Plan struct {
	people    map[qa.Identity]float64 // units
	addresses map[*Address]fromAddress
	young     float64 // bytes
}

type fromAddress struct{ units, bytes float64 }

// planned is the planned use of one change's writer and address, and of young events.
type planned struct {
	ofWriter float64 // units
	fromAddress
	young float64 // bytes
}

// Add plans a change from an address, and reports whether it is within the quotas in
// addition to everything planned before. If not, it plans nothing.
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
