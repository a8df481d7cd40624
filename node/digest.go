package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"flyleaf/publish/digest"
	"flyleaf/qa"
	"flyleaf/schema"
)

const (
	digestEvery = 7 * 24 * time.Hour
	// digestEarliness is how much earlier than a week a weekly digest may be sent, because cron
	// does not start programs to the second.
	digestEarliness = 12 * time.Hour
)

// WeeklyDigestDue reports whether the next weekly digest is due.
func (s *DigestState) WeeklyDigestDue(now time.Time) bool {
	return now.Sub(time.UnixMilli(s.SentAtMillis)) >= digestEvery-digestEarliness
}

// DigestOptions select the items of a digest.
type DigestOptions struct {
	Event qa.EventID // only this event; "" for all weeks on this device
	// SinceMillis (ms since 1970) selects everything since then, whether reported before or
	// not. 0 selects what no digest has reported; for the first digest, what is new in the last
	// seven days.
	SinceMillis int64
	Pages       string // the address of this device's pages, for links; "" for none
}

// MakeDigest returns the digest of what is new.
func MakeDigest(ctx context.Context, n Node, previous DigestState, o DigestOptions, now time.Time) (digest.Digest, error) {
	from := digest.Options{SinceMillis: o.SinceMillis, NowMillis: now.UnixMilli()}
	if o.SinceMillis == 0 {
		known := map[qa.EventID]map[string]bool{}
		for id, list := range previous.Reported {
			known[id] = map[string]bool{}
			for _, what := range list {
				known[id][what] = true
			}
		}
		from.Listed = func(event qa.EventID, what string) bool { return known[event][what] }
		if previous.SentAtMillis == 0 {
			from.SinceMillis = now.AddDate(0, 0, -7).UnixMilli()
		}
	}
	if o.Pages != "" {
		from.Link = func(event qa.EventID, post qa.PostID) string {
			return strings.TrimRight(o.Pages, "/") + "/e/" + string(event) + "/p/" + string(post)
		}
	}
	events, err := n.Library(ctx)
	if err != nil {
		return digest.Digest{}, err
	}
	var weeks []qa.Week
	for i := range events {
		e := &events[i].Event
		if !events[i].Arrived() || e.Kind == schema.KindClub || o.Event != "" && e.ID != o.Event {
			continue
		}
		week, err := n.Week(ctx, e.ID)
		if err != nil {
			return digest.Digest{}, err
		}
		keys, err := n.Keys(ctx, e.ID)
		if err != nil {
			return digest.Digest{}, err
		}
		from.Me = append(from.Me, keys...)
		weeks = append(weeks, week)
	}
	return digest.New(weeks, from), nil
}

// RememberDigest records what a digest has reported. Records of weeks that the digest does not
// cover are kept.
func RememberDigest(ctx context.Context, n Node, previous DigestState, d digest.Digest, now time.Time) error {
	all := make(map[qa.EventID][]string, len(previous.Reported)+len(d.Listed))
	for id, list := range previous.Reported {
		all[id] = list
	}
	for id, list := range d.Listed {
		both := slices.Concat(all[id], list)
		slices.Sort(both)
		all[id] = slices.Compact(both)
	}
	return n.SetDigestState(ctx, DigestState{SentAtMillis: now.UnixMilli(), Reported: all})
}
