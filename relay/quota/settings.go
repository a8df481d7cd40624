package quota

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSetting is returned for a setting that cannot be read.
var ErrSetting = errors.New("quota: not a setting")

// Setting is a quota as an operator sets it.
type Setting struct {
	Name string
	Help string
	of   func(*Quotas) (*int, *int64) // returns the field; one of the two results is nil
}

func count(f func(*Quotas) *int) func(*Quotas) (*int, *int64) {
	return func(q *Quotas) (*int, *int64) { return f(q), nil }
}

func size(f func(*Quotas) *int64) func(*Quotas) (*int, *int64) {
	return func(q *Quotas) (*int, *int64) { return nil, f(q) }
}

// Settings are all quotas, in the order in which they are explained.
var Settings = []Setting{
	{"person-burst", "changes of a person without a role, per event, at once", count(func(q *Quotas) *int { return &q.PersonBurst })},
	{"person-rate", "changes of a person without a role, per event, each minute", count(func(q *Quotas) *int { return &q.PersonRate })},
	{"person-bytes", "bytes of a person without a role, per event", size(func(q *Quotas) *int64 { return &q.PersonBytes })},
	{"role-burst", "changes of an author, moderator or member, per event, at once; organisers have no such limit", count(func(q *Quotas) *int { return &q.RoleBurst })},
	{"role-rate", "changes of an author, moderator or member, per event, each minute", count(func(q *Quotas) *int { return &q.RoleRate })},
	{"role-bytes", "bytes of an author, moderator or member, per event; organisers have no such limit", size(func(q *Quotas) *int64 { return &q.RoleBytes })},
	{"address-burst", "changes from one remote address, in all events, at once", count(func(q *Quotas) *int { return &q.AddressBurst })},
	{"address-rate", "changes from one remote address, in all events, each minute", count(func(q *Quotas) *int { return &q.AddressRate })},
	{"strangers-burst", "changes of people without a role from one remote address, at once", count(func(q *Quotas) *int { return &q.StrangersBurst })},
	{"strangers-rate", "changes of people without a role from one remote address, each minute", count(func(q *Quotas) *int { return &q.StrangersRate })},
	{"newcomers-burst", "people from one remote address who write in an event for the first time, at once", count(func(q *Quotas) *int { return &q.NewcomersBurst })},
	{"newcomers-rate", "people from one remote address who write in an event for the first time, each hour", count(func(q *Quotas) *int { return &q.NewcomersRate })},
	{"address-bytes-burst", "bytes from one remote address, in all events, at once", size(func(q *Quotas) *int64 { return &q.AddressBytesBurst })},
	{"address-bytes-rate", "bytes from one remote address, in all events, each hour", size(func(q *Quotas) *int64 { return &q.AddressBytesRate })},
	{"founding-burst", "events created from one remote address, at once", count(func(q *Quotas) *int { return &q.FoundingBurst })},
	{"founding-rate", "events created from one remote address, each hour", count(func(q *Quotas) *int { return &q.FoundingRate })},
	{"young-bytes-burst", "bytes of all events created here within the last day, at once", size(func(q *Quotas) *int64 { return &q.YoungBytesBurst })},
	{"young-bytes-rate", "bytes of all events created here within the last day, each hour", size(func(q *Quotas) *int64 { return &q.YoungBytesRate })},
	{"founder-bytes", "bytes of all events of one founder", size(func(q *Quotas) *int64 { return &q.FounderBytes })},
	{"event-bytes", "bytes up to which people without a role may let an event grow", size(func(q *Quotas) *int64 { return &q.EventBytes })},
}

// Default returns a quota's default.
func (s Setting) Default() int64 {
	i, big := s.of(&Defaults)
	if i != nil {
		return int64(*i)
	}
	return *big
}

// WithDefaults returns the quotas with the defaults in place of zeros.
func (q Quotas) WithDefaults() Quotas {
	for _, s := range Settings {
		switch i, big := s.of(&q); {
		case i != nil && *i == 0:
			*i = int(s.Default())
		case big != nil && *big == 0:
			*big = s.Default()
		}
	}
	return q
}

// Set sets a quota from "name=number", or "name=off" for no bound. A number may be
// followed by K, M or G, for 2^10, 2^20 and 2^30. ErrSetting is returned for anything else.
func (q *Quotas) Set(setting string) error {
	name, value, ok := strings.Cut(setting, "=")
	if !ok {
		return fmt.Errorf("%w: %q; write NAME=NUMBER", ErrSetting, setting)
	}
	for _, s := range Settings {
		if s.Name != name {
			continue
		}
		v, err := quantity(value)
		if err != nil {
			return fmt.Errorf("%w: %q; it should be a number above 0, such as 100 or 64M, or off", ErrSetting, setting)
		}
		if i, big := s.of(q); i != nil {
			*i = int(min(v, 1<<30))
		} else {
			*big = v
		}
		return nil
	}
	return fmt.Errorf("%w: there is no quota named %q", ErrSetting, name)
}

// ParseBytes reads a number of bytes as Set does: followed by K, M or G, or off, which
// is -1.
func ParseBytes(s string) (int64, error) {
	v, err := quantity(s)
	if err != nil {
		return 0, fmt.Errorf("%w: %q; it should be a number above 0, such as 500M or 20G, or off", ErrSetting, s)
	}
	return v, nil
}

func quantity(s string) (int64, error) {
	if s == "off" {
		return -1, nil
	}
	shift := 0
	for i, unit := range []string{"K", "M", "G"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, shift = rest, 10*(i+1)
			break
		}
	}
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil || v <= 0 {
		return 0, ErrSetting
	}
	return v << shift, nil
}
