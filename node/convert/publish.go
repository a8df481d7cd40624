package convert

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"flyleaf/node"
	"flyleaf/publish"
	"flyleaf/publish/site"
	"flyleaf/qa"
)

// Published is the result of Publish.
type Published struct {
	Files   []publish.File
	Memory  map[string]string // for SiteConfig.Memory of the next publication
	Weeks   int
	Missing []node.MissingWeek // listed by the club but not published
}

// Publish generates the files of a publication. It writes nothing to disk.
func Publish(ctx context.Context, n node.Node, p node.Publication) (Published, error) {
	w, err := node.LoadWeeksToPublish(ctx, n, p)
	if err != nil {
		return Published{}, err
	}
	return publishWeeks(&w)
}

func publishWeeks(w *node.WeeksToPublish) (Published, error) {
	out := Published{Weeks: len(w.Weeks), Missing: w.Missing}
	var err error
	if w.Publication.Format == node.FormatSite {
		err = publishSite(w, &out)
	} else {
		err = publishFiles(w, &out)
	}
	return out, err
}

func publishSite(w *node.WeeksToPublish, out *Published) error {
	in := published(w.Weeks)
	for i := range w.Covers {
		in[i].Cover = w.Covers[i]
	}
	s, err := site.Build(w.Publication.Site, in)
	out.Files, out.Memory = s.Files, s.Memory
	return node.WithKind(node.Invalid, err)
}

func publishFiles(w *node.WeeksToPublish, out *Published) error {
	// File names are the same as on a site, and stay the same between publications.
	p := &w.Publication
	names, err := site.Build(publish.SiteConfig{Now: p.Site.Now, Memory: p.Site.Memory}, published(w.Weeks))
	if err != nil {
		return node.WithKind(node.Invalid, err)
	}
	i := slices.Index(node.PublishFormatNames(), p.Format)
	if i < 0 {
		return node.Errorf(node.Invalid, "there is no format %q", p.Format)
	}
	format := &node.PublishFormats[i]
	base, err := site.CheckBaseURL(p.Site.BaseURL)
	if err != nil {
		return node.WithKind(node.Invalid, err)
	}
	for _, week := range w.Weeks {
		slug := strings.TrimSuffix(strings.TrimPrefix(names.Pages[string(week.Event.ID)], "books/"), ".html")
		page := ""
		if base != "" {
			page = base + "books/" + slug + ".html"
		}
		var b bytes.Buffer
		if err := writeWeek(&b, format.Name, week, page); err != nil {
			return node.WithKind(node.Invalid, fmt.Errorf("%s: %w", week.Event.Title, err))
		}
		out.Files = append(out.Files, publish.File{Path: slug + format.Ext, Body: b.Bytes()})
	}
	out.Memory = names.Memory
	return nil
}

func published(weeks []qa.Week) []site.Week {
	out := make([]site.Week, len(weeks))
	for i := range weeks {
		out[i] = site.Week{Key: string(weeks[i].Event.ID), Published: publish.Publish(weeks[i])}
	}
	return out
}

// writeWeek writes one week as a file. page is the URL of the week on a site, "" if unknown.
func writeWeek(w io.Writer, format string, week qa.Week, page string) error {
	switch format {
	case "jekyll":
		return publish.WriteJekyllAt(w, week, page)
	case "markdown":
		return publish.WriteMarkdown(w, week)
	case "json":
		return publish.WritePublishedJSON(w, week)
	case "csv":
		return publish.WriteCSV(w, week)
	}
	return node.Errorf(node.Invalid, "the format %q does not write a week as one file", format)
}
