package archive

import (
	"context"
	"errors"
	"strings"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/storage"
)

// The settings that this package keeps beside those of the device's user.
const (
	// settingClub with an event's ID: this followed event is a club.
	settingClub = "node/club/"
	// settingByClub with an event's ID: the event is followed because the club that the
	// value names lists it, and nobody has opened it yet.
	settingByClub = "node/by-club/"
)

// Clubs is what the followed clubs list: a line a week, kept in memory. It is safe for
// concurrent use.
type Clubs struct {
	store storage.Store
	host  Host

	mu     lockorder.Mutex[lockorder.Clubs] // guards what follows
	clubs  map[qa.EventID]qa.Event          // as they were last looked at
	listed map[qa.EventID]Listed
}

// Listed is a week that a club lists.
type Listed struct {
	qa.ListedWeek
	Club  qa.EventID
	Relay string // where to fetch it; "" when neither the week nor the club names a relay
}

// NewClubs returns an empty list; see Load.
func NewClubs(store storage.Store, host Host) *Clubs {
	return &Clubs{store: store, host: host, clubs: map[qa.EventID]qa.Event{}, listed: map[qa.EventID]Listed{}}
}

// Load reads what the followed clubs listed when the program last ran, and follows weeks
// that have come near since. read returns an event as it is stored.
func (c *Clubs) Load(ctx context.Context, read func(context.Context, qa.EventID) (qa.Event, error)) error {
	known, err := c.store.Settings(ctx, settingClub)
	if err != nil {
		return err
	}
	for key := range known {
		id := qa.EventID(strings.TrimPrefix(key, settingClub))
		if !c.host.Followed(id) {
			continue
		}
		club, err := read(ctx, id)
		if err != nil {
			return err
		}
		if club.Kind != "club" {
			continue
		}
		if err := c.Update(ctx, club); err != nil {
			return err
		}
	}
	return nil
}

// Update takes in what a followed club lists now. Weeks that are near are followed; weeks
// that were followed only because they were listed, and of which nothing has arrived,
// are forgotten when they are near no more.
func (c *Clubs) Update(ctx context.Context, club qa.Event) error {
	if isNew := c.setClub(club); isNew {
		if err := c.store.SetSetting(ctx, settingClub+string(club.ID), "1"); err != nil {
			return err
		}
	}
	if c.FollowedByClub(ctx, club.ID) { // or one club's organiser could have us follow any number
		return nil
	}
	now := c.host.Now().UnixMilli()
	list := qa.NewClub(club, now)
	keep := map[qa.EventID]bool{}
	for _, w := range list.Followed(now) {
		keep[w.ID] = true
		if w.ID == club.ID {
			continue
		}
		if err := c.follow(ctx, w.ID, club.ID); err != nil {
			return err
		}
	}
	return c.unfollowUnread(ctx, club.ID, keep)
}

// setClub notes what a club lists. It reports whether the club is new.
func (c *Clubs) setClub(club qa.Event) (isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.clubs[club.ID]
	c.clubs[club.ID] = club
	c.listed = map[qa.EventID]Listed{}
	for id, of := range c.clubs {
		own := ""
		if len(of.Relays) > 0 {
			own = of.Relays[0]
		}
		for _, w := range of.Weeks {
			if w.ID == id {
				continue
			}
			if other, ok := c.listed[w.ID]; ok && other.Club < id {
				continue // of two clubs that list a week the same one counts in every run
			}
			l := Listed{ListedWeek: w, Club: id, Relay: w.Relay}
			if l.Relay == "" {
				l.Relay = own
			}
			c.listed[w.ID] = l
		}
	}
	return !known
}

// follow follows a week because a club lists it.
func (c *Clubs) follow(ctx context.Context, id, club qa.EventID) error {
	if _, err := qa.ParseEventID(string(id)); err != nil {
		return nil // no document has this ID
	}
	if c.host.Followed(id) {
		c.host.Reattach(ctx, id)
		return nil
	}
	if err := c.store.SetSetting(ctx, settingByClub+string(id), string(club)); err != nil {
		return err
	}
	return c.host.Follow(ctx, id)
}

// unfollowUnread forgets the weeks that were followed because a club listed them, are
// not in keep, and of which nothing has arrived.
func (c *Clubs) unfollowUnread(ctx context.Context, club qa.EventID, keep map[qa.EventID]bool) error {
	byClub, err := c.store.Settings(ctx, settingByClub)
	if err != nil {
		return err
	}
	for key, of := range byClub {
		id := qa.EventID(strings.TrimPrefix(key, settingByClub))
		if qa.EventID(of) != club || keep[id] {
			continue
		}
		counts, err := c.store.Counts(ctx, id)
		if err != nil {
			return err
		}
		if counts.Last > 0 {
			continue
		}
		if err := c.host.Unfollow(ctx, id); err != nil {
			return err
		}
		if err := c.store.DeleteSetting(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// FollowedByClub reports whether an event is followed only because a club lists it.
func (c *Clubs) FollowedByClub(ctx context.Context, id qa.EventID) bool {
	_, err := c.store.Setting(ctx, settingByClub+string(id))
	return err == nil
}

// Opened notes that somebody opened an event: it stays followed, whatever its club lists.
func (c *Clubs) Opened(ctx context.Context, id qa.EventID) error {
	err := c.store.DeleteSetting(ctx, settingByClub+string(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// Listed returns what a club says of a week; false when none lists it.
func (c *Clubs) Listed(id qa.EventID) (Listed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.listed[id]
	return l, ok
}

// Club returns a followed club as it was last looked at; false for an event that is none.
func (c *Clubs) Club(id qa.EventID) (qa.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	club, ok := c.clubs[id]
	return club, ok
}
