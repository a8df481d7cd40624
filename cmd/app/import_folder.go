package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"flyleaf/importer"
	"flyleaf/qa"
)

// Importing a folder of a site. Each page becomes a week, and all are added to a club's list.

// clubReport is the output of `import FOLDER --json`.
type clubReport struct {
	Folder string     `json:"folder"`
	DryRun bool       `json:"dryRun,omitempty"` // nothing was imported
	Club   qa.EventID `json:"club,omitempty"`
	// Weeks has an entry for each page, including refused ones.
	Weeks []importReport `json:"weeks"`
	// SkippedFiles are the skipped files.
	SkippedFiles []importer.SkippedFile `json:"passedOver"`
}

// readFolder reads the pages of a site: those in its folder _books if dir has one, otherwise
// those in dir. The other files are returned with the reason why they were skipped.
func readFolder(dir string) (inputs []input, passed []importer.SkippedFile, err error) {
	dir = filepath.Clean(dir)
	config, configErr := readConfig(dir)
	books := path.Join(".", config.CollectionsDir, importer.BooksFolder)
	site := dir
	f, err := openFolderIn(dir, books)
	if _, there := os.Lstat(filepath.Join(dir, filepath.FromSlash(books))); err != nil && there == nil {
		return nil, nil, codedf(exitRefused, "%s cannot be opened as a folder of %s (%s); nothing was imported. If it is a link, import the folder that it points to", books, dir, reasonOf(err))
	}
	if err != nil {
		whole, err := filepath.Abs(dir)
		if err != nil {
			return nil, nil, err
		}
		site, books = filepath.Dir(whole), filepath.Base(whole)
		config, configErr = readConfig(site)
		config.CollectionsDir = "" // dir and the folder with people have the same parent
		if f, err = openFolder(dir); err != nil {
			return nil, nil, coded(exitRefused, err)
		}
	} else {
		dir = filepath.Join(dir, filepath.FromSlash(books))
	}
	defer f.Close()
	if configErr != nil {
		passed = append(passed, importer.SkippedConfig(filepath.Join(site, "_config.yml"), configErr))
	}
	pages, over, err := importer.ReadPages(f, books, config, peopleOfSite(site, config))
	if err != nil {
		return nil, nil, codedf(exitRefused, "%s: %w", dir, err)
	}
	for _, p := range over {
		p.File = filepath.Join(dir, filepath.FromSlash(p.File))
		passed = append(passed, p)
	}
	for _, p := range pages {
		inputs = append(inputs, input{filepath.Join(dir, filepath.FromSlash(p.Name)), p.Week, coded(exitRefused, p.Err)})
	}
	return inputs, passed, nil
}

// reasonOf returns the text of a file system error without the path.
func reasonOf(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// isDir reports whether the only argument is a folder.
func isDir(args []string) bool {
	if len(args) != 1 || args[0] == "-" {
		return false
	}
	info, err := os.Stat(args[0])
	return err == nil && info.IsDir()
}

// importClub imports every page of a folder as a week and lists it in the user's club of that
// name, which is created if there is none. Each week is imported completely or not at all.
// Pages that were imported before add only what is new. Inputs that cannot be read are skipped.
func (a *app) importClub(ctx context.Context, dir string, to *importFlags) error {
	if strings.TrimSpace(to.club) == "" && !to.dryRun {
		return codedf(exitUsage, "a folder is imported as a club, so give its name with --club NAME; nothing was imported")
	}
	inputs, passed, err := readFolder(dir)
	if err != nil {
		return err
	}
	report := clubReport{Folder: dir, DryRun: to.dryRun, Weeks: []importReport{}, SkippedFiles: append([]importer.SkippedFile{}, passed...)}
	if to.dryRun || !slices.ContainsFunc(inputs, func(p input) bool { return p.err == nil }) {
		report.Weeks = previewAll(inputs)
		err := errorOfInputs(inputs)
		if len(inputs) == 0 {
			err = codedf(exitRefused, "%s contains no pages, that is, Markdown files with front matter; nothing was imported. To import files of other formats, such as JSON, list the files and leave out --club", dir)
		}
		return errors.Join(a.printFolder(&report), err)
	}
	return a.with(ctx, func(ctx context.Context, b backend) error {
		club, reports, err := a.importWeeks(ctx, b, to, inputs)
		if err != nil {
			return err
		}
		report.Club, report.Weeks = club, reports
		return errors.Join(a.printFolder(&report), errorOfInputs(inputs))
	})
}

func (a *app) printFolder(r *clubReport) error {
	if a.json {
		return a.printJSON(r)
	}
	show := a.printReports
	if r.DryRun {
		show = a.printPreview
	}
	if err := show(r.Weeks); err != nil {
		return err
	}
	if n := len(r.SkippedFiles); n > 0 {
		a.printf("%s skipped, as Jekyll does:\n", counted(n, "file was", "files were"))
	}
	for i, p := range r.SkippedFiles {
		if i == maxListed {
			a.printf("  and %d more; --json lists all\n", len(r.SkippedFiles)-i)
			break
		}
		a.printf("  %s: %s\n", plain(p.File), plain(p.Reason))
	}
	return nil
}

// progress is a progress bar. It does nothing unless standard error is a terminal.
type progress struct{ bar *progressbar.ProgressBar }

func (a *app) progress(total int) progress {
	f, ok := a.std.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progress{}
	}
	return progress{progressbar.NewOptions(total, progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription("weeks"), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())}
}

// add advances the bar. Errors are ignored, because the import does not depend on the bar.
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
