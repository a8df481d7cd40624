package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flyleaf/cover"
	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/schema"
)

// The commands event new, event set and event close.

// newEvent returns a week that starts on a day such as 2026-11-30 in the time zone.
func newEvent(title, by, starts string, zone *time.Location) (qa.Event, error) {
	e := qa.Event{Kind: schema.KindEvent, Access: schema.AccessOpen, Title: title, Authors: by, Zone: zone.String()}
	if e.Zone == "Local" {
		e.Zone = ""
	}
	return e, setDays(&e, starts, zone, zone)
}

// setDays moves an event to start on a day; "" changes nothing. The event's times are read in the zone
// before.
func setDays(e *qa.Event, starts string, before, zone *time.Location) error {
	if starts == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, starts)
	if err != nil {
		return codedf(exitUsage, "--starts takes a date such as 2026-11-30, not %q; nothing was changed", starts)
	}
	e.MoveWeek(day.Year(), day.Month(), day.Day(), before, zone)
	return nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	zone, err := qa.LoadZone(name)
	if err != nil {
		return nil, codedf(exitUsage, "--zone: %w", err)
	}
	return zone, nil
}

// weekFlags are the flags that `event new` and `event set` have in common.
type weekFlags struct {
	title, subtitle, by, starts, zone, description, language, cover, club string
	links                                                                 []string
	copies                                                                uint64
	approve, math, pictures                                               string
}

func (w *weekFlags) add(f *pflag.FlagSet) {
	f.StringVar(&w.title, "title", "", "the book's `title`")
	f.StringVar(&w.subtitle, "subtitle", "", "the book's `subtitle`")
	f.StringVar(&w.by, "by", "", "the book's `authors`, separated by commas")
	f.StringVar(&w.starts, "starts", "", "the first `day`, such as 2026-11-30; a new week runs five days")
	f.StringVar(&w.zone, "zone", "", "the time `zone` of the week, such as Europe/Lisbon")
	f.StringVar(&w.description, "description", "", "a description of the book: `text` in Markdown")
	f.StringVar(&w.language, "language", "", "the `language` spoken, such as en")
	f.StringArrayVar(&w.links, "link", nil, "a `link`: its address, a space, and the text to show; can be repeated")
	f.Uint64Var(&w.copies, "copies", 0, "the `number` of copies to win")
	f.StringVar(&w.cover, "cover", "", "the cover: a JPEG, PNG, GIF or WebP `file`, which is scaled down")
	f.StringVar(&w.approve, "approve", "", "whether posts wait for a moderator's approval: `on|off`")
	f.StringVar(&w.pictures, "pictures", "", "whether posts can have a picture: `on|off`")
	f.StringVar(&w.math, "math", "", "whether posts have formulas in the notation of TeX between dollar signs: `on|off`")
	clubName := "add the week to the list of this club: the club's `ID`, or a unique beginning of its ID or its name"
	f.StringVar(&w.club, "club", "", clubName)
}

// apply sets the fields of e whose flags are given. Days are in the time zone that e has then.
func (w *weekFlags) apply(e *qa.Event, given func(string) bool) error {
	if _, err := loadZone(w.zone); err != nil {
		return err
	}
	before := time.Local
	if e.Zone != "" {
		before = e.Location()
	}
	for _, t := range []struct {
		flag, value string
		field       *string
	}{
		{"title", w.title, &e.Title},
		{"subtitle", w.subtitle, &e.Subtitle},
		{"by", w.by, &e.Authors},
		{"description", w.description, &e.Description},
		{"language", w.language, &e.Language},
		{"zone", w.zone, &e.Zone},
	} {
		if given(t.flag) {
			*t.field = t.value
		}
	}
	if strings.TrimSpace(e.Title) == "" {
		return codedf(exitUsage, "an event needs a --title; nothing was changed")
	}
	if given("copies") {
		e.Prizes = w.copies
	}
	for _, s := range []struct {
		flag, value string
		set         func(on bool)
	}{
		{"approve", w.approve, func(on bool) { e.Approve = on }},
		{"math", w.math, e.SetMath},
		{"pictures", w.pictures, e.SetPictures},
	} {
		if !given(s.flag) {
			continue
		}
		if s.value != "on" && s.value != "off" {
			return codedf(exitUsage, "--%s must be on or off; nothing was changed", s.flag)
		}
		s.set(s.value == "on")
	}
	if given("link") {
		links, err := qa.ParseLinks(w.links)
		if err != nil {
			return codedf(exitUsage, "--link: %w; nothing was changed", err)
		}
		e.Links = links
	}
	zone, err := loadZone(e.Zone)
	if err != nil {
		return err
	}
	return setDays(e, w.starts, before, zone)
}

// readPicture reads a picture file. It returns nil if file is "".
func readPicture(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	b, err := readBounded(file, cover.MaxInput+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, codedf(exitNotFound, "there is no file %s; nothing was changed", file)
	case err != nil:
		return nil, codedf(exitRefused, "%s: %w; nothing was changed", file, err)
	}
	return b, nil
}

func (a *app) eventNewCmd() *cobra.Command {
	var w weekFlags
	var relay, access string
	c := &cobra.Command{
		Use:   "new --title TITLE --by AUTHORS [flags]",
		Short: "Set up a week",
		Long: `Set up a week; prints its ID and the invitation links to share. With --starts it runs five days,
such as Monday to Friday: people can ask on all of them, the authors answer on the first four,
and on the fifth they choose who wins. ` + "`flyleaf event set`" + ` can change all of
this later, except --access and --relay.`,
		Example: `  flyleaf event new --title "The Patient Ledger" --by "Ilse Marrow, Teodor Anand" \
    --starts 2026-11-30 --relay ws://127.0.0.1:3030
  flyleaf event new --title "Small Weather" --by "Aino Berglund" --starts 2026-12-07 --zone Europe/Helsinki \
    --copies 3 --cover small-weather.jpg --link "https://example.org/weather The book" --club "The Lamplight"`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			zone, err := loadZone(w.zone)
			if err != nil {
				return err
			}
			e, err := newEvent("", "", "", zone)
			if err != nil {
				return err
			}
			if err := w.apply(&e, c.Flags().Changed); err != nil {
				return err
			}
			if e.Access = access; access != schema.AccessOpen && access != schema.AccessInvited {
				return codedf(exitUsage, "--access must be open or invited, not %q; nothing was changed", access)
			}
			if relay != "" {
				if err := qa.CheckRelay(relay); err != nil {
					return coded(exitUsage, err)
				}
			}
			picture, err := readPicture(w.cover)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				var club qa.Event
				if w.club != "" {
					if club, err = resolveClub(ctx, b, w.club); err != nil {
						return err
					}
				}
				inv, err := node.SetUpWeek(ctx, b, convert.Direct{}, node.NewWeek{Event: e, Relay: relay, Picture: picture, Club: club.ID})
				if err != nil {
					return a.explain(err)
				}
				return a.printNew("event", inv)
			})
		},
	}
	f := c.Flags()
	w.add(f)
	f.Lookup("zone").Usage += " (default: this device's)"
	f.StringVar(&relay, "relay", "", "the relay's `address`, ws:// or wss:// (with --club: the club's)")
	f.StringVar(&access, "access", schema.AccessOpen, "who may read and write: `open|invited`. open: everybody who has the invitation; invited: only people with a role, see flyleaf event invite")
	return a.jsonFlag(c)
}

// timeFlags are the flags of the times of a week.
var timeFlags = []struct{ flag, key, what string }{
	{"opens", schema.KeyStartsAt, "when the week begins"},
	{"answers-from", schema.KeyAnswersFrom, "when the authors begin to answer"},
	{"answers-until", schema.KeyAnswersUntil, "when the last answers are due"},
	{"winners-at", schema.KeyWinnersAt, "when the authors choose the winners"},
	{"ends", schema.KeyEndsAt, "when the week ends"},
}

func (a *app) eventSetCmd() *cobra.Command {
	var event string
	var w weekFlags
	var noCover, noLinks, yes bool
	times := map[string]*string{}
	set := &cobra.Command{
		Use:   "set [flags]",
		Short: "Change the title, dates and other settings",
		Long: `Change the settings of an event. Only the given settings change; "" clears a setting.

--starts moves the week, with all its times, to start on another day. Each of the week's times can
also be set separately, in the event's time zone (2026-11-30T09:00), or removed (""). The last
answers and the end of the week also take a day (2026-11-30): until the end of that day. The
entries in your clubs' lists are updated.

With --approve on, posts and edits from then on wait until a moderator approves them, except those of
authors, moderators and organisers (` + "`flyleaf mod approve`" + `). Until then only their writer and moderators see
them. They are not secret, though: every device and the relay have these posts.`,
		Example: "  flyleaf event set --title \"The Patient Ledger, second edition\" --copies 5\n  flyleaf event set --starts 2026-12-07 --zone Europe/Lisbon\n  flyleaf event set --winners-at 2026-12-11T18:00 --cover new-cover.png",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			given := c.Flags().Changed
			picture, err := readPicture(w.cover)
			if err != nil {
				return err
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := node.FetchedWeek(ctx, b, id)
				if err != nil {
					return a.explain(err)
				}
				now := week.Event
				want := now
				if err := w.apply(&want, given); err != nil {
					return err
				}
				if err := setTimes(&want, times, given); err != nil {
					return err
				}
				if noLinks {
					want.Links = []qa.Link{}
				}
				if noCover {
					want.Cover = ""
				}
				if given("approve") {
					if err := a.confirmSwitch(ctx, b, id, schema.KeyApprove, want.Approve, yes); err != nil {
						return err
					}
				}
				return a.setEvent(ctx, b, id, &now, &want, picture, w.club)
			})
		},
	}
	f := set.Flags()
	w.add(f)
	for _, t := range timeFlags {
		times[t.flag] = f.String(t.flag, "", t.what+", a `time` such as 2026-11-30T09:00")
	}
	yesFlag(set, &yes)
	f.BoolVar(&noCover, "no-cover", false, "remove the cover")
	f.BoolVar(&noLinks, "no-links", false, "remove all links")
	set.MarkFlagsMutuallyExclusive("cover", "no-cover")
	set.MarkFlagsMutuallyExclusive("link", "no-links")
	return a.jsonFlag(eventFlag(set, &event))
}

func (a *app) eventCloseCmd() *cobra.Command {
	var event string
	var undo, yes bool
	c := &cobra.Command{
		Use:   "close [flags]",
		Short: "Close an event: no more questions and replies",
		Long: `Close an event: no more questions and replies are accepted. Posts that this
device does not have yet, by writers who do not know of the closing, are accepted and shown as
late. Editing, reacting and moderating remain possible. With --undo the event is opened again.

What closing or opening does to the draw, to winners and to late posts is printed first. On a terminal
you are then asked to confirm, unless --yes is given.`,
		Example: "  flyleaf event close\n  flyleaf event close --undo",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			done := "Closed. `flyleaf event close --undo` opens the event again."
			if undo {
				done = "The event is open again."
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				if err := a.confirmSwitch(ctx, b, id, schema.KeyClosed, !undo, yes); err != nil {
					return err
				}
				return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyClosed: !undo}}, done)
			})
		},
	}
	yesFlag(c, &yes)
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "open the event again"), &event))
}

// confirmSwitch prints what setting a switch of an event does. On a terminal it asks for confirmation, unless yes is
// set. It leaves what is not allowed, or changes nothing, to the act.
func (a *app) confirmSwitch(ctx context.Context, b backend, id qa.EventID, key string, on, yes bool) error {
	week, err := node.FetchedWeek(ctx, b, id)
	if err != nil {
		return a.explain(err)
	}
	me, err := b.Identity(ctx)
	if err != nil {
		return err
	}
	effects := week.SwitchEffects(key, on)
	if len(effects) == 0 || !week.Event.HasRole(me, qa.RoleOrganiser) {
		return nil
	}
	for _, line := range effects {
		fmt.Fprintf(a.std.err, "%s\n", plainLine(line))
	}
	return a.confirm("Go on", "not confirmed, so nothing was changed", yes)
}

// setTimes sets the times that have flags of their own, in the event's time zone.
func setTimes(e *qa.Event, times map[string]*string, given func(string) bool) error {
	zone, err := loadZone(e.Zone)
	if err != nil {
		return err
	}
	for _, t := range timeFlags {
		if !given(t.flag) {
			continue
		}
		typed := *times[t.flag]
		if typed == "" {
			*e.Times()[t.key] = 0
			continue
		}
		at, err := qa.ParseTime(t.key, typed, zone)
		if err != nil {
			return codedf(exitUsage, "--%s: %w; nothing was changed", t.flag, err)
		}
		*e.Times()[t.key] = at
	}
	return nil
}

// setEvent changes the event from now to want, and then updates its entries in the lists of
// this user's clubs and of the given club.
func (a *app) setEvent(ctx context.Context, b backend, id qa.EventID, now, want *qa.Event, picture []byte, club string) error {
	var to qa.Event
	if club != "" {
		var err error
		if to, err = resolveClub(ctx, b, club); err != nil {
			return err
		}
	}
	now.ID, want.ID = id, id
	changed, err := node.ChangeWeek(ctx, b, convert.Direct{}, now, want, picture)
	if err != nil {
		return a.explain(err)
	}
	listed, err := node.UpdateClubLists(ctx, b, want, func(club qa.EventID, listed bool) bool { return listed || club == to.ID })
	if err != nil {
		return a.explain(err)
	}
	switch {
	case !changed && !listed:
		return a.done(id, "The settings are the same already; nothing was changed.")
	case listed:
		return a.done(id, "Saved. The club's list is updated.")
	}
	return a.done(id, "Saved.")
}

// noteContradictions prints on standard error which settings of an event contradict each other.
func (a *app) noteContradictions(e *qa.Event) {
	for _, c := range e.Contradictions() {
		fmt.Fprintf(a.std.err, "Note: %s. The event is shown without it; an organiser can correct it with `flyleaf event set`.\n", plain(c.Words))
	}
}
