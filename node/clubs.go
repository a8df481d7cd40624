package node

import (
	"context"

	"flyleaf/qa"
	"flyleaf/schema"
)

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
