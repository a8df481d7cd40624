package node

import (
	"context"
	"fmt"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// NewWeek describes a week to set up.
type NewWeek struct {
	Event   qa.Event
	Relay   string     // ws:// or wss:// URL; "" for the club's first relay, if there is one
	Picture []byte     // cover, see Converter.ShrinkPicture; nil for none
	Club    qa.EventID // the club that lists the week; "" for none
}

// SetUpWeek creates a week, or a club, with its cover and adds it to a club's list. c shrinks the picture; it is not
// used without one. A picture is checked before anything is created. If an error comes with an invitation, the week has been created,
// and the error says what is missing.
func SetUpWeek(ctx context.Context, n Node, c Converter, w NewWeek) (qa.Invitation, error) {
	picture, err := shrink(ctx, c, w.Picture)
	if err != nil {
		return qa.Invitation{}, err
	}
	if w.Relay == "" && w.Club != "" {
		if w.Relay, err = relayOfClub(ctx, n, w.Club); err != nil {
			return qa.Invitation{}, err
		}
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
			return inv, fmt.Errorf("the week %s was created without its cover: %w", inv.Event, err)
		}
	}
	if w.Club != "" {
		if err := n.ListWeeks(ctx, w.Club, []qa.ListedWeek{w.Event.Listing()}); err != nil {
			return inv, fmt.Errorf("the week %s was created, but it is not on the club's list: %w", inv.Event, err)
		}
	}
	return inv, nil
}

// relayOfClub returns the first relay of a followed club, "" if it has none.
func relayOfClub(ctx context.Context, n Node, club qa.EventID) (string, error) {
	clubs, err := n.Clubs(ctx)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(clubs, func(c qa.Event) bool { return c.ID == club })
	if at < 0 || len(clubs[at].Relays) == 0 {
		return "", nil
	}
	return clubs[at].Relays[0], nil
}

// ChangeWeek changes an event from now, its current state, to want, and sets the cover to what c makes of
// picture, if that is not nil: all or nothing. It reports whether there was any difference.
func ChangeWeek(ctx context.Context, n Node, c Converter, now, want *qa.Event, picture []byte) (bool, error) {
	if err := want.CheckNew(now); err != nil {
		return false, err
	}
	small, err := shrink(ctx, c, picture)
	if err != nil {
		return false, err
	}
	acts := weekActs(now, want, small)
	return len(acts) > 0, n.DoAll(ctx, now.ID, acts)
}

// weekActs returns the acts that change now to want, none if they are the same. A picture is a
// change of its own, before the change that refers to it.
func weekActs(now, want *qa.Event, picture []byte) []qa.Act {
	change := qa.Act{Kind: qa.ActEvent, Fields: now.Changes(want)}
	if !slices.Equal(now.Links, want.Links) {
		change.Links = append([]qa.Link{}, want.Links...)
	}
	var acts []qa.Act
	if key := qa.BlobKey(picture); picture != nil && key != now.Cover {
		acts = append(acts, qa.Act{Kind: qa.ActBlob, Bytes: picture})
		change.Fields[schema.KeyCover] = key
	}
	if len(change.Fields) > 0 || change.Links != nil {
		acts = append(acts, change)
	}
	return acts
}

// shrink makes a picture small enough for an event. nil stays nil.
func shrink(ctx context.Context, c Converter, picture []byte) ([]byte, error) {
	if picture == nil {
		return nil, nil
	}
	return c.ShrinkPicture(ctx, picture, schema.MaxBlob)
}

// UpdateClubLists adds an event to the lists of followed clubs, updates its entry, or removes
// it. wantListed decides for each club, given whether the club lists the event now. An existing
// entry is only updated in clubs that this user organises. UpdateClubLists reports whether it
// changed any list.
func UpdateClubLists(ctx context.Context, n Node, e *qa.Event, wantListed func(club qa.EventID, listed bool) bool) (changed bool, err error) {
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
		wanted := wantListed(c.ID, listed)
		entry := e.Listing()
		switch {
		case !wanted && !listed:
			continue
		case !wanted:
			entry = qa.ListedWeek{ID: e.ID} // without a title: removes the entry
		case listed && !c.HasRole(me, qa.RoleOrganiser):
			continue
		case listed:
			if c.Weeks[at].Relay != "" {
				entry.Relay = c.Weeks[at].Relay // the club's choice of relay is kept
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
