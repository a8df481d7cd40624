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
	if relay != "" {
		club.Relays = []string{relay}
	}
	inv, err := n.CreateEvent(ctx, club, relay)
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
