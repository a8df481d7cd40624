package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/publish"
	"flyleaf/publish/outdir"
	"flyleaf/publish/site"
	"flyleaf/qa"
	"flyleaf/schema"
)

// publish writes what everybody may read into a directory: as a site, or in the
// formats that other programs read.

// publishReport is what `publish --json` prints.
type publishReport struct {
	Directory string     `json:"directory"`
	Format    string     `json:"format"`
	BaseURL   string     `json:"baseURL,omitempty"`
	Weeks     int        `json:"weeks"`
	Written   []string   `json:"written"`
	Removed   []string   `json:"removed"`
	Kept      []string   `json:"kept"` // no longer of the site, changed by somebody since: left as they are
	Same      int        `json:"same"`
	Missing   []notThere `json:"missing"` // weeks that a club lists and this device does not have
}

// notThere is a week that could not be published.
type notThere struct {
	Event qa.EventID `json:"event"`
	Title string     `json:"title"`
}

// Notes that a directory remembers between two publications, beside those of site.
const (
	noteFormat = "format"
	noteBase   = "base"
)

func (a *app) publishCmd() *cobra.Command {
	var out, event, club, format, base, title, rules string
	var all bool
	c := &cobra.Command{
		Use:   "publish -o DIR [flags]",
		Short: "Publish weeks as a static site, or as files for another",
		Long: `Publish weeks as a static site: write a first page, a page for each week, search, feeds and a
calendar into a directory. Any web server that hands out files will do, and you can open the
site from the disk. People's names are shown as they chose. What was withdrawn or hidden, and
what blocked people wrote, is left out.

Without --event or --club all weeks on this device that are open to everybody are published. An
event by invitation is published only if --event names it.

Published into the same directory again, only what changed is written, and what Flyleaf wrote
before and is no longer part of the site is removed; other files are left alone. The directory
remembers --base-url and the addresses of its pages. Feeds, sitemap and preview pictures need
--base-url.

Other formats are jekyll (pages for the _books folder of a Jekyll site), json, csv and markdown:
one file for each week.`,
		Example: "  flyleaf publish -o site --base-url https://books.example.org\n  flyleaf publish -o ../our-site/_books --format jekyll --event 4rk9",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return codedf(exitUsage, "name the directory to write into with -o DIR; nothing was written")
			}
			if n := len(slices.DeleteFunc([]string{event, club, map[bool]string{true: "all"}[all]}, func(s string) bool { return s == "" })); n > 1 {
				return codedf(exitUsage, "--event, --club and --all exclude each other")
			}
			write := weekWriters[format]
			if write.ext == "" && format != "site" {
				return codedf(exitUsage, "--format is site, jekyll, json, csv or markdown, not %q", format)
			}
			base, err := site.CheckBaseURL(base)
			if err != nil {
				return coded(exitUsage, err)
			}
			cfg := site.Config{Title: title, Now: time.Now()}
			if rules != "" {
				b, err := readBounded(rules, schema.MaxDescription)
				if err != nil {
					return coded(exitUsage, fmt.Errorf("--rules: %w", err))
				}
				cfg.Rules = string(b)
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				weeks, missing, err := a.toPublish(ctx, b, event, club, &cfg)
				if err != nil {
					return err
				}
				d, err := outdir.Open(out)
				if err != nil {
					return coded(exitRefused, err)
				}
				defer d.Close()
				notes := d.Notes()
				if was := notes[noteFormat]; was != "" && was != format {
					return codedf(exitUsage, "%s holds what was published as %s; nothing was changed. Publish as %s into another directory", out, was, format)
				}
				cfg.BaseURL = cmp.Or(base, notes[noteBase])
				files, notes, err := publishFiles(ctx, b, d, cfg, format, weeks)
				if err != nil {
					return coded(exitRefused, err)
				}
				notes[noteFormat] = format
				if cfg.BaseURL != "" {
					notes[noteBase] = cfg.BaseURL
				}
				done, err := d.Sync(files, notes)
				if err != nil {
					var foreign *outdir.ForeignError
					if errors.As(err, &foreign) {
						return coded(exitRefused, err)
					}
					return fmt.Errorf("publishing into %s: %w; publish again to go on", out, err)
				}
				return a.printPublished(publishReport{
					Directory: out, Format: format, BaseURL: cfg.BaseURL, Weeks: len(weeks), Same: len(done.Same), Missing: append([]notThere{}, missing...),
					Written: append([]string{}, done.Written...), Removed: append([]string{}, done.Removed...), Kept: append([]string{}, done.Kept...),
				})
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `directory` to write into")
	f.BoolVar(&all, "all", false, "all weeks on this device that are open to everybody (the default)")
	f.StringVar(&format, "format", "site", "the `format`: site, jekyll, json, csv or markdown")
	f.StringVar(&base, "base-url", "", "the web `address` of the site, https://…")
	f.StringVar(&title, "title", "", "the site's `name` (default: the club's)")
	f.StringVar(&rules, "rules", "", "a Markdown `file` with your rules of taking part, instead of the usual ones")
	return a.jsonFlag(clubFlag(eventFlag(c, &event), &club))
}

// weekWriters write one week as a file with an ending.
var weekWriters = map[string]struct {
	ext   string
	write func(io.Writer, qa.Week, string) error
}{
	"jekyll":   {".md", publish.WriteJekyllAt},
	"json":     {".json", func(w io.Writer, week qa.Week, _ string) error { return publish.WritePublishedJSON(w, week) }},
	"csv":      {".csv", func(w io.Writer, week qa.Week, _ string) error { return publish.WriteCSV(w, week) }},
	"markdown": {".md", func(w io.Writer, week qa.Week, _ string) error { return publish.WriteMarkdown(w, week) }},
}

// toPublish finds the weeks, and lets a club name the site.
func (a *app) toPublish(ctx context.Context, b backend, event, club string, cfg *site.Config) ([]qa.Week, []notThere, error) {
	events, err := b.Events(ctx)
	if err != nil {
		return nil, nil, err
	}
	var ids []qa.EventID
	var missing []notThere
	switch {
	case event != "":
		id, err := resolveEvent(ctx, b, event)
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, id)
	case club != "":
		shelf, err := resolveClub(ctx, b, club)
		if err != nil {
			return nil, nil, err
		}
		cfg.Title, cfg.Description, cfg.Language = cmp.Or(cfg.Title, shelf.Title), shelf.Description, shelf.Language
		here := map[qa.EventID]bool{}
		for _, e := range events {
			here[e.ID] = e.Founder != ""
		}
		for _, w := range shelf.Weeks {
			if here[w.ID] {
				ids = append(ids, w.ID)
			} else {
				missing = append(missing, notThere{w.ID, w.Title})
			}
		}
	default:
		for _, e := range events {
			if e.Founder != "" && e.Kind != "club" && e.Access != "invited" {
				ids = append(ids, e.ID)
			}
		}
	}
	weeks := make([]qa.Week, 0, len(ids))
	for _, id := range ids {
		week, err := b.Week(ctx, id)
		switch {
		case err != nil:
			return nil, nil, err
		case week.Event.Founder == "" && event != "":
			return nil, nil, codedf(exitNotFound, "this event has not been fetched yet; try `flyleaf sync`")
		case week.Event.Kind == "club":
			return nil, nil, codedf(exitUsage, "%s is a club; --club publishes its weeks", id)
		case club != "" && week.Event.Access == "invited":
			missing = append(missing, notThere{id, week.Event.Title})
			continue
		}
		weeks = append(weeks, week)
	}
	if len(weeks) == 0 {
		return nil, nil, codedf(exitNotFound, "there is no week to publish; nothing was written. `flyleaf event list` lists what is on this device")
	}
	return weeks, missing, nil
}

// publishFiles makes the files, and what the directory is to remember.
func publishFiles(ctx context.Context, b backend, d *outdir.Dir, cfg site.Config, format string, weeks []qa.Week) ([]outdir.File, map[string]string, error) {
	notes := map[string]string{}
	var files []outdir.File
	if format != "site" {
		base, err := site.CheckBaseURL(cfg.BaseURL)
		if err != nil {
			return nil, nil, err
		}
		// The same names as on a site, kept in the same way.
		names, err := site.Build(site.Config{Now: cfg.Now, Memory: d.Notes()}, published(weeks))
		if err != nil {
			return nil, nil, err
		}
		w := weekWriters[format]
		for _, week := range weeks {
			slug := strings.TrimSuffix(strings.TrimPrefix(names.Pages[string(week.Event.ID)], "books/"), ".html")
			page := ""
			if base != "" {
				page = base + "books/" + slug + ".html"
			}
			var out bytes.Buffer
			if err := w.write(&out, week, page); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", week.Event.Title, err)
			}
			files = append(files, outdir.File{Path: slug + w.ext, Body: out.Bytes()})
		}
		return files, names.Memory, nil
	}
	in := published(weeks)
	for i := range weeks {
		if key := weeks[i].Event.Cover; key != "" {
			cover, err := b.Blob(ctx, weeks[i].Event.ID, key)
			if err != nil && codeOf(err) != exitNotFound { // not here yet: a cover is drawn
				return nil, nil, err
			}
			in[i].Cover = cover
		}
	}
	cfg.Memory, cfg.Ours = d.Notes(), d.Ours
	s, err := site.Build(cfg, in)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range s.Files {
		files = append(files, outdir.File(f))
	}
	for k, v := range s.Memory {
		notes[k] = v
	}
	return files, notes, nil
}

func published(weeks []qa.Week) []site.Week {
	out := make([]site.Week, len(weeks))
	for i := range weeks {
		out[i] = site.Week{Key: string(weeks[i].Event.ID), Published: publish.Publish(weeks[i])}
	}
	return out
}

func (a *app) printPublished(r publishReport) error {
	if a.json {
		return a.printJSON(r)
	}
	a.printf("%s in %s: %s written, %d unchanged", counted(r.Weeks, "week", "weeks"), r.Directory, counted(len(r.Written), "file", "files"), r.Same)
	if n := len(r.Removed); n > 0 {
		a.printf(", %d removed", n)
	}
	a.printf("\n")
	for _, p := range r.Kept {
		a.printf("  %s is no longer part of the site, but somebody has changed it since, so it was left\n", plain(p))
	}
	for _, m := range r.Missing {
		a.printf("  not published: %s (%s): it is not on this device, or is by invitation only\n", plain(m.Title), m.Event)
	}
	if r.Format == "site" && r.BaseURL == "" {
		a.printf("  without --base-url there are no feeds, no sitemap and no preview pictures\n")
	}
	if r.Format == "site" {
		a.printf("  open %s\n", r.Directory+string(os.PathSeparator)+"index.html")
	}
	return nil
}
