package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flyleaf/qa"
	"flyleaf/schema"
)

// WeeksToImport are weeks of files, folders or a channel.
type WeeksToImport struct {
	Weeks []WeekToImport
	Event qa.EventID // the event into which all are imported; "" for one event each
	// Club is, with Event "", the name or ID of a club that the user organises and that lists the weeks; "" for
	// none. A club with a new name is created.
	Club string
	// NewClub allows a new club whose name resembles that of a club on this device. Otherwise that is a
	// *SimilarClubError.
	NewClub bool
	Relay   string // of new weeks, "" for none
	Each    func() // called after each week, unless nil
}

// WeekToImport is a week, and a name for messages, such as its file.
type WeekToImport struct {
	Name string
	Week qa.Imported
}

// ImportedWeeks is the result of ImportWeeks.
type ImportedWeeks struct {
	Club  qa.EventID // the club that lists the weeks, if any
	Weeks []ImportedWeek
}

// ImportedWeek is the result for one week. Its event is "" if the week was refused, or has only
// deletions of posts that were never imported.
type ImportedWeek struct {
	ImportResult
	Refused error // why the week was not imported
}

// ImportWeeks imports weeks, each completely or not at all. If a week is refused, the others are
// imported. Any other failure, such as a full disk, ends the import: the weeks before it stay, and
// the error says where it stopped. Importing again continues there.
func ImportWeeks(ctx context.Context, n Node, in WeeksToImport) (out ImportedWeeks, err error) {
	do := func(week qa.Imported) (ImportResult, error) { return n.Import(ctx, in.Event, week, in.Relay) }
	finish := func() error { return nil }
	if in.Club = strings.TrimSpace(in.Club); in.Club != "" {
		club, err := importIntoClub(ctx, n, in.Club, in.Relay, in.NewClub)
		if err != nil {
			return out, err
		}
		out.Club = club.club.ID
		do = func(week qa.Imported) (ImportResult, error) { return club.add(ctx, week) }
		finish = func() error { return club.finish(ctx) }
	}
	imported := 0
	for _, w := range in.Weeks {
		r, e := do(w.Week)
		if e != nil && !KindOf(e).refusal() {
			err = fmt.Errorf("%s: %w", w.Name, e)
			if len(in.Weeks) > 1 {
				err = fmt.Errorf("%w. The import stopped there; it had imported %d of %d weeks, which stay. Import again to continue", err, imported, len(in.Weeks))
			}
			break
		}
		out.Weeks = append(out.Weeks, ImportedWeek{r, e})
		if e == nil {
			imported++
		}
		if in.Each != nil {
			in.Each()
		}
	}
	// After a failure as well: the weeks imported before belong on the list.
	if e := finish(); e != nil {
		err = errors.Join(err, fmt.Errorf("the imported weeks are not on the club's list: %w. Import again to add them", e))
	}
	return out, err
}

// clubImport imports weeks and adds them to a club's list.
type clubImport struct {
	club   qa.Event
	node   Node
	relay  string
	listed []qa.ListedWeek
}

// importIntoClub begins an import into the club with exactly this name or ID that the user organises, and
// creates the club if there is none. relay is the relay of the club and its weeks, "" for none.
func importIntoClub(ctx context.Context, n Node, name, relay string, newClub bool) (*clubImport, error) {
	me, err := n.Identity(ctx)
	if err != nil {
		return nil, err
	}
	clubs, err := n.Clubs(ctx)
	if err != nil {
		return nil, err
	}
	var exact []qa.Event
	for _, c := range clubs {
		if (c.Title == name || string(c.ID) == name) && c.HasRole(me, qa.RoleOrganiser) {
			exact = append(exact, c)
		}
	}
	switch {
	case len(exact) == 1:
		return &clubImport{club: exact[0], node: n, relay: relay}, nil
	case len(exact) > 1:
		return nil, Errorf(Invalid, "%d of your clubs have the name %q; give the ID of one of them; nothing was imported", len(exact), name)
	}
	club := qa.Event{Kind: schema.KindClub, Title: name}
	inv, err := CreateClub(ctx, n, club, relay, newClub)
	if err != nil && inv.Event == "" {
		return nil, err
	}
	club.ID = inv.Event
	return &clubImport{club: club, node: n, relay: relay}, err
}

// add imports a week, all or nothing. finish adds it to the list.
func (c *clubImport) add(ctx context.Context, week qa.Imported) (ImportResult, error) {
	r, err := c.node.ImportListed(ctx, week, c.relay)
	switch {
	case err != nil || r.Event == "":
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

// finish adds the imported weeks to the club's list, except for entries that are on it already.
func (c *clubImport) finish(ctx context.Context) error {
	changed := slices.DeleteFunc(slices.Clone(c.listed), func(w qa.ListedWeek) bool { return slices.Contains(c.club.Weeks, w) })
	if len(changed) == 0 {
		return nil
	}
	return c.node.ListWeeks(ctx, c.club.ID, changed)
}
