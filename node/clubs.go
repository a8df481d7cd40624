package node

import (
	"context"
	"fmt"
	"strings"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// ClubsNamed returns the clubs that somebody means by an ID, a name, or the beginning of either. Clubs that fit
// exactly come without the others: by ID, else by name, else by name in other capitals.
func ClubsNamed(clubs []qa.Event, typed string) []qa.Event {
	for _, fits := range []func(c *qa.Event) bool{
		func(c *qa.Event) bool { return string(c.ID) == typed },
		func(c *qa.Event) bool { return c.Title == typed },
		func(c *qa.Event) bool { return strings.EqualFold(c.Title, typed) },
		func(c *qa.Event) bool {
			return strings.HasPrefix(string(c.ID), typed) || strings.HasPrefix(strings.ToLower(c.Title), strings.ToLower(typed))
		},
	} {
		var found []qa.Event
		for i := range clubs {
			if fits(&clubs[i]) {
				found = append(found, clubs[i])
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// CreateClub creates a club. another allows a club whose name resembles that of a club on this device; otherwise that
// is a *SimilarClubError.
func CreateClub(ctx context.Context, n Node, club qa.Event, relay string, another bool) (qa.Invitation, error) {
	club.Kind, club.Title = schema.KindClub, strings.TrimSpace(club.Title)
	if club.Title == "" {
		return qa.Invitation{}, Errorf(Invalid, "a club needs a name; nothing was created")
	}
	if relay != "" {
		if err := qa.CheckRelay(relay); err != nil {
			return qa.Invitation{}, WithKind(Invalid, err)
		}
	}
	if !another {
		clubs, err := n.Clubs(ctx)
		if err != nil {
			return qa.Invitation{}, err
		}
		if similar := similarClubs(clubs, club.Title); len(similar) > 0 {
			return qa.Invitation{}, WithKind(Invalid, &SimilarClubError{club.Title, similar})
		}
	}
	return SetUpWeek(ctx, n, nil, NewWeek{Event: club, Relay: relay})
}

// SimilarClubError is returned instead of creating a club whose name resembles those of clubs on this device.
type SimilarClubError struct {
	Name  string
	Clubs []qa.Event
}

func (e *SimilarClubError) Error() string {
	return fmt.Sprintf("there is no club that you organise with exactly the name “%s”, but there is %s; nothing was changed", qa.CleanLine(e.Name), e.Names())
}

// Names returns the names of the clubs in quotes.
func (e *SimilarClubError) Names() string {
	var names []string
	for i := range e.Clubs {
		names = append(names, "“"+qa.CleanLine(e.Clubs[i].Title)+"”")
	}
	return strings.Join(names, ", ")
}

// similarClubs returns the clubs whose names a reader could take for this one: they look alike, differ in a
// letter or two, or one is a part of the other.
func similarClubs(clubs []qa.Event, name string) (out []qa.Event) {
	a := people.Skeleton(name)
	for i := range clubs {
		b := people.Skeleton(clubs[i].Title)
		if b == "" { // it has not arrived yet
			continue
		}
		short, long := a, b
		if len(short) > len(long) {
			short, long = long, short
		}
		const minPart = 4 // letters: shorter names are part of too many others
		part := len(short) >= minPart && (strings.HasPrefix(long, short) || strings.HasSuffix(long, short))
		if a == b || part || withinEdits(a, b, len(short)/6) {
			out = append(out, clubs[i])
		}
	}
	return out
}

// withinEdits reports whether at most n insertions, deletions and replacements, n being 2 at most, turn a
// into b.
func withinEdits(a, b string, n int) bool {
	from, to := []rune(a), []rune(b)
	n = min(n, 2)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		before := row[0]
		row[0] = i + 1
		for j := range to {
			cost := before
			if from[i] != to[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, before+1, row[j]+1)
		}
	}
	return row[len(to)] <= n
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
