package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/importer"
	"flyleaf/node"
	"flyleaf/qa"
)

// The command import, for single files. Folders are in import_folder.go, Slack exports in
// import_slack.go, bundles in export.go.

// importReport is the output of `import --json` for one file.
type importReport struct {
	File      string             `json:"file"`
	Event     qa.EventID         `json:"event"`
	Title     string             `json:"title"`
	Format    string             `json:"format"`
	Questions int                `json:"questions"` // new
	Replies   int                `json:"replies"`   // new
	Known     int                `json:"known"`     // unchanged posts that were on this device already
	Guesses   int                `json:"guesses"`   // number of messages for which it was guessed whether they start a thread
	Cleaned   int                `json:"cleaned"`   // number of texts from which characters that are not allowed were removed
	Guessed   []node.ThreadGuess `json:"guessed"`   // the guesses
	Skipped   []qa.Skipped       `json:"skipped"`
	// Changes are posts of earlier imports that differ in the file now, or are missing from it.
	Changes   []qa.ImportChange `json:"changes"`
	Revised   int               `json:"revised"`           // of Changes: revised here now
	Withdrawn int               `json:"withdrawn"`         // of Changes: withdrawn here now
	Remarks   []qa.Remark       `json:"remarks,omitempty"` // about what was imported
	// Refused is why the file was not imported, if other files of the same import were.
	Refused string `json:"refused,omitempty"`
}

// with returns r with the result of an import added.
func (r importReport) with(i node.ImportResult) importReport {
	r.Event, r.Questions, r.Replies, r.Known, r.Revised, r.Withdrawn = i.Event, i.Questions, i.Replies, i.Unchanged, i.Revised, i.Withdrawn
	r.Changes = append(r.Changes, i.Changes...)
	return r
}

func (a *app) importCmd() *cobra.Command {
	var i importFlags
	var out string
	var fromSlack slackFlags
	c := &cobra.Command{
		Use:   "import [flags] FILE…|FOLDER",
		Short: "Import weeks from files, folders or a Slack export",
		Long: `Import weeks: Jekyll pages, the plain text of a week's page, outlines, JSON, bundles. The format
is recognised by the file's content. Each file becomes an event of its own; with --event all
are imported into that event. A file is imported completely or not at all; if one of several
files cannot be read, none is imported. Lines that could not be imported are listed.

Importing the same file again adds nothing. Posts that were edited or deleted in the file since
then are listed; they are changed here only with --revise and --withdraw, and never if somebody
has edited them here. Changes to the week itself, such as its title, are listed but not made.

A bundle (` + "`flyleaf export --format bundle`" + `) is merged into its event, without a network. Each
of its changes is checked like a change from a relay.

A folder with the pages of a site becomes a club with all its weeks: name the club with --club.
Importing the folder again adds only what is new. As in Jekyll, subfolders are included, and
files are skipped if their names begin with _, ., # or ~, if the site's _config.yml excludes
them, or if they say "published: false". All skipped files are listed with the reason.

` + "`flyleaf import slack`" + ` imports the weeks of a channel of a Slack export.

The plain text of a page does not say which messages start a thread, so Flyleaf has to guess.
Check the guesses and correct them before you import:

  flyleaf import --dry-run -o outline.txt page.txt
  $EDITOR outline.txt
  flyleaf import outline.txt`,
		Example: `  flyleaf import 20261130-the-patient-ledger.md
  flyleaf import --club "The Lamplight Readers" our-site
  flyleaf import the-patient-ledger.bundle`,
		Args: atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out != "" && (!i.dryRun || len(args) != 1) {
				return codedf(exitUsage, "-o needs --dry-run and exactly one file")
			}
			if err := checkOldSlackFlags(c, &fromSlack); err != nil {
				return err
			}
			if fromSlack.channel != "" {
				if len(args) != 1 || out != "" {
					return codedf(exitUsage, "--channel needs exactly one Slack export and cannot be used with -o")
				}
				return a.importSlack(c.Context(), args[0], &fromSlack, &i)
			}
			if err := i.check(a.accept); err != nil {
				return err
			}
			if isDir(args) {
				if i.event != "" || out != "" {
					return codedf(exitUsage, "--event and -o cannot be used with a folder")
				}
				return a.importClub(c.Context(), args[0], &i)
			}
			if i.club != "" {
				return codedf(exitUsage, "--club needs a folder of pages; `flyleaf club add EVENT` adds a single week to a club")
			}
			bundles, err := readBundles(args)
			switch {
			case err != nil:
				return err
			case bundles != nil && (i.dryRun || i.relay != "" || i.event != "" || a.accept != qa.ImportChoice{}):
				return codedf(exitUsage, "a bundle is merged into its own event, so --event, --relay, --dry-run, --revise and --withdraw cannot be used; nothing was imported. `flyleaf verify FILE` shows the contents of a bundle")
			case bundles != nil:
				return a.mergeBundles(c.Context(), args, bundles)
			}
			// All files are read before the first is imported, so that an unreadable one leaves
			// nothing half done. All unreadable files are reported.
			inputs := make([]input, len(args))
			var bad []error
			for n, file := range args {
				inputs[n].file = file
				if inputs[n].week, inputs[n].err = a.readWeek(file); inputs[n].err != nil {
					bad = append(bad, inputs[n].err)
				}
			}
			switch {
			case len(bad) > 0 && len(args) == 1:
				return bad[0]
			case len(bad) > 0:
				return codedf(exitRefused, "%d of %d files cannot be read, so none was imported. Leave them out, or import the whole folder, which skips them.\n%w", len(bad), len(args), errors.Join(bad...))
			case i.dryRun:
				return a.dryRun(inputs, out)
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				_, reports, err := a.importWeeks(ctx, b, &i, inputs)
				if err != nil {
					return err
				}
				return errors.Join(a.printReports(reports), errorOfInputs(inputs))
			})
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "with --dry-run: write an outline to this `file`, to correct and import")
	a.addImportFlags(c, &i, "with a folder: the `name` of the club that lists the weeks; created if there is none")
	addOldSlackFlags(c, &fromSlack)
	c.AddCommand(a.importSlackCmd())
	return c
}

// input is one file of an import, or one week of a Slack export: the week in it, or why it
// cannot be imported.
type input struct {
	file string
	week qa.Imported
	err  error
}

// wantsNewClub asks, on a terminal, whether to create a club although the name of another one is almost the
// same.
func (a *app) wantsNewClub(err error) bool {
	var similar *node.SimilarClubError
	if !errors.As(err, &similar) || !a.std.isTerminal() {
		return false
	}
	fmt.Fprintf(a.std.err, "There is a club with almost the same name:\n")
	for i := range similar.Clubs {
		fmt.Fprintf(a.std.err, "  %s  %s\n", similar.Clubs[i].ID, plainLine(similar.Clubs[i].Title))
	}
	return a.saysYes("Create another club named " + plainLine(similar.Name))
}

// importWeeks imports the weeks into one event or one each, or into a club, as to says. If one of
// several is refused, the refusal is stored in its err, and the others are imported.
func (a *app) importWeeks(ctx context.Context, b backend, to *importFlags, inputs []input) (club qa.EventID, reports []importReport, err error) {
	in := node.WeeksToImport{Club: to.club, NewClub: to.newClub, Relay: to.relay}
	if to.event != "" {
		if in.Event, err = resolveEvent(ctx, b, to.event); err != nil {
			return "", nil, err
		}
	}
	for i := range inputs {
		p := &inputs[i]
		if p.err == nil {
			p.week.Accept = a.accept
			in.Weeks = append(in.Weeks, node.WeekToImport{Name: p.file, Week: p.week})
		}
	}
	if len(in.Weeks) > 1 {
		bar := a.progress(len(in.Weeks))
		defer bar.end()
		in.Each = bar.add
	}
	done, err := node.ImportWeeks(ctx, b, in)
	if a.wantsNewClub(err) {
		in.NewClub = true
		done, err = node.ImportWeeks(ctx, b, in)
	}
	if similar := (*node.SimilarClubError)(nil); errors.As(err, &similar) {
		return "", nil, codedf(exitRefused, "%w. Give the name of that club exactly, or create another one with --new-club", err)
	}
	if err != nil {
		return done.Club, nil, a.explain(err)
	}
	for i := range inputs {
		p := &inputs[i]
		if p.err == nil {
			r := done.Weeks[0]
			done.Weeks = done.Weeks[1:]
			if r.Refused == nil {
				report := newImportReport(p.file, p.week).with(r.ImportResult)
				if r.Existing != nil {
					report.Remarks = append(slices.Clip(report.Remarks), qa.Remark{Text: recognisedRemark})
				}
				reports = append(reports, report)
				continue
			}
			p.err = a.explain(fmt.Errorf("%s: %w", p.file, r.Refused))
			if len(inputs) == 1 {
				return done.Club, nil, p.err
			}
		}
		reports = append(reports, refusedReport(p))
	}
	return done.Club, reports, nil
}

// recognisedRemark is printed for a file whose week is on this device under another title or
// day; printChanges prints the difference.
const recognisedRemark = "Its messages show that this week was imported before, so only new posts were added to it."

func refusedReport(p *input) importReport {
	return importReport{File: p.file, Refused: p.err.Error(), Guessed: []node.ThreadGuess{}, Skipped: []qa.Skipped{}, Changes: []qa.ImportChange{}}
}

// errorOfInputs returns the error of an import in which some inputs were refused, nil if none
// was.
func errorOfInputs(inputs []input) error {
	n := 0
	var first error
	for i := range inputs {
		if inputs[i].err != nil {
			n++
			first = cmp.Or(first, inputs[i].err)
		}
	}
	switch {
	case n == 0:
		return nil
	case n == len(inputs) && n > 1:
		return codedf(exitRefused, "none of the %d files can be imported; nothing was changed. The first: %w", n, first)
	case n == len(inputs):
		return first
	}
	return codedf(exitRefused, "%d of %d files %s not imported; the others were. Correct the files and import them again: %w", n, len(inputs), map[bool]string{true: "was", false: "were"}[n == 1], first)
}

// preview reports what an import of the week would add to a device without it.
func preview(file string, week qa.Imported) importReport {
	r := newImportReport(file, week)
	r.Questions, r.Replies = week.Count()
	return r
}

func newImportReport(file string, week qa.Imported) importReport {
	r := importReport{
		File: file, Title: week.Event.Title, Format: week.Format, Guesses: week.Guesses, Cleaned: week.Cleaned,
		Skipped: week.Skipped, Remarks: week.Remarks,
	}
	if r.Skipped == nil {
		r.Skipped = []qa.Skipped{}
	}
	r.Guessed, r.Changes = node.ThreadGuesses(&week), []qa.ImportChange{}
	return r
}

// readWeek reads a file in any format. For a Jekyll page, it looks for people in the folders
// above.
func (a *app) readWeek(file string) (qa.Imported, error) {
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(io.LimitReader(a.std.in, importer.MaxInput+1))
	} else {
		b, err = readBounded(file, importer.MaxInput+1)
	}
	if err != nil {
		return qa.Imported{}, coded(exitRefused, err)
	}
	week, err := importer.Read(filepath.Base(file), b, peopleForPage(file))
	return week, coded(exitRefused, err)
}

// readBounded reads at most limit bytes of a file.
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

func (a *app) dryRun(inputs []input, out string) error {
	if out != "" {
		var b bytes.Buffer
		if err := importer.WriteOutline(&b, inputs[0].week); err != nil {
			return err
		}
		if err := writeOutput(out, b.Bytes()); err != nil {
			return fmt.Errorf("writing the outline: %w", err)
		}
	}
	return a.printPreview(previewAll(inputs))
}

func previewAll(inputs []input) []importReport {
	reports := make([]importReport, 0, len(inputs))
	for i := range inputs {
		if p := &inputs[i]; p.err != nil {
			reports = append(reports, refusedReport(p))
		} else {
			reports = append(reports, preview(p.file, p.week))
		}
	}
	return reports
}

// printPreview prints what an import would add.
func (a *app) printPreview(reports []importReport) error {
	if a.json {
		return a.printReports(reports)
	}
	a.printf("Dry run: nothing was imported. This would be:\n")
	if err := a.printReports(reports); err != nil {
		return err
	}
	for _, r := range reports {
		for _, g := range r.Guessed {
			what := "replies"
			if g.Opens {
				what = "starts a thread"
			}
			a.printf("  guess, %s line %d: %s %s\n", r.File, g.Line, plain(g.Name), what)
		}
	}
	return nil
}

// printReports prints one report for one file, a list for several.
func (a *app) printReports(reports []importReport) error {
	if a.json {
		if len(reports) == 1 {
			return a.printJSON(reports[0])
		}
		return a.printJSON(reports)
	}
	for _, r := range reports {
		if r.Refused != "" {
			a.printf("%s: not imported: %s\n", plain(r.File), plain(r.Refused))
			continue
		}
		a.printf("%s: %s (%s)\n", plain(r.File), plain(r.Title), r.Format)
		a.printf("  %s\n", newPosts(&r))
		a.printChanges(&r)
		if r.Event != "" {
			a.printf("  event %s\n", r.Event)
		}
		if r.Guesses > 0 {
			a.printf("  for %s it was guessed whether they start a thread; --dry-run -o FILE shows the guesses\n", counted(r.Guesses, "message", "messages"))
		}
		for _, m := range r.Remarks {
			if m.Line > 0 {
				a.printf("  line %d: %s\n", m.Line, plain(m.Text))
			} else {
				a.printf("  %s\n", plain(m.Text))
			}
		}
		a.printCleaned(r.Cleaned)
		for _, s := range r.Skipped {
			a.printf("  not imported, line %d: %s", s.Line, s.Reason)
			if s.Text != "" {
				a.printf(": %s", plain(s.Text))
			}
			a.printf("\n")
		}
	}
	return nil
}

// newPosts describes how many posts an import added, and how many were on this device already.
func newPosts(r *importReport) string {
	s := fmt.Sprintf("%s and %s", counted(r.Questions, "new question", "new questions"), counted(r.Replies, "new reply", "new replies"))
	if r.Known > 0 {
		s += fmt.Sprintf("; %s on this device already", countedWas(r.Known, "post"))
	}
	return s
}

// printCleaned reports texts from which characters were removed.
func (a *app) printCleaned(n int) {
	if n > 0 {
		a.printf("  control or invisible characters were removed from %s; all words were kept\n", counted(n, "text", "texts"))
	}
}

// printChanges prints which posts of earlier imports differ in the file or are missing from it,
// which of them were changed on this device, and why the others were not.
func (a *app) printChanges(r *importReport) {
	offered := map[string]int{}
	for _, c := range r.Changes {
		if c.Kind == qa.ChangedWeek {
			if c.Is == c.Was { // c has only the beginning of each text, and those are equal
				a.printf("  the %s in the file is longer or ends differently; not changed here: %s\n", c.Name, plain(c.NotApplied))
			} else {
				a.printf("  the %s in the file is %q, on this device %q; not changed here: %s\n", c.Name, plain(c.Is), plain(c.Was), plain(c.NotApplied))
			}
			continue
		}
		where := fmt.Sprintf("%s, %s (%s)", plain(c.Name), time.UnixMilli(c.AtMillis).UTC().Format("2 January 2006 15:04 UTC"), c.Post)
		done := "not changed here"
		switch {
		case c.Applied && c.Kind == qa.ChangedText:
			done = "revised here"
		case c.Applied:
			done = "withdrawn here"
		}
		if c.NotApplied != "" {
			done += ": " + c.NotApplied
		}
		switch c.Kind {
		case qa.ChangedText:
			a.printf("  edited, %s: %q is now %q; %s\n", where, plain(c.Was), plain(c.Is), done)
		case qa.ChangedDeleted:
			a.printf("  deleted, %s: %q; %s\n", where, plain(c.Was), done)
		case qa.ChangedMissing:
			a.printf("  missing, %s: %q; %s\n", where, plain(c.Was), done)
		default:
			offered[c.Kind]++
			continue
		}
		if !c.Applied && c.NotApplied == "" {
			offered[c.Kind]++
		}
	}
	for _, o := range []struct{ kind, one, many string }{
		{qa.ChangedText, "1 post was edited since; import again with --revise to add the edit as a revision", "%d posts were edited since; import again with --revise to add the edits as revisions"},
		{qa.ChangedDeleted, "1 post was deleted since; import again with --withdraw to withdraw it here", "%d posts were deleted since; import again with --withdraw to withdraw them here"},
		{qa.ChangedMissing, "1 post is missing now; if it was deleted, import again with --withdraw to withdraw it here", "%d posts are missing now; if they were deleted, import again with --withdraw to withdraw them here"},
		{qa.ChangedName, "the writer of 1 post has another name now; a post keeps the name that it was imported with", "the writers of %d posts have other names now; posts keep the names that they were imported with"},
		{qa.ChangedReactions, "1 post has other reactions now; a post keeps those that it was imported with", "%d posts have other reactions now; posts keep those that they were imported with"},
	} {
		switch n := offered[o.kind]; n {
		case 0:
		case 1:
			a.printf("  %s\n", o.one)
		default:
			a.printf("  "+o.many+"\n", n)
		}
	}
}
