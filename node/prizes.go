package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// hasWon reports whether an identity wins a copy.
func hasWon(prizes []qa.Prize, by qa.Identity) bool {
	return slices.ContainsFunc(prizes, func(p qa.Prize) bool { return p.By == by })
}

// prizes returns an event's week, and the copies with their winners.
func (d *Device) prizes(ctx context.Context, event qa.EventID) (qa.Week, []qa.Prize, error) {
	w, err := d.replica.Week(ctx, event)
	if err != nil {
		return w, nil, err
	}
	drawn, err := w.RunDraw()
	return w, w.Prizes(drawn), err
}

func (d *Device) CommitDraw(ctx context.Context, event qa.EventID) error {
	w, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	if w.DrawFixed() {
		return Errorf(Invalid, "the event has been closed, so nobody can join its draw any more; nothing was changed")
	}
	secret, err := keys.DrawSecret(d.key, event)
	if err != nil {
		return err
	}
	hash, err := qa.CommitDraw(event, d.replica.Identity(), secret)
	if err != nil {
		return err
	}
	_, err = d.Do(ctx, event, qa.Act{Kind: qa.ActDraw, Mark: schema.KeyCommit, Bytes: hash})
	return err
}

func (d *Device) RevealDraw(ctx context.Context, event qa.EventID) error {
	w, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	if err := w.MayReveal(d.replica.Identity()); err != nil {
		return Errorf(Invalid, "%w. Nothing was changed", err)
	}
	secret, err := keys.DrawSecret(d.key, event)
	if err != nil {
		return err
	}
	reveal, err := qa.RevealDraw(secret, w.Event.Draw.Closing)
	if err != nil {
		return err
	}
	_, err = d.Do(ctx, event, qa.Act{Kind: qa.ActDraw, Mark: schema.KeyReveal, Bytes: reveal})
	return err
}

var errNoPrize = errors.New("you have not won a copy in this event, as far as this device knows; nothing was changed. If you won one, sync and try again")

func (d *Device) ClaimPrize(ctx context.Context, event qa.EventID, contact string) ([]qa.Identity, error) {
	w, prizes, err := d.prizes(ctx, event)
	if err != nil {
		return nil, err
	}
	own, err := d.replica.Keys(ctx, event)
	if err != nil {
		return nil, err
	}
	var winners []qa.Identity // the user's identities that won: their own, and those of anonymous questions
	for _, id := range own {
		if hasWon(prizes, id) {
			winners = append(winners, id)
		}
	}
	if len(winners) == 0 {
		return nil, WithKind(NotFound, errNoPrize)
	}
	sealed, err := d.converter.SealContact(ctx, w.Event.Founder, strings.TrimSpace(contact))
	if err != nil {
		return nil, err
	}
	for _, id := range winners {
		act := qa.Act{Kind: qa.ActContact, Bytes: sealed}
		if id != d.replica.Identity() {
			act.Identity = id
		}
		if _, err := d.Do(ctx, event, act); err != nil {
			return nil, err
		}
	}
	return winners, nil
}

func (d *Device) PrizeClaims(ctx context.Context, event qa.EventID) ([]qa.Claim, error) {
	w, prizes, err := d.prizes(ctx, event)
	if err != nil {
		return nil, err
	}
	if w.Event.Founder != d.replica.Identity() {
		return nil, Errorf(NotAllowed, "only the device of the event's founder can read the contacts of winners")
	}
	sealed, err := d.replica.Contacts(ctx, event)
	if err != nil {
		return nil, err
	}
	out := []qa.Claim{}
	for by, b := range sealed {
		c := qa.Claim{By: by, Name: w.PersonName(by), Won: hasWon(prizes, by)}
		if c.Contact, err = d.converter.OpenContact(ctx, d.key, b); err != nil {
			c.Problem = err.Error()
		}
		out = append(out, c)
	}
	smallsort.Func(out, func(a, b qa.Claim) int { return strings.Compare(string(a.By), string(b.By)) })
	return out, nil
}
