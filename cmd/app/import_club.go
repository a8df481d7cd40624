package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"flyleaf/qa"
)

// Importing a whole folder of a site: each page a week, all of them on a club's list.

// maxPages bounds the pages of one folder; a hundred are two years of weeks.
const maxPages = 10_000

// pagesIn returns the pages of a site's folder, by name: of _books when the folder
// given is the one above it.
func pagesIn(dir string) ([]string, error) {
	if info, err := os.Stat(filepath.Join(dir, "_books")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, "_books")
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	switch {
	case err != nil:
		return nil, err
	case len(pages) == 0:
		return nil, codedf(exitRefused, "%s holds no page (a file that ends in .md); nothing was imported", dir)
	case len(pages) > maxPages:
		return nil, codedf(exitRefused, "%s holds %d pages, at most %d are taken; nothing was imported", dir, len(pages), maxPages)
	}
	slices.Sort(pages)
	return pages, nil
}

// isDir reports whether the one argument of an import is a folder.
func isDir(args []string) bool {
	if len(args) != 1 || args[0] == "-" {
		return false
	}
	info, err := os.Stat(args[0])
	return err == nil && info.IsDir()
}

// importClub takes every page of a folder as a week and lists it in the club of the
// name, which is made when this person has none. Each week is taken whole or not at
// all; what was taken before is passed over.
func (a *app) importClub(ctx context.Context, dir, name, relay string) error {
	if strings.TrimSpace(name) == "" {
		return codedf(exitUsage, "a folder becomes a club: name it with --club NAME")
	}
	pages, err := pagesIn(dir)
	if err != nil {
		return err
	}
	// All pages are read before the first is taken, so that a bad one among them
	// stops nothing halfway.
	weeks := make([]qa.Imported, len(pages))
	for i, page := range pages {
		if weeks[i], err = a.readWeek(page); err != nil {
			return fmt.Errorf("%w; nothing was imported", err)
		}
	}
	return a.with(ctx, func(ctx context.Context, b backend) error {
		_, reports, err := a.takeIntoClub(ctx, b, name, relay, pages, weeks)
		if err != nil {
			return err
		}
		return a.printReports(reports)
	})
}

// takeIntoClub takes the weeks and puts them on the list of the club of that name.
func (a *app) takeIntoClub(ctx context.Context, b backend, name, relay string, from []string, weeks []qa.Imported) (qa.Event, []importReport, error) {
	club, err := ownClub(ctx, b, name, relay)
	if err != nil {
		return club, nil, a.explain(err)
	}
	bar := a.progress(len(weeks))
	reports := make([]importReport, 0, len(weeks))
	listed := make([]qa.ListedWeek, 0, len(weeks))
	for i, week := range weeks {
		week.Accept = a.accept
		r, err := b.ImportListed(ctx, week, relay)
		if err != nil {
			// What was taken so far is put on the list all the same.
			err = fmt.Errorf("%s: %w; the %d before it were taken, and doing it again goes on from there", from[i], err, i)
			return club, nil, errors.Join(a.explain(err), b.ListWeeks(ctx, club.ID, changedWeeks(club, listed)))
		}
		reports = append(reports, newImportReport(from[i], week).with(r))
		if r.Event == "" {
			continue // nothing but deletions, of what was never imported
		}
		e := week.Event
		e.ID = r.Event
		if relay != "" {
			e.Relays = []string{relay}
		}
		listed = append(listed, e.Listing())
		bar.add()
	}
	bar.end()
	if err := b.ListWeeks(ctx, club.ID, changedWeeks(club, listed)); err != nil {
		return club, nil, a.explain(err)
	}
	return club, reports, nil
}

// changedWeeks returns those that the club does not list so already.
func changedWeeks(club qa.Event, weeks []qa.ListedWeek) []qa.ListedWeek {
	var out []qa.ListedWeek
	for _, w := range weeks {
		if !slices.Contains(club.Weeks, w) {
			out = append(out, w)
		}
	}
	return out
}

// ownClub finds the club of a name that this person founded, or makes it.
func ownClub(ctx context.Context, b backend, name, relay string) (qa.Event, error) {
	me, err := b.Identity(ctx)
	if err != nil {
		return qa.Event{}, err
	}
	events, err := b.Events(ctx)
	if err != nil {
		return qa.Event{}, err
	}
	for _, e := range events {
		if e.Kind == "club" && e.Founder == me && e.Title == name {
			return e, nil
		}
	}
	club := qa.Event{Kind: "club", Title: name}
	if relay != "" {
		club.Relays = []string{relay}
	}
	inv, err := b.Found(ctx, club, relay)
	club.ID = inv.Event
	return club, err
}

// progress is a bar on a terminal, and nothing anywhere else.
type progress struct{ bar *progressbar.ProgressBar }

func (a *app) progress(most int) progress {
	f, ok := a.std.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progress{}
	}
	return progress{progressbar.NewOptions(most, progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription("weeks"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())}
}

// The bar is for the eye: that it cannot be drawn is no failure of the import.
func (p progress) add() {
	if p.bar != nil {
		_ = p.bar.Add(1)
	}
}

func (p progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
