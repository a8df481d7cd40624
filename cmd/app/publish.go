package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/publish"
	"flyleaf/publish/outdir"
	"flyleaf/publish/site"
	"flyleaf/schema"
)

// The command publish.

// publishReport is what `publish --json` prints.
type publishReport struct {
	Directory string             `json:"directory"`
	Format    string             `json:"format"`
	BaseURL   string             `json:"baseURL,omitempty"`
	Weeks     int                `json:"weeks"`
	Written   []string           `json:"written"`
	Removed   []string           `json:"removed"`
	Kept      []string           `json:"kept"` // no longer part of the site, but not removed because somebody changed it
	Same      int                `json:"same"`
	Missing   []node.MissingWeek `json:"missing"` // listed weeks that are not on this device or are invitation-only
}

// Keys of the notes that are stored in the directory for the next publication. Package site has
// more.
const (
	noteFormat = "format"
	noteBase   = "base"
)

func (a *app) publishCmd() *cobra.Command {
	var out, event, club, format, base, title, rules string
	var all bool
	formats := node.PublishFormatNames()
	c := &cobra.Command{
		Use:   "publish -o DIR [flags]",
		Short: "Publish weeks as a static site, or as files for another site",
		Long: `Publish weeks as a static site: write a start page, a page for each week, search, feeds and a
calendar into a directory. Any web server can serve it, and you can open it directly from the
disk. Names are shown as each person chose. Withdrawn and hidden posts, and posts of blocked
people, are left out.

Without --event or --club all public weeks on this device are published. An invitation-only event
is published only if --event names it.

Publishing into the same directory again writes only what changed, and removes files that
Flyleaf wrote before and that are no longer part of the site; other files are left alone. The
directory stores --base-url and the addresses of its pages. Feeds, sitemap and preview pictures need
--base-url.

The other formats make one file for each week; jekyll makes pages for the _books folder of a
Jekyll site.`,
		Example: "  flyleaf publish -o site --base-url https://books.example.org\n  flyleaf publish -o ../our-site/_books --format jekyll --event 4rk9",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return codedf(exitUsage, "choose the directory to write into with -o DIR; nothing was written")
			}
			if n := len(slices.DeleteFunc([]string{event, club, map[bool]string{true: "all"}[all]}, func(s string) bool { return s == "" })); n > 1 {
				return codedf(exitUsage, "only one of --event, --club and --all can be used")
			}
			if !slices.Contains(formats, format) {
				return codedf(exitUsage, "--format must be %s, not %q", oneOf(formats), format)
			}
			base, err := site.CheckBaseURL(base)
			if err != nil {
				return coded(exitUsage, err)
			}
			p := node.Publication{Format: format, Site: publish.SiteConfig{Title: title, Now: time.Now()}}
			if rules != "" {
				b, err := readBounded(rules, schema.MaxDescription)
				if err != nil {
					return coded(exitUsage, fmt.Errorf("--rules: %w", err))
				}
				p.Site.Rules = string(b)
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				if event != "" {
					if p.Event, err = resolveEvent(ctx, b, event); err != nil {
						return err
					}
				}
				if club != "" {
					c, err := resolveClub(ctx, b, club)
					if err != nil {
						return err
					}
					p.Club = c.ID
				}
				d, err := outdir.Open(out)
				if err != nil {
					return coded(exitRefused, err)
				}
				defer d.Close()
				notes := d.Notes()
				if was := notes[noteFormat]; was != "" && was != format {
					return codedf(exitUsage, "%s contains files published as %s; nothing was changed. Publish as %s into another directory", out, was, format)
				}
				p.Site.BaseURL, p.Site.Memory, p.Site.Unmodified = cmp.Or(base, notes[noteBase]), notes, d.Unmodified
				made, err := convert.Publish(ctx, b, p)
				if err != nil {
					return a.explain(err)
				}
				files := make([]outdir.File, len(made.Files))
				for i, f := range made.Files {
					files[i] = outdir.File(f)
				}
				notes = maps.Clone(made.Memory)
				notes[noteFormat] = format
				if p.Site.BaseURL != "" {
					notes[noteBase] = p.Site.BaseURL
				}
				done, err := d.Sync(files, notes)
				if err != nil {
					var foreign *outdir.ForeignError
					if errors.As(err, &foreign) {
						return coded(exitRefused, err)
					}
					return fmt.Errorf("publishing into %s: %w; publish again to continue", out, err)
				}
				return a.printPublished(publishReport{
					Directory: out, Format: format, BaseURL: p.Site.BaseURL, Weeks: made.Weeks, Same: len(done.Same), Missing: append([]node.MissingWeek{}, made.Missing...),
					Written: append([]string{}, done.Written...), Removed: append([]string{}, done.Removed...), Kept: append([]string{}, done.Kept...),
				})
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `directory` to write into")
	f.BoolVar(&all, "all", false, "publish all public weeks on this device (the default)")
	formatFlag(c, &format, node.FormatSite, formats)
	f.StringVar(&base, "base-url", "", "the web `address` of the site, https://…")
	f.StringVar(&title, "title", "", "the site's `name` (default: the club's)")
	f.StringVar(&rules, "rules", "", "a Markdown `file` with your rules for participants, instead of the default ones")
	return a.jsonFlag(clubFlag(eventFlag(c, &event), &club))
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
		a.printf("  %s is no longer part of the site, but was not removed, because somebody has changed it\n", plain(p))
	}
	for _, m := range r.Missing {
		a.printf("  not published: %s (%s), because it is not on this device or is invitation-only\n", plain(m.Title), m.Event)
	}
	if r.Format == "site" && r.BaseURL == "" {
		a.printf("  without --base-url there are no feeds, no sitemap and no preview pictures\n")
	}
	if r.Format == "site" {
		a.printf("  open %s\n", r.Directory+string(os.PathSeparator)+"index.html")
	}
	return nil
}
