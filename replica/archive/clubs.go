package archive

import (
	"context"
	"errors"
	"strings"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// Prefixes of this package's settings; an event's ID follows.
const (
	// settingClub marks a followed event as a club.
	settingClub = "node/club/"
	// settingByClub marks an event as followed only because a club lists it: nobody has
	// opened it yet. The value is the club's ID.
	settingByClub = "node/by-club/"
)

// Clubs holds in memory which weeks the followed clubs list. It is safe for concurrent use.
type Clubs struct {
	store storage.Store
	host  Host

	mu     lockorder.Mutex[lockorder.Clubs] // guards what follows
	clubs  map[qa.EventID]qa.Event          // as of the last Update
	listed map[qa.EventID]Listed
}

// Listed is a week that a club lists.
type Listed struct {
	qa.ListedWeek
	Club  qa.EventID
	Relay string // where to fetch it; "" when neither the week nor the club names a relay
}

// NewClubs returns an empty list; Load fills it.
func NewClubs(store storage.Store, host Host) *Clubs {
	return &Clubs{store: store, host: host, clubs: map[qa.EventID]qa.Event{}, listed: map[qa.EventID]Listed{}}
}

// Load reads which weeks the followed clubs listed when the program last ran, and follows
// weeks that have become current since. read returns an event as it is stored.
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
		if club.Kind != schema.KindClub {
			continue
		}
		if err := c.Update(ctx, club); err != nil {
			return err
		}
	}
	return nil
}

// Update processes the current list of a followed club. Current weeks (qa.Club.Followed)
// are followed. A week that is no longer current is unfollowed if it was followed only
// because the club listed it and none of its changes have arrived.
func (c *Clubs) Update(ctx context.Context, club qa.Event) error {
	if isNew := c.setClub(club); isNew {
		if err := c.store.SetSetting(ctx, settingClub+string(club.ID), "1"); err != nil {
			return err
		}
	}
	if c.FollowedByClub(ctx, club.ID) { // otherwise clubs that list clubs could make a device follow any number of weeks
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

// setClub stores a club and rebuilds the list of weeks. It reports whether the club is new.
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
				continue // if two clubs list a week, always use the same one
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

// unfollowUnread unfollows the weeks that were followed only because the club listed them,
// unless they are in keep or some of their changes have arrived.
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

// Opened records that a person opened an event: from now on it stays followed, whatever
// its club lists.
func (c *Clubs) Opened(ctx context.Context, id qa.EventID) error {
	err := c.store.DeleteSetting(ctx, settingByClub+string(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// Listed returns the club entry of a week; false when no followed club lists it.
func (c *Clubs) Listed(id qa.EventID) (Listed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.listed[id]
	return l, ok
}

// Club returns a followed club as of the last Update; false for an event that is not a club.
func (c *Clubs) Club(id qa.EventID) (qa.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	club, ok := c.clubs[id]
	return club, ok
}
