package node

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

// MaxUnread is the maximum number of unread posts stored for one event. The newest are kept.
const MaxUnread = 1000

// storeReadAfter is after how many changes the state is stored again although nothing was read, so that the next
// process need not read them all.
const storeReadAfter = 500

// reading has what the user has read, of the events that they have opened.
type reading struct {
	mu     sync.Mutex // guards what follows; held while an event's state is read, and until it is stored
	loaded bool
	events map[qa.EventID]*eventReading
}

// eventReading is the read state of one event, and what is cached with it.
type eventReading struct {
	qa.ReadState
	since   int // changes that arrived since the state was stored
	counts  qa.NewsCounts
	counted bool // counts is of this state
}

// storedRead is the stored part of a qa.ReadState, as JSON.
type storedRead struct {
	UpTo   int64       `json:"upTo"`
	Unread []qa.PostID `json:"unread,omitempty"`
}

// allRead reads the stored states once. The lock is held.
func (d *Device) allRead(ctx context.Context) (map[qa.EventID]*eventReading, error) {
	r := &d.reading
	if r.loaded {
		return r.events, nil
	}
	all, err := d.store.Settings(ctx, settingRead)
	if err != nil {
		return nil, err
	}
	r.loaded, r.events = true, map[qa.EventID]*eventReading{}
	for key, text := range all {
		var s storedRead
		if json.Unmarshal([]byte(text), &s) != nil {
			continue // as if the event had not been opened
		}
		slices.Sort(s.Unread)
		r.events[qa.EventID(strings.TrimPrefix(key, settingRead))] = &eventReading{ReadState: qa.ReadState{Begun: true, UpTo: s.UpTo, Unread: s.Unread}}
	}
	return r.events, nil
}

// eventRead returns the state of an event after all changes that are on disk; nil if the user has not opened it. The
// lock is held.
func (d *Device) eventRead(ctx context.Context, event qa.EventID) (*eventReading, error) {
	all, err := d.allRead(ctx)
	e := all[event]
	if err != nil || e == nil {
		return nil, err
	}
	last, err := d.replica.Position(ctx, event)
	if err != nil || last <= e.UpTo {
		return e, err
	}
	e.counted = false
	err = d.firstAfter(ctx, event, e.UpTo, func(position int64, actor string, first uint64) {
		e.UpTo = position
		e.since++
		if e.First == nil {
			e.First = map[string]uint64{}
		}
		if known, ok := e.First[actor]; !ok || first < known {
			e.First[actor] = first
		}
	})
	return e, err
}

// firstAfter calls fn with the position, the actor and the first operation counter of each change after a position.
func (d *Device) firstAfter(ctx context.Context, event qa.EventID, after int64, fn func(position int64, actor string, first uint64)) error {
	err := d.store.Entries(ctx, event, after, func(en storage.Entry) error {
		h, err := en.Header(wire.EventLimits)
		if err == nil { // what cannot be decoded makes no post
			fn(en.Position, h.Actor.String(), h.StartOp)
		}
		return nil
	})
	if errors.Is(err, storage.ErrDamaged) {
		return nil // its pages say so
	}
	return err
}

// beginReading makes everything that is in an event now count as read, when the user opens it for the first time. It waits
// until the event has arrived, because the posts of a week that was just joined are not news.
func (d *Device) beginReading(ctx context.Context, event qa.EventID) error {
	d.reading.mu.Lock()
	defer d.reading.mu.Unlock()
	e, err := d.eventRead(ctx, event)
	switch {
	case err != nil:
		return err
	case e != nil && e.since < storeReadAfter:
		return nil
	case e != nil:
		return d.storeRead(ctx, event, e, func(*qa.PostView) bool { return true })
	}
	status, err := d.replica.StatusOf(ctx, event)
	if err != nil || status.Changes == 0 || status.Relay.State == qa.RelayConnecting || status.Relay.State == qa.RelaySyncing {
		return err
	}
	e = &eventReading{ReadState: qa.ReadState{Begun: true}}
	if e.UpTo, err = d.replica.Position(ctx, event); err != nil {
		return err
	}
	hidden, err := d.invisible(ctx, event)
	if err != nil {
		return err
	}
	week, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	week.EachPost(func(p *qa.PostView) {
		if hidden(p.ID) {
			e.Unread = append(e.Unread, p.ID)
		}
	})
	slices.Sort(e.Unread)
	d.reading.events[event] = e
	return d.storeRead(ctx, event, e, func(*qa.PostView) bool { return true })
}

// invisible returns a function that reports whether the user cannot see a post yet.
func (d *Device) invisible(ctx context.Context, event qa.EventID) (func(qa.PostID) bool, error) {
	week, err := d.Week(ctx, event)
	if err != nil {
		return nil, err
	}
	visible := map[qa.PostID]bool{}
	week.EachPost(func(p *qa.PostView) { visible[p.ID] = p.Shown() })
	return func(id qa.PostID) bool { return !visible[id] }, nil
}

// storeRead stores the state of an event, with the unread posts that keep reports. The lock is held.
func (d *Device) storeRead(ctx context.Context, event qa.EventID, e *eventReading, keep func(*qa.PostView) bool) error {
	week, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	keys, err := d.replica.Keys(ctx, event)
	if err != nil {
		return err
	}
	var unread []*qa.PostView
	week.EachPost(func(p *qa.PostView) {
		if e.IsUnread(&p.Post) && !slices.Contains(keys, p.By) && keep(p) {
			unread = append(unread, p)
		}
	})
	slices.SortFunc(unread, func(a, b *qa.PostView) int { return b.Op.Compare(a.Op) })
	now := &eventReading{ReadState: qa.ReadState{Begun: true, UpTo: e.UpTo}}
	for _, p := range unread[:min(len(unread), MaxUnread)] {
		now.Unread = append(now.Unread, p.ID)
	}
	slices.Sort(now.Unread)
	b, err := json.Marshal(storedRead{UpTo: now.UpTo, Unread: now.Unread})
	if err != nil {
		return err
	}
	if err := d.store.SetSetting(ctx, settingRead+string(event), string(b)); err != nil {
		return err
	}
	d.reading.events[event] = now
	return nil
}

func (d *Device) ReadState(ctx context.Context, event qa.EventID) (qa.ReadState, error) {
	d.reading.mu.Lock()
	defer d.reading.mu.Unlock()
	e, err := d.eventRead(ctx, event)
	if err != nil || e == nil {
		return qa.ReadState{}, err
	}
	return e.clone(), nil
}

func (e *eventReading) clone() qa.ReadState {
	out := e.ReadState
	out.First = make(map[string]uint64, len(e.First))
	for actor, first := range e.First {
		out.First[actor] = first
	}
	return out // Unread is never modified
}

func (d *Device) MarkRead(ctx context.Context, event qa.EventID, posts []qa.PostID, upTo int64) error {
	d.reading.mu.Lock()
	defer d.reading.mu.Unlock()
	e, err := d.eventRead(ctx, event)
	if err != nil || e == nil {
		return err
	}
	if len(posts) > 0 {
		return d.storeRead(ctx, event, e, func(p *qa.PostView) bool { return !slices.Contains(posts, p.ID) })
	}
	later := map[string]uint64{}
	err = d.firstAfter(ctx, event, upTo, func(_ int64, actor string, first uint64) {
		if known, ok := later[actor]; !ok || first < known {
			later[actor] = first
		}
	})
	if err != nil {
		return err
	}
	hidden, err := d.invisible(ctx, event)
	if err != nil {
		return err
	}
	return d.storeRead(ctx, event, e, func(p *qa.PostView) bool {
		first, ok := later[p.Op.Actor]
		return ok && p.Op.Counter >= first || hidden(p.ID)
	})
}

func (d *Device) News(ctx context.Context) (map[qa.EventID]qa.NewsCounts, error) {
	d.reading.mu.Lock()
	defer d.reading.mu.Unlock()
	all, err := d.allRead(ctx)
	if err != nil {
		return nil, err
	}
	out := map[qa.EventID]qa.NewsCounts{}
	for event := range all {
		e, err := d.eventRead(ctx, event)
		if errors.Is(err, replica.ErrUnknownEvent) {
			continue // not followed any more
		}
		if err != nil {
			return nil, err
		}
		if e.Empty() {
			continue
		}
		if !e.counted {
			week, err := d.Week(ctx, event)
			if err != nil {
				return nil, err
			}
			keys, err := d.replica.Keys(ctx, event)
			if err != nil {
				return nil, err
			}
			news := e.News(&week, keys)
			e.counts, e.counted = news.Count(), true
		}
		if e.counts.All() > 0 {
			out[event] = e.counts
		}
	}
	return out, nil
}
