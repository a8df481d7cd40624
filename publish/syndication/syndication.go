// Package syndication writes published weeks as feeds for feed readers: Atom (RFC 4287) with
// in-reply-to links (RFC 4685), and JSON Feed 1.1.
//
// The same values give the same bytes. An entry keeps its ID when it is published again, so
// that no feed reader shows it twice. Texts are HTML that package markdown made safe.
package syndication

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"time"

	"flyleaf/markdown"
	"flyleaf/markdown/mathml"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/weekfile"
)

// The media types of the two formats.
const (
	AtomType = "application/atom+xml"
	JSONType = "application/feed+json"
)

// Feed is a list of entries, the newest first.
type Feed struct {
	ID       string // an IRI that never changes
	Title    string
	Subtitle string
	Home     string // address of the feed's page
	Self     string // address of this feed
	Language string // BCP 47; "" when it is not known
	Authors  []string
	Entries  []Entry
}

// Entry is one post in a feed.
type Entry struct {
	ID      string // an IRI that never changes
	URL     string
	Title   string // plain text
	HTML    string // safe, see package markdown
	Summary string // plain text
	Authors []string
	Image   string // address of a picture, "" for none
	// PublishedMillis is 0 when it is not known. UpdatedMillis is never 0.
	PublishedMillis, UpdatedMillis int64
	Tags                           []string
	// ReplyTo and ReplyToURL name the entry that this one replies to.
	ReplyTo, ReplyToURL string
}

type atomFeed struct {
	XMLName  xml.Name     `xml:"http://www.w3.org/2005/Atom feed"`
	Thr      string       `xml:"xmlns:thr,attr"`
	Language string       `xml:"xml:lang,attr,omitempty"`
	ID       string       `xml:"id"`
	Title    string       `xml:"title"`
	Subtitle string       `xml:"subtitle,omitempty"`
	Updated  string       `xml:"updated"`
	Links    []atomLink   `xml:"link"`
	Authors  []atomPerson `xml:"author"`
	Made     string       `xml:"generator"`
	Entries  []atomEntry  `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomPerson struct {
	Name string `xml:"name"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

type atomReply struct {
	Ref  string `xml:"ref,attr"`
	Href string `xml:"href,attr,omitempty"`
	Type string `xml:"type,attr,omitempty"`
}

type atomTag struct {
	Term string `xml:"term,attr"`
}

type atomEntry struct {
	ID        string       `xml:"id"`
	Title     string       `xml:"title"`
	Published string       `xml:"published,omitempty"`
	Updated   string       `xml:"updated"`
	Links     []atomLink   `xml:"link"`
	Authors   []atomPerson `xml:"author"`
	Tags      []atomTag    `xml:"category"`
	ReplyTo   *atomReply   `xml:"thr:in-reply-to"`
	Summary   string       `xml:"summary,omitempty"`
	Content   *atomText    `xml:"content"`
}

func rfc3339(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// updated returns the time of the newest entry.
func (f *Feed) updated() int64 {
	newest := int64(0)
	for i := range f.Entries {
		newest = max(newest, f.Entries[i].UpdatedMillis)
	}
	return newest
}

// WriteAtom writes f as Atom. Errors are those of writing to w.
func WriteAtom(w io.Writer, f Feed) error {
	out := atomFeed{
		Thr: "http://purl.org/syndication/thread/1.0", Language: f.Language, ID: f.ID, Title: f.Title, Subtitle: f.Subtitle,
		Updated: rfc3339(f.updated()), Made: "Flyleaf",
		Links: []atomLink{{Rel: "self", Type: AtomType, Href: f.Self}, {Rel: "alternate", Type: "text/html", Href: f.Home}},
	}
	// RFC 4287 requires an author for every entry, or else for the feed.
	out.Authors = persons(f.Authors)
	if len(out.Authors) == 0 {
		out.Authors = []atomPerson{{f.Title}}
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		a := atomEntry{
			ID: e.ID, Title: e.Title, Updated: rfc3339(e.UpdatedMillis), Summary: e.Summary, Authors: persons(e.Authors),
			Links: []atomLink{{Rel: "alternate", Type: "text/html", Href: e.URL}},
		}
		if e.HTML != "" {
			a.Content = &atomText{"html", e.HTML}
		}
		if e.PublishedMillis != 0 {
			a.Published = rfc3339(e.PublishedMillis)
		}
		if e.ReplyTo != "" {
			a.ReplyTo = &atomReply{e.ReplyTo, e.ReplyToURL, "text/html"}
		}
		for _, t := range e.Tags {
			a.Tags = append(a.Tags, atomTag{t})
		}
		out.Entries = append(out.Entries, a)
	}
	b := bytes.NewBufferString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", " ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write an Atom feed: %w", err)
	}
	b.WriteByte('\n')
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write an Atom feed: %w", err)
	}
	return nil
}

func persons(names []string) []atomPerson {
	var out []atomPerson
	for _, n := range names {
		if n != "" {
			out = append(out, atomPerson{n})
		}
	}
	return out
}

type jsonAuthor struct {
	Name string `json:"name"`
}

type jsonFeed struct {
	Version     string       `json:"version"`
	Title       string       `json:"title"`
	Home        string       `json:"home_page_url,omitempty"`
	Self        string       `json:"feed_url,omitempty"`
	Description string       `json:"description,omitempty"`
	Language    string       `json:"language,omitempty"`
	Authors     []jsonAuthor `json:"authors,omitempty"`
	Items       []jsonItem   `json:"items"`
}

type jsonItem struct {
	ID        string       `json:"id"`
	URL       string       `json:"url,omitempty"`
	Title     string       `json:"title,omitempty"`
	HTML      string       `json:"content_html"`
	Summary   string       `json:"summary,omitempty"`
	Image     string       `json:"image,omitempty"`
	Published string       `json:"date_published,omitempty"`
	Modified  string       `json:"date_modified,omitempty"`
	Authors   []jsonAuthor `json:"authors,omitempty"`
	Tags      []string     `json:"tags,omitempty"`
	Thread    *jsonThread  `json:"_flyleaf,omitempty"`
}

// jsonThread is an extension of JSON Feed: the entry that this one replies to.
type jsonThread struct {
	ReplyTo string `json:"in_reply_to"`
}

// WriteJSON writes f as JSON Feed 1.1. Errors are those of writing to w.
func WriteJSON(w io.Writer, f Feed) error {
	out := jsonFeed{
		Version: "https://jsonfeed.org/version/1.1", Title: f.Title, Home: f.Home, Self: f.Self, Description: f.Subtitle,
		Language: f.Language, Authors: authors(f.Authors), Items: []jsonItem{},
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		item := jsonItem{
			ID: e.ID, URL: e.URL, Title: e.Title, HTML: e.HTML, Summary: e.Summary, Image: e.Image,
			Modified: rfc3339(e.UpdatedMillis), Authors: authors(e.Authors), Tags: e.Tags,
		}
		if e.PublishedMillis != 0 {
			item.Published = rfc3339(e.PublishedMillis)
		}
		if e.ReplyTo != "" {
			item.Thread = &jsonThread{e.ReplyTo}
		}
		out.Items = append(out.Items, item)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write a JSON feed: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write a JSON feed: %w", err)
	}
	return nil
}

func authors(names []string) []jsonAuthor {
	var out []jsonAuthor
	for _, p := range persons(names) {
		out = append(out, jsonAuthor(p))
	}
	return out
}

// PostHTML renders a post of a published week, with its formulas.
func PostHTML(e *qa.Event, text string) template.HTML {
	if e.HasMath() {
		return markdown.PostHTML(text, mathml.FromTeX)
	}
	return markdown.HTML(text)
}

// MaxEntries bounds the feed of a week, which has the newest entries.
const MaxEntries = 200

// OfWeek returns the feed of a week: its questions and replies. page is the address of the
// week's page, id an IRI of the week that never changes.
func OfWeek(p publish.Published, id, page string) Feed {
	e := &p.Event
	f := Feed{ID: id, Title: e.Title, Subtitle: e.Authors, Home: page, Language: e.Language, Authors: people.SplitNames(e.Authors)}
	if e.Authors != "" {
		f.Title += ", with " + e.Authors
	}
	add := func(q *publish.PublishedThread, x *publish.PublishedPost, reply bool) {
		if x.Placeholder != "" {
			return
		}
		at := x.AtMillis
		if at == 0 {
			at = e.StartsAtMillis
			if x.BeforeMillis != 0 { // the week may start in the future; an entry's date must not be there
				at = min(at, x.BeforeMillis)
			}
		}
		name := x.ShownName()
		who := name
		if x.Not != "" {
			who += " (" + x.Not + ")"
		}
		entry := Entry{
			ID: id + "#" + weekfile.Anchor(x.ID), URL: page + "#" + weekfile.Anchor(x.ID), HTML: `<div dir="auto">` + string(PostHTML(e, x.Text)) + "</div>", Authors: []string{name},
			PublishedMillis: x.AtMillis, UpdatedMillis: max(at, 1), Summary: markdown.Line(x.Text, 200),
		}
		entry.Title = who + " asks: " + markdown.Line(x.Text, 80)
		entry.Tags = []string{"question"}
		if reply {
			entry.Tags, entry.Title = []string{"reply"}, who+" replies: "+markdown.Line(x.Text, 80)
			if x.Author {
				entry.Tags, entry.Title = []string{"answer"}, who+" answers: "+markdown.Line(x.Text, 80)
			}
			entry.ReplyTo, entry.ReplyToURL = id+"#"+weekfile.Anchor(q.ID), page+"#"+weekfile.Anchor(q.ID)
		}
		f.Entries = append(f.Entries, entry)
	}
	for i := range p.Threads {
		t := &p.Threads[i]
		add(t, &t.PublishedPost, false)
		for j := range t.Replies {
			add(t, &t.Replies[j], true)
		}
	}
	f.Newest(MaxEntries)
	return f
}
