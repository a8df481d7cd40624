package node

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"flyleaf/publish"
	"flyleaf/publish/site"
	"flyleaf/qa"
)

// FormatSite publishes a static site; the other formats are one file for each week.
const FormatSite = "site"

// weekWriters write one week as a file whose name ends in ext. page is the address at which a
// site has the week, "" where it is not known.
var weekWriters = map[string]struct {
	ext   string
	write func(w io.Writer, week qa.Week, page string) error
}{
	"jekyll":   {".md", publish.WriteJekyllAt},
	"json":     {".json", func(w io.Writer, week qa.Week, _ string) error { return publish.WritePublishedJSON(w, week) }},
	"csv":      {".csv", func(w io.Writer, week qa.Week, _ string) error { return publish.WriteCSV(w, week) }},
	"markdown": {".md", func(w io.Writer, week qa.Week, _ string) error { return publish.WriteMarkdown(w, week) }},
}

// IsPublishFormat reports whether weeks can be published in a format.
func IsPublishFormat(format string) bool {
	_, ok := weekWriters[format]
	return ok || format == FormatSite
}

// Publication says what is published, and how. Event and Club exclude each other; with neither
// all weeks on this device that are open to everybody are published.
type Publication struct {
	Event  qa.EventID
	Club   qa.EventID // its weeks; the site takes name, description and language from it
	Format string
	// Site configures the site. Of it other formats use Now, BaseURL and Memory.
	Site site.Config
}

// Published is what a publication consists of.
type Published struct {
	Files   []site.File
	Memory  map[string]string // for Site.Memory of the next time
	Weeks   int
	Missing []MissingWeek // that the club lists and that are not published
}

// MissingWeek is a week that is not on this device, or by invitation only.
type MissingWeek struct {
	Event qa.EventID `json:"event"`
	Title string     `json:"title"`
}

// Publish makes the files of a publication. It writes nothing.
func Publish(ctx context.Context, n Node, p Publication) (Published, error) {
	weeks, missing, err := p.weeks(ctx, n)
	if err != nil {
		return Published{}, err
	}
	out := Published{Weeks: len(weeks), Missing: missing}
	if p.Format == FormatSite {
		err = p.site(ctx, n, weeks, &out)
	} else {
		err = p.files(weeks, &out)
	}
	return out, err
}

// weeks finds the weeks, and lets a club name the site.
func (p *Publication) weeks(ctx context.Context, n Node) (weeks []qa.Week, missing []MissingWeek, err error) {
	events, err := n.Library(ctx)
	if err != nil {
		return nil, nil, err
	}
	var ids []qa.EventID
	switch {
	case p.Event != "":
		ids = append(ids, p.Event)
	case p.Club != "":
		clubs, err := n.Clubs(ctx)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(clubs, func(e qa.Event) bool { return e.ID == p.Club })
		if i < 0 {
			return nil, nil, Errorf(NotFound, "%s is no club on this device; nothing was written", p.Club)
		}
		club := &clubs[i]
		p.Site.Title, p.Site.Description, p.Site.Language = cmp.Or(p.Site.Title, club.Title), club.Description, club.Language
		for _, w := range club.Weeks {
			if slices.ContainsFunc(events, func(s qa.Shelved) bool { return s.Event.ID == w.ID && s.Here() }) {
				ids = append(ids, w.ID)
			} else {
				missing = append(missing, MissingWeek{w.ID, w.Title})
			}
		}
	default:
		for i := range events {
			if e := &events[i].Event; events[i].Here() && e.Kind != "club" && e.Access != "invited" {
				ids = append(ids, e.ID)
			}
		}
	}
	for _, id := range ids {
		week, err := n.Week(ctx, id)
		switch {
		case err != nil:
			return nil, nil, err
		case week.Event.Founder == "":
			return nil, nil, Errorf(NotFound, "this event has not been fetched from its relay yet; nothing was written")
		case week.Event.Kind == "club":
			return nil, nil, Errorf(Invalid, "%s is a club, and its weeks are published, not the club itself; nothing was written", id)
		case p.Club != "" && week.Event.Access == "invited":
			missing = append(missing, MissingWeek{id, week.Event.Title})
			continue
		}
		week.Event.ID = id
		weeks = append(weeks, week)
	}
	if len(weeks) == 0 {
		return nil, nil, Errorf(NotFound, "there is no week to publish; nothing was written")
	}
	return weeks, missing, nil
}

func (p *Publication) site(ctx context.Context, n Node, weeks []qa.Week, out *Published) error {
	in := published(weeks)
	for i := range weeks {
		if key := weeks[i].Event.Cover; key != "" {
			picture, err := n.Blob(ctx, weeks[i].Event.ID, key)
			if err != nil && KindOf(err) != NotFound { // one that is not here yet is drawn
				return err
			}
			in[i].Cover = picture
		}
	}
	s, err := site.Build(p.Site, in)
	out.Files, out.Memory = s.Files, s.Memory
	return WithKind(Invalid, err)
}

func (p *Publication) files(weeks []qa.Week, out *Published) error {
	// The same names as on a site, kept in the same way.
	names, err := site.Build(site.Config{Now: p.Site.Now, Memory: p.Site.Memory}, published(weeks))
	if err != nil {
		return WithKind(Invalid, err)
	}
	w, ok := weekWriters[p.Format]
	if !ok {
		return Errorf(Invalid, "there is no format %q", p.Format)
	}
	base, err := site.CheckBaseURL(p.Site.BaseURL)
	if err != nil {
		return WithKind(Invalid, err)
	}
	for _, week := range weeks {
		slug := strings.TrimSuffix(strings.TrimPrefix(names.Pages[string(week.Event.ID)], "books/"), ".html")
		page := ""
		if base != "" {
			page = base + "books/" + slug + ".html"
		}
		var b bytes.Buffer
		if err := w.write(&b, week, page); err != nil {
			return WithKind(Invalid, fmt.Errorf("%s: %w", week.Event.Title, err))
		}
		out.Files = append(out.Files, site.File{Path: slug + w.ext, Body: b.Bytes()})
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
