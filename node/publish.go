package node

import (
	"cmp"
	"context"
	"slices"

	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
)

// FormatSite is a static site. In the other formats each week is one file.
const FormatSite = "site"

// PublishFormat is a format of publications. Package convert writes them all.
type PublishFormat struct {
	Name, Words string
	Ext         string // of a week's file
}

// PublishFormats are the formats of publications; the first is the default.
var PublishFormats = [...]PublishFormat{
	{FormatSite, "a web site: pages, search, calendar and feeds", ""},
	{"jekyll", "pages for the _books folder of a Jekyll site", ".md"},
	{"markdown", "Markdown", ".md"},
	{"json", "JSON", ".json"},
	{"csv", "CSV, for spreadsheets", ".csv"},
}

// PublishFormatNames returns the names of PublishFormats.
func PublishFormatNames() []string {
	var names []string
	for i := range PublishFormats {
		names = append(names, PublishFormats[i].Name)
	}
	return names
}

// Publication says what to publish and how. Set Event or Club or neither; with neither, all
// public weeks on this device are published.
type Publication struct {
	Event  qa.EventID
	Club   qa.EventID // its weeks; the site's title, description and language are the club's
	Format string
	// Site configures the site. The other formats use only Now, BaseURL and Memory.
	Site publish.SiteConfig
}

// MissingWeek is a listed week that is not on this device or is invitation-only.
type MissingWeek struct {
	Event qa.EventID `json:"event"`
	Title string     `json:"title"`
}

// WeeksToPublish is a publication with all that its files are made from.
type WeeksToPublish struct {
	Publication Publication // with the site's title, description and language
	Weeks       []qa.Week
	Covers      [][]byte // one for each of Weeks; nil for none, and unless the files are a site
	Missing     []MissingWeek
}

// LoadWeeksToPublish loads the weeks of a publication.
func LoadWeeksToPublish(ctx context.Context, n Node, p Publication) (w WeeksToPublish, err error) {
	w.Weeks, w.Missing, err = p.weeks(ctx, n)
	if w.Publication = p; err != nil || p.Format != FormatSite {
		return w, err
	}
	w.Covers = make([][]byte, len(w.Weeks))
	for i := range w.Weeks {
		if key := w.Weeks[i].Event.Cover; key != "" {
			w.Covers[i], err = n.Blob(ctx, w.Weeks[i].Event.ID, key)
			if err != nil && KindOf(err) != NotFound { // the site draws a cover for a week whose picture is missing
				return w, err
			}
		}
	}
	return w, nil
}

// weeks loads the weeks to publish and, for a club, sets the site's title and description.
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
			return nil, nil, Errorf(NotFound, "there is no club %s on this device; nothing was written", p.Club)
		}
		club := &clubs[i]
		p.Site.Title, p.Site.Description, p.Site.Language = cmp.Or(p.Site.Title, club.Title), club.Description, club.Language
		for _, w := range club.Weeks {
			if slices.ContainsFunc(events, func(s qa.LibraryEntry) bool { return s.Event.ID == w.ID && s.Arrived() }) {
				ids = append(ids, w.ID)
			} else {
				missing = append(missing, MissingWeek{w.ID, w.Title})
			}
		}
	default:
		for i := range events {
			if e := &events[i].Event; events[i].Arrived() && e.Kind != schema.KindClub && e.Access != schema.AccessInvited {
				ids = append(ids, e.ID)
			}
		}
	}
	for _, id := range ids {
		week, err := FetchedWeek(ctx, n, id)
		switch {
		case err != nil:
			return nil, nil, err
		case week.Event.Kind == schema.KindClub:
			return nil, nil, Errorf(Invalid, "%s is a club, not a week; nothing was written. Publish the club's weeks instead", id)
		case p.Club != "" && week.Event.Access == schema.AccessInvited:
			missing = append(missing, MissingWeek{id, week.Event.Title})
			continue
		}
		weeks = append(weeks, week)
	}
	if len(weeks) == 0 {
		return nil, nil, Errorf(NotFound, "there is no week to publish; nothing was written")
	}
	return weeks, missing, nil
}
