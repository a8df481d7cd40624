package node

import (
	"context"
	"slices"

	"flyleaf/qa"
)

// ClubImport imports weeks and puts them on a club's list. Its methods are called by one
// goroutine.
type ClubImport struct {
	Club   qa.Event
	node   Node
	relay  string
	listed []qa.ListedWeek
}

// ImportIntoClub begins an import into the club of a name that this person has founded; where
// there is none it is made. relay is that of the club and of its weeks, "" for none.
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
	club := qa.Event{Kind: "club", Title: name}
	if relay != "" {
		club.Relays = []string{relay}
	}
	inv, err := n.CreateEvent(ctx, club, relay)
	club.ID = inv.Event
	return &ClubImport{Club: club, node: n, relay: relay}, err
}

// Import imports a week, whole or not at all. Finish puts it on the list.
func (c *ClubImport) Import(ctx context.Context, week qa.Imported) (ImportResult, error) {
	r, err := c.node.ImportListed(ctx, week, c.relay)
	switch {
	case err != nil || r.Event == "": // nothing but deletions, of what was never imported
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

// Count is how many weeks have been imported.
func (c *ClubImport) Count() int { return len(c.listed) }

// Finish puts the weeks that were imported on the list, as far as it does not say the same
// already. It is called after an error, too: what was imported is in the club then.
func (c *ClubImport) Finish(ctx context.Context) error {
	changed := slices.DeleteFunc(slices.Clone(c.listed), func(w qa.ListedWeek) bool { return slices.Contains(c.Club.Weeks, w) })
	if len(changed) == 0 {
		return nil
	}
	return c.node.ListWeeks(ctx, c.Club.ID, changed)
}
