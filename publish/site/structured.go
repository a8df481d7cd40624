package site

import (
	"encoding/json"
	"encoding/xml"
	"html/template"
	"strings"
	"time"

	"flyleaf/markdown"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/weekfile"
)

// What other programs can read on the site: JSON-LD in the vocabulary of schema.org, and the
// sitemap. A week is a list of DiscussionForumPostings with their Comments; schema.org's
// QAPage is for a single question that readers can still answer.

type ldPerson struct {
	Type string `json:"@type"`
	Name string `json:"name"`
}

type ldCount struct {
	Type        string `json:"@type"`
	Interaction string `json:"interactionType"`
	Count       int    `json:"userInteractionCount"`
}

type ldPost struct {
	Type       string    `json:"@type"`
	ID         string    `json:"@id"`
	Identifier string    `json:"identifier"`
	URL        string    `json:"url"`
	Headline   string    `json:"headline,omitempty"`
	Text       string    `json:"text,omitempty"`
	Published  string    `json:"datePublished,omitempty"`
	Author     *ldPerson `json:"author,omitempty"`
	Status     string    `json:"creativeWorkStatus,omitempty"` // "Deleted" for a replaced question
	Likes      *ldCount  `json:"interactionStatistic,omitempty"`
	Replies    int       `json:"commentCount,omitempty"`
	Comments   []ldPost  `json:"comment,omitempty"`
}

type ldItem struct {
	Type     string `json:"@type"`
	Position int    `json:"position"`
	Item     ldPost `json:"item"`
}

type ldBook struct {
	Type     string     `json:"@type"`
	Name     string     `json:"name"`
	Subtitle string     `json:"alternativeHeadline,omitempty"`
	Authors  []ldPerson `json:"author,omitempty"`
}

type ldEvent struct {
	Type   string  `json:"@type"`
	Name   string  `json:"name"`
	URL    string  `json:"url"`
	Start  string  `json:"startDate"`
	End    string  `json:"endDate,omitempty"`
	Mode   string  `json:"eventAttendanceMode"`
	About  ldBook  `json:"about"`
	Place  ldPlace `json:"location"`
	IsFree bool    `json:"isAccessibleForFree"`
}

type ldPlace struct {
	Type string `json:"@type"`
	URL  string `json:"url"`
}

type ldList struct {
	Type  string   `json:"@type"`
	Name  string   `json:"name"`
	Items []ldItem `json:"itemListElement"`
	Count int      `json:"numberOfItems"`
}

// structured returns the JSON-LD of a page: the week, and the posts on the page.
// encoding/json escapes <, > and &, so nothing in the JSON can end the script element around it.
func (b *builder) structured(w *week, p part) (template.JS, error) {
	page, here := b.address(w.path()), b.address(w.pagePath(p.number))
	if b.BaseURL == "" {
		page, here = escapePath(w.slug+".html"), ""
		if p.number > 1 {
			page = "../" + page
		}
	}
	book := ldBook{Type: "Book", Name: w.event.Title, Subtitle: w.event.Subtitle}
	for _, n := range people.SplitNames(w.event.Authors) {
		book.Authors = append(book.Authors, ldPerson{"Person", n})
	}
	graph := []any{}
	if w.event.StartsAtMillis != 0 {
		zone := w.event.Location()
		e := ldEvent{
			Type: "Event", Name: "Book of the week: " + w.event.Title, URL: page, About: book, IsFree: true,
			Start: time.UnixMilli(w.event.StartsAtMillis).In(zone).Format(time.DateOnly),
			Mode:  "https://schema.org/OnlineEventAttendanceMode", Place: ldPlace{"VirtualLocation", page},
		}
		if w.event.EndsAtMillis > w.event.StartsAtMillis {
			last, _ := qa.LastDay(w.event.EndsAtMillis, zone)
			e.End = last.Format(time.DateOnly)
		}
		graph = append(graph, e)
	} else {
		graph = append(graph, book)
	}
	list := ldList{Type: "ItemList", Name: "Questions and answers", Items: []ldItem{}}
	if here == "" && p.number == 1 {
		here = page
	}
	for i := range p.threads {
		t := &p.threads[i]
		q := ldPostOf(here, &t.PublishedPost, "DiscussionForumPosting")
		if t.continued {
			// Its text is on an earlier page; this page has further comments.
			q = ldPost{Type: "DiscussionForumPosting", Identifier: t.ID, ID: w.postAddress(b, p.number, weekfile.Anchor(t.ID))}
			q.URL = q.ID
		}
		q.Headline = markdown.Line(t.Text, 110)
		if t.Placeholder != "" {
			q.Headline, q.Status = placeholderWords[t.Placeholder], "Deleted"
		}
		if t.Wants > 0 {
			q.Likes = &ldCount{"InteractionCounter", "https://schema.org/LikeAction", t.Wants}
		}
		q.Replies = len(t.Replies)
		for j := t.from; j < t.to; j++ {
			q.Comments = append(q.Comments, ldPostOf(here, &t.Replies[j], "Comment"))
		}
		list.Items = append(list.Items, ldItem{"ListItem", t.index + 1, q})
	}
	list.Count = len(w.Published.Threads)
	if len(list.Items) > 0 {
		graph = append(graph, list)
	}
	out, err := json.Marshal(map[string]any{"@context": "https://schema.org", "@graph": graph})
	return template.JS(out), err //nolint:gosec // JSON with <, > and & escaped
}

// postAddress is the address of a post; without a BaseURL relative to a page of its week.
func (w *week) postAddress(b *builder, number int, anchor string) string {
	if b.BaseURL != "" {
		return b.onItsPage(w, b.address(w.path())+"#"+anchor)
	}
	return w.link(number, anchor)
}

func ldPostOf(page string, p *publish.PublishedPost, kind string) ldPost {
	at := page + "#" + weekfile.Anchor(p.ID)
	out := ldPost{Type: kind, ID: at, Identifier: p.ID, URL: at, Text: markdown.Text(p.Text)}
	if p.AtMillis != 0 {
		out.Published = time.UnixMilli(p.AtMillis).UTC().Format(time.RFC3339)
	}
	if p.Placeholder == "" {
		out.Author = &ldPerson{"Person", p.ShownName()}
	}
	return out
}

type sitemapURL struct {
	Loc string `xml:"loc"`
	Mod string `xml:"lastmod,omitempty"`
}

// sitemap lists the pages, each with the day of the newest post of its week.
func (b *builder) sitemap() {
	if b.BaseURL == "" {
		return
	}
	set := struct {
		XMLName xml.Name     `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
		URLs    []sitemapURL `xml:"url"`
	}{URLs: []sitemapURL{{Loc: b.BaseURL}}}
	newest := ""
	for _, w := range b.weeks {
		at := w.event.StartsAtMillis
		if at > b.Now.UnixMilli() {
			at = 0 // a future start is not a modification date
		}
		for i := range w.Published.Threads {
			t := &w.Published.Threads[i]
			at = max(at, t.AtMillis)
			for j := range t.Replies {
				at = max(at, t.Replies[j].AtMillis)
			}
		}
		u := sitemapURL{Loc: b.address(w.path())}
		if at > 0 {
			u.Mod = time.UnixMilli(at).UTC().Format(time.DateOnly)
			newest = max(newest, u.Mod)
		}
		for _, p := range w.parts {
			u.Loc = b.address(w.pagePath(p.number))
			set.URLs = append(set.URLs, u)
		}
	}
	set.URLs[0].Mod = newest
	body, err := xml.MarshalIndent(set, "", " ")
	if err != nil {
		return // it cannot fail for strings
	}
	b.files["sitemap.xml"] = append([]byte(xml.Header), append(body, '\n')...)
	b.files["robots.txt"] = []byte(strings.Join([]string{"User-agent: *", "Allow: /", "Sitemap: " + b.address("sitemap.xml"), ""}, "\n"))
}
