package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"flyleaf/exchange"
	"flyleaf/qa"
)

// The commands that bring weeks in and take them out: import, export.

// importReport is what `import --json` prints for each file.
type importReport struct {
	File      string       `json:"file"`
	Event     qa.EventID   `json:"event"`
	Title     string       `json:"title"`
	Format    string       `json:"format"`
	Questions int          `json:"questions"` // taken now
	Replies   int          `json:"replies"`   // taken now
	Known     int          `json:"known"`     // were there already
	Guesses   int          `json:"guesses"`   // messages of which it was guessed whether they open a thread
	Cleaned   int          `json:"cleaned"`   // texts out of which characters were taken that cannot stand in a text
	Guessed   []guess      `json:"guessed"`   // which, and how
	Skipped   []qa.Skipped `json:"skipped"`
}

// guess is a message whose place the format does not say.
type guess struct {
	Line  int    `json:"line"` // 1-based
	Name  string `json:"name"`
	Opens bool   `json:"opens"` // it was taken to open a thread
}

func (a *app) importCmd() *cobra.Command {
	var event, relay, out, club string
	var dryRun bool
	var fromSlack slackFlags
	c := &cobra.Command{
		Use:   "import [flags] FILE…|DIR",
		Short: "Bring in weeks: Jekyll pages, the plain text of a week's page, outlines, JSON, bundles, Slack exports",
		Long: `Bring in weeks. The format is recognised by the file's content. Without --event each
file becomes an event of its own, with it all go into that one. A file is taken whole
or not at all, what could not be taken is listed with its line, and the same file
imported again adds nothing.

A bundle (` + "`flyleaf export --format bundle`" + `) is merged into the event that it is of, here and
without any network; each of its changes is checked as one from a relay is.

A folder of a site's pages becomes a club with all its weeks, with --club NAME; done again it
adds only what is new.

A Slack export (the ZIP, or what it unpacks to) holds the weeks of a channel, which is named
with --channel. Each becomes an event, or with --club all are put on a club's list. It is said
what became of each message; announcements are left out unless --announcements is given:

  flyleaf import export.zip --channel book-of-the-week --dry-run
  flyleaf import export.zip --channel book-of-the-week --club "The Lamplight Readers"

The plain text of a page does not say which messages open a thread: that is guessed.
Look at the guesses, and correct them, before they are taken:

  flyleaf import --dry-run -o outline.txt page.txt
  $EDITOR outline.txt
  flyleaf import outline.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out != "" && (!dryRun || len(args) != 1) {
				return codedf(exitUsage, "-o goes with --dry-run and one file")
			}
			if relay != "" {
				if err := qa.CheckRelay(relay); err != nil {
					return coded(exitUsage, err)
				}
			}
			if err := fromSlack.check(c); err != nil {
				return err
			}
			if fromSlack.channel != "" {
				switch {
				case len(args) != 1 || out != "":
					return codedf(exitUsage, "--channel goes with one Slack export, and not with -o")
				case club != "" && event != "":
					return codedf(exitUsage, "--event and --club exclude each other")
				}
				return a.importSlack(c.Context(), args[0], &fromSlack, club, event, relay, dryRun)
			}
			if isDir(args) {
				if dryRun || event != "" {
					return codedf(exitUsage, "--event and --dry-run do not go with a folder")
				}
				return a.importClub(c.Context(), args[0], club, relay)
			}
			if club != "" {
				return codedf(exitUsage, "--club goes with a folder of pages; `flyleaf club add EVENT` lists a single week")
			}
			bundles, err := readBundles(args)
			switch {
			case err != nil:
				return err
			case bundles != nil && (dryRun || relay != "" || event != ""):
				return codedf(exitUsage, "a bundle is taken into the event that it is of: --event, --relay and --dry-run do not go with it; `flyleaf verify FILE` looks into one")
			case bundles != nil:
				return a.mergeBundles(c.Context(), args, bundles)
			}
			// All files are read before the first is taken, so that a bad one
			// among them stops nothing halfway.
			weeks := make([]qa.Imported, len(args))
			for i, file := range args {
				var err error
				if weeks[i], err = a.readWeek(file); err != nil {
					return err
				}
			}
			if dryRun {
				return a.dryRun(args, weeks, out)
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				reports, err := a.takeWeeks(ctx, b, event, relay, args, weeks)
				if err != nil {
					return err
				}
				return a.printReports(reports)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "say what would be taken, and take nothing")
	f.StringVarP(&out, "output", "o", "", "with --dry-run: write an outline to this `file`, to correct and import")
	f.StringVar(&relay, "relay", "", "the relay of the new events, ws:// or wss://")
	f.StringVar(&club, "club", "", "with a folder or --channel: the `name` of the club that lists its weeks; made when there is none")
	fromSlack.add(c)
	return a.jsonFlag(eventFlag(c, &event))
}

// takeWeeks takes each week into an event of its own, or all into the one that is named.
func (a *app) takeWeeks(ctx context.Context, b backend, event, relay string, from []string, weeks []qa.Imported) ([]importReport, error) {
	var id qa.EventID
	if event != "" {
		var err error
		if id, err = resolveEvent(ctx, b, event); err != nil {
			return nil, err
		}
	}
	reports := make([]importReport, 0, len(weeks))
	for i, week := range weeks {
		r, err := b.Import(ctx, id, week, relay)
		if err != nil {
			return nil, a.explain(fmt.Errorf("%s: %w", from[i], err))
		}
		report := newImportReport(from[i], week)
		report.Event, report.Questions, report.Replies, report.Known = r.Event, r.Questions, r.Replies, r.Known
		reports = append(reports, report)
	}
	return reports, nil
}

// wouldTake is what an import of the week would bring where nothing of it is there.
func wouldTake(file string, week qa.Imported) importReport {
	r := newImportReport(file, week)
	for _, p := range week.Posts {
		if p.Parent < 0 {
			r.Questions++
		} else {
			r.Replies++
		}
	}
	return r
}

func newImportReport(file string, week qa.Imported) importReport {
	r := importReport{File: file, Title: week.Event.Title, Format: week.Format, Guesses: week.Guesses, Cleaned: week.Cleaned, Skipped: week.Skipped}
	if r.Skipped == nil {
		r.Skipped = []qa.Skipped{}
	}
	r.Guessed = []guess{}
	for _, p := range week.Posts {
		if p.Guessed {
			r.Guessed = append(r.Guessed, guess{p.Line, p.Name, p.Parent < 0})
		}
	}
	return r
}

// readWeek reads a file in any format. Beside a Jekyll page lie its people.
func (a *app) readWeek(file string) (qa.Imported, error) {
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(io.LimitReader(a.std.in, exchange.MaxInput+1))
	} else {
		b, err = readBounded(file, exchange.MaxInput+1)
	}
	if err != nil {
		return qa.Imported{}, coded(exitRefused, err)
	}
	week, err := exchange.Read(filepath.Base(file), b, peopleBeside(file))
	return week, coded(exitRefused, err)
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return b, nil
}

// Bounds on the people read beside a page; a site has some 200.
const (
	maxPeople     = 10_000
	maxPersonFile = 256 << 10
)

// peopleBeside reads the person pages of the site that a page belongs to. None
// found is no error: authors are then known by their names alone.
func peopleBeside(file string) map[string]string {
	files := map[string][]byte{}
	for _, dir := range []string{"_people", "people"} {
		names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "..", dir, "*.md"))
		if err != nil {
			continue
		}
		for _, name := range names {
			if len(files) >= maxPeople {
				break
			}
			if b, err := readBounded(name, maxPersonFile); err == nil {
				files[filepath.Base(name)] = b
			}
		}
	}
	return exchange.PeopleFromFiles(files)
}

func (a *app) dryRun(args []string, weeks []qa.Imported, out string) error {
	if out != "" {
		var b bytes.Buffer
		if err := exchange.WriteOutline(&b, weeks[0]); err != nil {
			return err
		}
		if err := writeOutput(out, b.Bytes()); err != nil {
			return fmt.Errorf("writing the outline: %w", err)
		}
	}
	reports := make([]importReport, 0, len(weeks))
	for i, week := range weeks {
		reports = append(reports, wouldTake(args[i], week))
	}
	if a.json {
		return a.printReports(reports)
	}
	a.printf("Nothing was taken; this is what would be:\n")
	if err := a.printReports(reports); err != nil {
		return err
	}
	for _, r := range reports {
		for _, g := range r.Guessed {
			what := "replies"
			if g.Opens {
				what = "opens a thread"
			}
			a.printf("  guessed, %s line %d: %s %s\n", r.File, g.Line, plain(g.Name), what)
		}
	}
	return nil
}

// printReports prints one object for one file, a list for several.
func (a *app) printReports(reports []importReport) error {
	if a.json {
		if len(reports) == 1 {
			return a.printJSON(reports[0])
		}
		return a.printJSON(reports)
	}
	for _, r := range reports {
		a.printf("%s: %s (%s)\n", r.File, plain(r.Title), r.Format)
		a.printf("  %s and %s taken", counted(r.Questions, "question", "questions"), counted(r.Replies, "reply", "replies"))
		switch {
		case r.Known == 1:
			a.printf(", 1 post was there already")
		case r.Known > 1:
			a.printf(", %d posts were there already", r.Known)
		}
		a.printf("\n")
		if r.Event != "" {
			a.printf("  event %s\n", r.Event)
		}
		if r.Guesses > 0 {
			a.printf("  whether it opens a thread was guessed for %d messages; --dry-run -o FILE shows them\n", r.Guesses)
		}
		a.printCleaned(r.Cleaned)
		for _, s := range r.Skipped {
			a.printf("  not taken, line %d: %s", s.Line, s.Reason)
			if s.Text != "" {
				a.printf(": %s", plain(s.Text))
			}
			a.printf("\n")
		}
	}
	return nil
}

// printCleaned says that texts are not to the letter what stands in the file.
func (a *app) printCleaned(n int) {
	if n > 0 {
		a.printf("  out of %s control characters, or others that cannot stand in a text, were taken; no words were\n", counted(n, "text", "texts"))
	}
}

func (a *app) exportCmd() *cobra.Command {
	var event, format, out string
	c := &cobra.Command{
		Use:   "export --format json|jekyll|bundle|automerge [flags]",
		Short: "Write an event to a file or to standard output",
		Long: `Write an event to a file or to standard output: as a page (jekyll), as data (json), or
whole. A bundle holds all changes with their signatures: another device takes it in
with ` + "`flyleaf import`" + `, and ` + "`flyleaf verify`" + ` checks it. An .automerge file holds the changes
alone, for other programs that read Automerge.`,
		Example: "  flyleaf export --format jekyll -o 20261130-the-patient-ledger.md\n  flyleaf export --format bundle -o the-patient-ledger.bundle",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format == "bundle" || format == "automerge" {
				if out == "" {
					return codedf(exitUsage, "a file of this format is no text: name one with -o FILE, or -o - for standard output")
				}
				return a.exportChanges(c.Context(), event, format, out)
			}
			write := map[string]func(io.Writer, qa.Week) error{"json": exchange.WriteJSON, "jekyll": exchange.WriteJekyll}[format]
			if write == nil {
				return codedf(exitUsage, "--format is json, jekyll, bundle or automerge, not %q", format)
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				if week.Event.Founder == "" {
					return codedf(exitNotFound, "this event has not been fetched yet; try `flyleaf sync`")
				}
				var buf bytes.Buffer
				if err := write(&buf, week); err != nil {
					return err
				}
				return a.writeExport(out, buf.Bytes())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "", "json, jekyll, bundle or automerge")
	f.StringVarP(&out, "output", "o", "", "the `file` to write; standard output without it")
	return eventFlag(c, &event)
}
