package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"flyleaf/importer"
	"flyleaf/node"
	"flyleaf/qa"
)

// Importing a whole folder of a site: each page a week, all of them on a club's list.

// maxPages bounds the pages of one folder; a hundred are two years of weeks.
const maxPages = 10_000

// clubReport is what `import FOLDER --json` prints.
type clubReport struct {
	Folder string     `json:"folder"`
	DryRun bool       `json:"dryRun,omitempty"` // then nothing was taken
	Club   qa.EventID `json:"club,omitempty"`
	// Weeks has an entry for each page, those that were refused among them.
	Weeks []importReport `json:"weeks"`
	// PassedOver are the other files of the folder.
	PassedOver []importer.PassedOver `json:"passedOver"`
}

// readFolder reads the pages of a site's folder: of _books when the folder given is the
// one above it. What is passed over is named by its path, as pages are.
func readFolder(dir string) (pages []page, passed []importer.PassedOver, err error) {
	dir = filepath.Clean(dir)
	config, configErr := readConfig(dir)
	books := path.Join(".", config.CollectionsDir, "_books")
	site := dir
	f, err := openFolderIn(dir, books)
	if _, there := os.Lstat(filepath.Join(dir, filepath.FromSlash(books))); err != nil && there == nil {
		return nil, nil, codedf(exitRefused, "%s cannot be opened as a folder of %s (%s); nothing was imported. If it is a link, name the folder that it leads to", books, dir, reasonOf(err))
	}
	if err != nil {
		whole, err := filepath.Abs(dir)
		if err != nil {
			return nil, nil, err
		}
		site, books = filepath.Dir(whole), filepath.Base(whole)
		config, configErr = readConfig(site)
		config.CollectionsDir = "" // people stand beside it
		if f, err = openFolder(dir); err != nil {
			return nil, nil, coded(exitRefused, err)
		}
	} else {
		dir = filepath.Join(dir, filepath.FromSlash(books))
	}
	defer f.Close()
	if configErr != nil {
		passed = append(passed, importer.PassedOver{File: filepath.Join(site, "_config.yml"), Reason: "it cannot be read (" + configErr.Error() + "), so Jekyll's usual settings were taken"})
	}
	names, over, err := importer.SitePages(f, books, config)
	if err != nil {
		return nil, nil, codedf(exitRefused, "%s: %w", dir, err)
	}
	for _, p := range over {
		p.File = filepath.Join(dir, filepath.FromSlash(p.File))
		passed = append(passed, p)
	}
	if len(names) > maxPages {
		return nil, nil, codedf(exitRefused, "%s holds %d pages, at most %d are taken; nothing was imported", dir, len(names), maxPages)
	}
	people := peopleOf(site, config)
	for _, name := range names {
		p := page{file: filepath.Join(dir, filepath.FromSlash(name))}
		b, err := f.read(name, importer.MaxInput+1)
		switch {
		case err != nil:
			p.err = codedf(exitRefused, "%s: it cannot be read: %s; nothing was imported from it", name, reasonOf(err))
		case !importer.HasFrontMatter(b):
			passed = append(passed, importer.PassedOver{File: p.file, Reason: "it has no front matter, so for Jekyll it is no page"})
			continue
		default:
			p.week, p.err = importer.ReadJekyll(name, b, people)
			p.err = coded(exitRefused, p.err)
		}
		if p.err == nil && p.week.Unpublished {
			passed = append(passed, importer.PassedOver{File: p.file, Reason: "its front matter says published: false, so the site does not show it; import the file by itself to take it"})
			continue
		}
		pages = append(pages, p)
	}
	return pages, passed, nil
}

// reasonOf gives an error of a file system without the path, which is said beside it.
func reasonOf(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
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
// all; what was taken before is passed over, and so is what cannot be read.
func (a *app) importClub(ctx context.Context, dir, name, relay string, dryRun bool) error {
	if strings.TrimSpace(name) == "" && !dryRun {
		return codedf(exitUsage, "a folder becomes a club: name it with --club NAME")
	}
	pages, passed, err := readFolder(dir)
	if err != nil {
		return err
	}
	report := clubReport{Folder: dir, DryRun: dryRun, Weeks: []importReport{}, PassedOver: append([]importer.PassedOver{}, passed...)}
	if dryRun || !slices.ContainsFunc(pages, func(p page) bool { return p.err == nil }) {
		report.Weeks = wouldTakeAll(pages)
		err := refusedPages(pages)
		if len(pages) == 0 {
			err = codedf(exitRefused, "%s holds no page: no file with front matter whose name ends as Markdown's do; nothing was imported. Files of other kinds, such as JSON, are imported by their names, without --club", dir)
		}
		return errors.Join(a.printFolder(&report), err)
	}
	return a.with(ctx, func(ctx context.Context, b backend) error {
		club, reports, err := a.takeIntoClub(ctx, b, name, relay, pages)
		if err != nil {
			return err
		}
		report.Club, report.Weeks = club.ID, reports
		return errors.Join(a.printFolder(&report), refusedPages(pages))
	})
}

// takeIntoClub takes the weeks and puts them on the list of the club of that name.
func (a *app) takeIntoClub(ctx context.Context, b backend, name, relay string, pages []page) (qa.Event, []importReport, error) {
	club, err := node.ImportIntoClub(ctx, b, name, relay)
	if err != nil {
		return qa.Event{}, nil, a.explain(err)
	}
	bar := a.progress(len(pages))
	reports, err := a.takePages(pages, func(week qa.Imported) (node.ImportResult, error) {
		r, err := club.Take(ctx, week)
		if err == nil {
			bar.add()
		}
		return r, err
	})
	if err != nil {
		// What was taken so far is put on the list all the same.
		err = fmt.Errorf("%w; the %d before it were taken, and doing it again goes on from there", err, club.Taken())
		return club.Club, nil, errors.Join(a.explain(err), club.Finish(ctx))
	}
	bar.end()
	return club.Club, reports, a.explain(club.Finish(ctx))
}

func (a *app) printFolder(r *clubReport) error {
	if a.json {
		return a.printJSON(r)
	}
	show := a.printReports
	if r.DryRun {
		show = a.printWould
	}
	if err := show(r.Weeks); err != nil {
		return err
	}
	if n := len(r.PassedOver); n > 0 {
		a.printf("%s passed over, as Jekyll does:\n", counted(n, "file was", "files were"))
	}
	for i, p := range r.PassedOver {
		if i == maxListed {
			a.printf("  and %d more; --json lists all\n", len(r.PassedOver)-i)
			break
		}
		a.printf("  %s: %s\n", plain(p.File), plain(p.Reason))
	}
	return nil
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
