package node

import (
	"context"
	"fmt"
	"slices"

	"flyleaf/cover"
	"flyleaf/qa"
)

// NewWeek is a week that is to be set up.
type NewWeek struct {
	Event   qa.Event
	Relay   string     // ws:// or wss:// URL, "" for none
	Picture []byte     // of the cover, see cover.Shrink; nil for none
	Club    qa.EventID // puts it on its list; "" for none
}

// SetUpWeek makes a week with its cover and puts it on a club's list. The picture is checked before
// anything is made. When an error comes with an invitation, the week is made and the error says
// what of the rest is not done.
func SetUpWeek(ctx context.Context, n Node, w NewWeek) (qa.Invitation, error) {
	picture, err := shrink(w.Picture)
	if err != nil {
		return qa.Invitation{}, err
	}
	if w.Relay != "" {
		w.Event.Relays = []string{w.Relay}
	}
	inv, err := n.CreateEvent(ctx, w.Event, w.Relay)
	if err != nil {
		return qa.Invitation{}, err
	}
	w.Event.ID = inv.Event
	if acts := weekActs(&w.Event, &w.Event, picture); len(acts) > 0 {
		if err := n.DoAll(ctx, inv.Event, acts); err != nil {
			return inv, fmt.Errorf("the week %s is set up, without its cover: %w", inv.Event, err)
		}
	}
	if w.Club != "" {
		if err := n.ListWeeks(ctx, w.Club, []qa.ListedWeek{w.Event.Listing()}); err != nil {
			return inv, fmt.Errorf("the week %s is set up, and not on the club's list: %w", inv.Event, err)
		}
	}
	return inv, nil
}

// ChangeWeek makes an event, as it is now, what want says, with another picture of the cover
// unless picture is nil: all of it, or nothing. It reports whether anything was different.
func ChangeWeek(ctx context.Context, n Node, now, want *qa.Event, picture []byte) (bool, error) {
	if err := want.CheckNew(now); err != nil {
		return false, err
	}
	small, err := shrink(picture)
	if err != nil {
		return false, err
	}
	acts := weekActs(now, want, small)
	return len(acts) > 0, n.DoAll(ctx, now.ID, acts)
}

// weekActs returns what makes a week what want says; none when it is so already. A picture
// is a change of its own, before the one that names it.
func weekActs(now, want *qa.Event, picture []byte) []qa.Act {
	change := qa.Act{Kind: qa.ActEvent, Fields: now.Changes(want)}
	if !slices.Equal(now.Links, want.Links) {
		change.Links = append([]qa.Link{}, want.Links...)
	}
	var acts []qa.Act
	if key := qa.BlobKey(picture); picture != nil && key != now.Cover {
		acts = append(acts, qa.Act{Kind: qa.ActBlob, Bytes: picture})
		change.Fields["cover"] = key
	}
	if len(change.Fields) > 0 || change.Links != nil {
		acts = append(acts, change)
	}
	return acts
}

// shrink makes a picture small enough for an event.
func shrink(picture []byte) ([]byte, error) {
	if picture == nil {
		return nil, nil
	}
	small, err := cover.Shrink(picture)
	if err != nil {
		return nil, Errorf(Invalid, "%w; nothing was changed", err)
	}
	return small, nil
}

// UpdateClubLists brings what clubs list of an event up to date: lists says of each followed club, and of
// whether it lists the event now, whether it shall. What a club lists already is only
// changed in the clubs that this person organises. It reports whether any list was different.
func UpdateClubLists(ctx context.Context, n Node, e *qa.Event, lists func(club qa.EventID, listed bool) bool) (changed bool, err error) {
	me, err := n.Identity(ctx)
	if err != nil {
		return false, err
	}
	clubs, err := n.Clubs(ctx)
	if err != nil {
		return false, err
	}
	for i := range clubs {
		c := &clubs[i]
		at := slices.IndexFunc(c.Weeks, func(w qa.ListedWeek) bool { return w.ID == e.ID })
		listed := at >= 0
		wanted := lists(c.ID, listed)
		entry := e.Listing()
		switch {
		case !wanted && !listed:
			continue
		case !wanted:
			entry = qa.ListedWeek{ID: e.ID} // off the list
		case listed && !c.HasRole(me, qa.RoleOrganiser):
			continue
		case listed:
			if c.Weeks[at].Relay != "" {
				entry.Relay = c.Weeks[at].Relay // where the club says that the week is
			}
			if entry == c.Weeks[at] {
				continue
			}
		}
		if err := n.ListWeeks(ctx, c.ID, []qa.ListedWeek{entry}); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}
