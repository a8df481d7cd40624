package qa

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"

	"flyleaf/schema"
)

// The times of an event lie between these moments, in ms since 1970: the years 1900 to 2199. Other
// times are typing errors.
var (
	firstTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastTime  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1
)

// MaxPrizes is how many copies an event may offer.
const MaxPrizes = 10_000

// maxContradictions bounds the contradictions that are reported: one for each field.
const maxContradictions = 16

// Contradiction is a field of an event that cannot be right: it contradicts another field, or names
// something that does not exist.
type Contradiction struct {
	Field string // of Event: schema.Row.Field, or schema.KeyRelays
	Words string // a clause for people: "the week ends on …, before it begins on …"
}

// timeWords name the times of an event in a sentence.
var timeWords = map[string]string{
	schema.KeyStartsAt: "the week begins", schema.KeyEndsAt: "the week ends", schema.KeyAnswersFrom: "the authors begin to answer",
	schema.KeyAnswersUntil: "the last answers are due", schema.KeyWinnersAt: "the authors choose",
}

// zeroIfOutOfRange returns the time, or 0 if it is not between firstTime and lastTime.
func zeroIfOutOfRange(ms int64) int64 {
	if ms < firstTime || ms > lastTime {
		return 0
	}
	return ms
}

// Contradictions returns the contradictions among the event's fields, nil for none. It is the only check
// of an event's fields against each other, for new weeks, changes and imports. Events of earlier versions,
// and of other programs, can have contradictions; see Consistent.
func (e *Event) Contradictions() []Contradiction {
	var out []Contradiction
	add := func(field, format string, args ...any) {
		if len(out) < maxContradictions {
			out = append(out, Contradiction{field, fmt.Sprintf(format, args...)})
		}
	}
	at := func(ms int64) string { return time.UnixMilli(ms).In(e.Location()).Format("2 January 2006, 15:04") }
	deadline := func(ms int64) string {
		if day, whole := LastDay(ms, e.Location()); whole {
			return day.Format("2 January 2006") + EndOfDayWords
		}
		return at(ms)
	}
	times := e.Times()
	for _, key := range []string{schema.KeyStartsAt, schema.KeyEndsAt, schema.KeyAnswersFrom, schema.KeyAnswersUntil, schema.KeyWinnersAt} {
		if ms := *times[key]; ms != 0 && zeroIfOutOfRange(ms) == 0 {
			add(key, "%s in a year outside 1900 to 2199", timeWords[key])
		}
	}
	start, end := zeroIfOutOfRange(e.StartsAtMillis), zeroIfOutOfRange(e.EndsAtMillis)
	from, until, winners := zeroIfOutOfRange(e.AnswersFromMillis), zeroIfOutOfRange(e.AnswersUntilMillis), zeroIfOutOfRange(e.WinnersAtMillis)
	if start != 0 && end != 0 && end < start {
		add(schema.KeyEndsAt, "the week ends on %s, before it begins on %s", deadline(end), at(start))
	}
	if from != 0 && until != 0 && until < from {
		add(schema.KeyAnswersUntil, "the last answers are due on %s, before the authors begin to answer on %s", deadline(until), at(from))
	}
	if start != 0 && until != 0 && until < start {
		add(schema.KeyAnswersUntil, "the last answers are due on %s, before the week begins on %s", deadline(until), at(start))
	}
	if start != 0 && winners != 0 && winners < start {
		add(schema.KeyWinnersAt, "the authors choose on %s, before the week begins on %s", at(winners), at(start))
	}
	if e.Zone != "" {
		if _, err := LoadZone(e.Zone); err != nil {
			add(schema.KeyZone, "%v", err)
		}
	}
	if e.Language != "" {
		if _, err := language.Parse(e.Language); err != nil {
			add(schema.KeyLanguage, "unknown language %.40q; use a tag such as en or pt-BR", e.Language)
		}
	}
	if e.Prizes > MaxPrizes {
		add(schema.KeyPrizes, "%d copies; the maximum is %d", e.Prizes, MaxPrizes)
	}
	if e.MovedTo != "" && e.MovedTo == e.ID {
		add(schema.KeyMovedTo, "the event has moved to itself")
	}
	for i, r := range e.Relays {
		if r != "" && slices.ContainsFunc(e.Relays[:i], func(s string) bool { return SameRelay(r, s) }) {
			add(schema.KeyRelays, "the relay %.80s is named twice", r)
		}
	}
	return out
}

// SameRelay reports whether two addresses name the same relay. It ignores the case of scheme and host, the
// default port, and a final slash.
func SameRelay(a, b string) bool { return plainRelay(a) == plainRelay(b) }

func plainRelay(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + port + strings.TrimSuffix(u.EscapedPath(), "/")
}

// CheckNew rejects contradictions that before does not have. Existing ones do not block other
// changes. A *FieldError is returned.
func (e *Event) CheckNew(before *Event) error {
	var old []Contradiction
	if before != nil {
		old = before.Contradictions()
	}
	for _, c := range e.Contradictions() {
		if !slices.Contains(old, c) {
			name := c.Field
			if r := EventField(name); r != nil {
				name = r.Name
			}
			return &FieldError{Field: name, Err: contradictionReason(c.Words)}
		}
	}
	return nil
}

// With returns e after the act. Fields with invalid values are ignored; Act.Validate refuses them.
func (e Event) With(a *Act) Event {
	for key, v := range a.Fields {
		if r := EventField(key); r != nil && CheckValue(r, v) == nil {
			SetField(&e, key, v)
		}
	}
	if a.Links != nil {
		e.Links = a.Links
	}
	if len(a.Relays) > 0 {
		e.Relays = a.Relays
	}
	return e
}

// Consistent clears contradictory fields: of two conflicting fields, the later one. Calendars and
// exports are made from it.
func (e Event) Consistent() Event {
	e = e.withConsistentTimes()
	if _, err := LoadZone(e.Zone); err != nil {
		e.Zone = ""
	}
	if _, err := language.Parse(e.Language); err != nil {
		e.Language = ""
	}
	e.Prizes = min(e.Prizes, MaxPrizes)
	if e.MovedTo == e.ID {
		e.MovedTo = ""
	}
	var relays []string
	for _, r := range e.Relays {
		if !slices.ContainsFunc(relays, func(s string) bool { return SameRelay(r, s) }) {
			relays = append(relays, r)
		}
	}
	e.Relays = relays
	return e
}

// withConsistentTimes is Consistent for the times alone.
func (e Event) withConsistentTimes() Event {
	e.StartsAtMillis, e.EndsAtMillis = zeroIfOutOfRange(e.StartsAtMillis), zeroIfOutOfRange(e.EndsAtMillis)
	e.AnswersFromMillis, e.AnswersUntilMillis = zeroIfOutOfRange(e.AnswersFromMillis), zeroIfOutOfRange(e.AnswersUntilMillis)
	e.WinnersAtMillis = zeroIfOutOfRange(e.WinnersAtMillis)
	if e.EndsAtMillis < e.StartsAtMillis {
		e.EndsAtMillis = 0
	}
	if e.AnswersUntilMillis < max(e.StartsAtMillis, e.AnswersFromMillis) {
		e.AnswersUntilMillis = 0
	}
	if e.WinnersAtMillis < e.StartsAtMillis {
		e.WinnersAtMillis = 0
	}
	return e
}

// LoadZone returns the time zone of an IANA name. The error says what is wrong in
// words.
func LoadZone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %.60q; use a name such as Europe/Lisbon", name)
	}
	zones.Store(name, zone)
	return zone, nil
}

// zones caches loaded time zones, because each is read from a file, and lists of many weeks use
// them often. There are about 600 names.
var zones sync.Map

// Location returns the event's time zone, or UTC if it has none or an unknown one.
func (e *Event) Location() *time.Location {
	if zone, err := LoadZone(e.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// WallClock is the format in which people type a time.
const WallClock = "2006-01-02T15:04"

// ParseWallClock reads a local time of a zone. If the hour occurs twice (end of daylight saving time), the first is used. The error says in
// words what is wrong: no such day, or an hour that clocks skip when they go forward.
func ParseWallClock(typed string, zone *time.Location) (ms int64, err error) {
	t, err := time.ParseInLocation(WallClock, typed, zone)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a time; write it like 2026-11-30T09:00", typed)
	}
	if t.Format(WallClock) != typed {
		return 0, fmt.Errorf("there is no %.40s in %s: clocks go forward then", typed, zone)
	}
	for _, back := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} { // clocks are set back by one of these
		if first := t.Add(-back); first.Format(WallClock) == typed {
			t = first
			break
		}
	}
	return t.UnixMilli(), nil
}
