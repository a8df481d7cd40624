package node

import (
	"context"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// ClubImport imports weeks and adds them to a club's list. It is not safe for concurrent use.
type ClubImport struct {
	Club   qa.Event
	node   Node
	relay  string
	listed []qa.ListedWeek
}

// ImportIntoClub begins an import into the club with this name that the user founded, and
// creates the club if there is none. relay is the relay of the club and its weeks, "" for none.
func ImportIntoClub(ctx context.Context, n Node, name, relay string) (*ClubImport, error) {
	me, err := n.Identity(ctx)
	if err != nil {
		return nil, err
	}
	clubs, err := n.Clubs(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(clubs, func(e qa.Event) bool { return e.Founder == me && e.Title == name })
	if i >= 0 {
		return &ClubImport{Club: clubs[i], node: n, relay: relay}, nil
	}
	club := qa.Event{Kind: schema.KindClub, Title: name}
	inv, err := SetUpWeek(ctx, n, NewWeek{Event: club, Relay: relay})
	club.ID = inv.Event
	return &ClubImport{Club: club, node: n, relay: relay}, err
}

// Import imports a week, all or nothing. Finish adds it to the list.
func (c *ClubImport) Import(ctx context.Context, week qa.Imported) (ImportResult, error) {
	r, err := c.node.ImportListed(ctx, week, c.relay)
	switch {
	case err != nil || r.Event == "": // the input has only deletions of posts that were never imported
		return r, err
	case r.Existing != nil:
		c.listed = append(c.listed, *r.Existing)
		return r, nil
	}
	e := week.Event
	e.ID = r.Event
	if c.relay != "" {
		e.Relays = []string{c.relay}
	}
	c.listed = append(c.listed, e.Listing())
	return r, nil
}

// Count returns how many weeks have been imported.
func (c *ClubImport) Count() int { return len(c.listed) }

// Finish adds the imported weeks to the club's list, except for entries that are on it already.
// Call Finish after a failed Import as well: the weeks imported before belong on the list.
func (c *ClubImport) Finish(ctx context.Context) error {
	changed := slices.DeleteFunc(slices.Clone(c.listed), func(w qa.ListedWeek) bool { return slices.Contains(c.Club.Weeks, w) })
	if len(changed) == 0 {
		return nil
	}
	return c.node.ListWeeks(ctx, c.Club.ID, changed)
}

// ListInClub adds weeks on this device to a club's list, or updates their entries: all or none.
func ListInClub(ctx context.Context, n Node, club qa.EventID, events []qa.EventID) error {
	listed := make([]qa.ListedWeek, len(events))
	for i, id := range events {
		week, err := FetchedWeek(ctx, n, id)
		if err != nil {
			return err
		}
		if week.Event.Kind == schema.KindClub {
			return Errorf(Invalid, "%s is a club, not a week; nothing was changed", id)
		}
		listed[i] = week.Event.Listing()
		if inv, err := n.Invitation(ctx, id); err == nil && inv.Relay != "" {
			listed[i].Relay = inv.Relay
		}
	}
	return n.ListWeeks(ctx, club, listed)
}

// RemoveFromClub removes weeks from a club's list: all or none. The weeks themselves stay.
func RemoveFromClub(ctx context.Context, n Node, club qa.EventID, weeks []qa.EventID) error {
	listed := make([]qa.ListedWeek, len(weeks))
	for i, id := range weeks {
		listed[i].ID = id
	}
	return n.ListWeeks(ctx, club, listed)
}
