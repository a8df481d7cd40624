package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flyleaf/importer/slack"
	"flyleaf/qa"
)

// The command import slack: the weeks of one channel of a Slack export, which is a ZIP or the
// folder that it unpacks to. It reports what was done with each message.

// slackFlags select what to import from a Slack export.
type slackFlags struct {
	channel, week, zone, title, authors string
	announcements, bots                 bool
}

func (s *slackFlags) add(f *pflag.FlagSet) {
	f.StringVar(&s.channel, "channel", "", "the `channel` to import, by name or ID")
	f.StringVar(&s.week, "week", "", "only the week of this `day`, such as 2021-03-08")
	f.StringVar(&s.zone, "zone", "UTC", "the time `zone` in which weeks begin on Monday, such as Europe/Berlin")
	f.StringVar(&s.title, "title", "", "with --week: the book's `title`, instead of the one in the announcement")
	f.StringVar(&s.authors, "by", "", "with --week: the book's `authors`, as named in the channel, separated by commas")
	f.BoolVar(&s.announcements, "announcements", false, "also import messages that look like announcements")
	f.BoolVar(&s.bots, "bots", false, "also import messages from bots, such as the questions of a form")
}

// importFlags are shared by import and import slack.
type importFlags struct {
	event, relay, club string
	newClub, dryRun    bool
}

func (a *app) addImportFlags(c *cobra.Command, i *importFlags, club string) {
	f := c.Flags()
	f.BoolVar(&i.dryRun, "dry-run", false, "show what would be imported, and import nothing")
	f.BoolVar(&a.accept.Revise, "revise", false, "importing again: add edits made in the file since then as revisions")
	f.BoolVar(&a.accept.Withdraw, "withdraw", false, "importing again: withdraw posts that are deleted or missing in the file")
	f.StringVar(&i.relay, "relay", "", "the relay `address` of the new events, ws:// or wss://")
	f.StringVar(&i.club, "club", "", club)
	f.BoolVar(&i.newClub, "new-club", false, "with --club: create the club even if the name of another one is almost the same")
	a.jsonFlag(eventFlag(c, &i.event))
}

// check returns an error for flags that contradict each other.
func (i *importFlags) check(accept qa.ImportChoice) error {
	if i.dryRun && accept != (qa.ImportChoice{}) {
		return codedf(exitUsage, "--dry-run does not compare with this device, so it cannot be used with --revise and --withdraw. An import without these lists the changes and does not make them")
	}
	if i.relay != "" {
		return coded(exitUsage, qa.CheckRelay(i.relay))
	}
	return nil
}

func (a *app) importSlackCmd() *cobra.Command {
	var s slackFlags
	var i importFlags
	c := &cobra.Command{
		Use:   "slack --channel CHANNEL [flags] EXPORT",
		Short: "Import the weeks of a channel of a Slack export",
		Long: `Import the weeks of a channel of a Slack export. EXPORT is Slack's ZIP file, or the folder it
unpacks to. Each week becomes an event; with --club all are added to a club's list. A report
says what was done with each message. Announcements are left out unless --announcements is
given.

Importing again adds only new messages. Messages that were edited or deleted since then are
listed; they are changed here only with --revise and --withdraw.`,
		Example: `  flyleaf import slack export.zip --channel book-of-the-week --dry-run
  flyleaf import slack export.zip --channel book-of-the-week --club "The Lamplight Readers"`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.importSlack(c.Context(), args[0], &s, &i)
		},
	}
	s.add(c.Flags())
	a.addImportFlags(c, &i, "the `name` of the club that lists the weeks; created if there is none")
	return c
}

// slackReport is the output of `import slack --json`.
type slackReport struct {
	File    string               `json:"file"`
	Channel string               `json:"channel"`
	DryRun  bool                 `json:"dryRun,omitempty"` // nothing was imported
	Club    qa.EventID           `json:"club,omitempty"`
	Weeks   []slackWeek          `json:"weeks"`
	Fates   map[slack.Result]int `json:"fates"`
	// Messages says what was done with each message of the channel.
	Messages []slack.Outcome `json:"messages"`
	// SkippedFiles are the channel's skipped files.
	SkippedFiles []slack.SkippedFile `json:"passedOver"`
}

type slackWeek struct {
	Monday string `json:"monday"`
	importReport
	Notes []string `json:"notes"`
}

func (a *app) importSlack(ctx context.Context, file string, s *slackFlags, i *importFlags) error {
	if err := i.check(a.accept); err != nil {
		return err
	}
	switch {
	case s.channel == "":
		return codedf(exitUsage, "name the channel to import with --channel; nothing was imported")
	case i.club != "" && i.event != "":
		return codedf(exitUsage, "--event and --club cannot be used together")
	}
	opts := slack.Options{Channel: s.channel, Title: s.title, Authors: s.authors, KeepAnnouncements: s.announcements, KeepBots: s.bots}
	var err error
	if opts.Zone, err = time.LoadLocation(s.zone); err != nil {
		return codedf(exitUsage, "--zone takes a name such as Europe/Lisbon, not %q", s.zone)
	}
	if s.week != "" {
		if opts.Day, err = time.ParseInLocation(time.DateOnly, s.week, opts.Zone); err != nil {
			return codedf(exitUsage, "--week takes a day such as 2021-03-08, not %q", s.week)
		}
	} else if s.title != "" || s.authors != "" || i.event != "" {
		return codedf(exitUsage, "--title, --by and --event need a single week: choose it with --week DAY")
	}
	x, err := readSlack(file, opts)
	if err != nil {
		return coded(exitRefused, err)
	}
	report := slackReport{File: file, Channel: x.Channel, DryRun: i.dryRun, Weeks: []slackWeek{}, Fates: map[slack.Result]int{}, Messages: append([]slack.Outcome{}, x.Outcomes...), SkippedFiles: append([]slack.SkippedFile{}, x.SkippedFiles...)}
	for _, o := range x.Outcomes {
		report.Fates[o.Result]++
	}
	none := func() error {
		if s.week != "" {
			return codedf(exitRefused, "the channel %s has no questions in the week of %s; nothing was imported. Without --week all its weeks are read", x.Channel, s.week)
		}
		return codedf(exitRefused, "the channel %s has no questions; nothing was imported", x.Channel)
	}
	if len(x.Weeks) == 0 {
		return none()
	}
	inputs := make([]input, len(x.Weeks))
	for n, w := range x.Weeks {
		inputs[n] = input{file: file + ", the week of " + w.Monday, week: w.Imported}
	}
	var reports []importReport
	if i.dryRun {
		reports = previewAll(inputs)
	} else {
		err = a.with(ctx, func(ctx context.Context, b backend) error {
			report.Club, reports, err = a.importWeeks(ctx, b, i, inputs)
			return err
		})
		if err != nil {
			return err
		}
	}
	for n, r := range reports {
		if len(inputs[n].week.Posts) == 0 && len(r.Changes) == 0 {
			continue // only deletions of posts that were never imported
		}
		report.Weeks = append(report.Weeks, slackWeek{x.Weeks[n].Monday, r, append([]string{}, x.Weeks[n].Notes...)})
	}
	if len(report.Weeks) == 0 {
		return none()
	}
	return errors.Join(a.printSlack(&report), errorOfInputs(inputs))
}

// readSlack reads an export. It follows no link out of the folder (os.Root) and does not block
// on a pipe (slack.Read checks before it opens).
func readSlack(file string, opts slack.Options) (slack.Export, error) {
	if isDir([]string{file}) {
		root, err := os.OpenRoot(file)
		if err != nil {
			return slack.Export{}, err
		}
		defer root.Close()
		return slack.Read(root.FS(), opts)
	}
	switch info, err := os.Stat(file); {
	case err != nil:
		return slack.Export{}, err
	case !info.Mode().IsRegular():
		return slack.Export{}, fmt.Errorf("%s is neither a file nor a folder, but a pipe or a device; nothing was imported. Save the ZIP and name it", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return slack.Export{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return slack.Export{}, err
	}
	fsys, err := slack.OpenZip(filepath.Base(file), f, info.Size())
	if err != nil {
		return slack.Export{}, err
	}
	return slack.Read(fsys, opts)
}

// resultWords describe what was done with messages, in the order of printing.
var resultWords = []struct {
	result    slack.Result
	one, many string
}{
	{slack.Question, "question", "questions"},
	{slack.Reply, "reply", "replies"},
	{slack.Proposed, "left out as an announcement", "left out as announcements"},
	{slack.Skipped, "not imported", "not imported"},
	{slack.OtherWeek, "of other weeks", "of other weeks"},
}

func (a *app) printSlack(r *slackReport) error {
	if a.json {
		return a.printJSON(r)
	}
	if r.DryRun {
		a.printf("Dry run: nothing was imported. This would be:\n")
	}
	var parts []string
	for _, f := range resultWords {
		if n := r.Fates[f.result]; n > 0 {
			parts = append(parts, counted(n, f.one, f.many))
		}
	}
	a.printf("#%s: %s: %s\n", plain(r.Channel), counted(len(r.Messages), "message", "messages"), strings.Join(parts, ", "))
	for _, w := range r.Weeks {
		if w.Refused != "" {
			a.printf("%s: not imported: %s\n", w.Monday, plain(w.Refused))
			continue
		}
		a.printf("%s: %s\n", w.Monday, plain(w.Title))
		a.printf("  %s\n", newPosts(&w.importReport))
		a.printChanges(&w.importReport)
		if w.Event != "" {
			a.printf("  event %s\n", w.Event)
		}
		a.printCleaned(w.Cleaned)
		for _, n := range w.Notes {
			a.printf("  %s\n", plain(n))
		}
	}
	withoutText := 0
	for _, o := range r.Messages {
		switch {
		case o.Result == slack.OtherWeek:
			continue
		case o.Result == slack.Proposed, o.Result == slack.Skipped && (o.Text != "" || len(o.Omitted) > 0):
			a.printf("  not imported, %s: %s\n", o.Where(), strings.TrimSuffix(plain(o.Reason)+": "+plain(o.Text), ": "))
		case o.Result == slack.Skipped:
			withoutText++
		}
		for _, l := range o.Omitted {
			a.printf("  not imported from %s (%s): %s\n", o.Where(), writerAndTime(&o), describeOmitted(l))
		}
	}
	if withoutText > 0 {
		a.printf("  %s without text not imported; --json lists all, with the reason\n", counted(withoutText, "message", "messages"))
	}
	for _, p := range r.SkippedFiles {
		a.printf("  skipped, %s: %s\n", plain(p.File), plain(p.Reason))
	}
	return nil
}

// writerAndTime returns who wrote a message and when, in UTC.
func writerAndTime(o *slack.Outcome) string {
	name := plain(o.Name)
	if name == "" {
		name = "no name"
	}
	if ms, ok := o.AtMillis(); ok {
		return name + ", " + time.UnixMilli(ms).UTC().Format("2 January 2006 15:04 UTC")
	}
	return name
}

func describeOmitted(l slack.Omitted) string {
	s := plain(l.Kind)
	if l.Count > 1 {
		s = fmt.Sprintf("%d × %s", l.Count, s)
	}
	if l.Text != "" {
		s += ": " + plain(l.Text)
	}
	return s
}
