package site

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"path"
	"strings"
	"testing"

	ical "github.com/arran4/golang-ical"
	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html"
)

// TestSiteIsValidForIndependentReaders: parsers of other projects accept every file, and every address
// in a file exists.
func TestSiteIsValidForIndependentReaders(t *testing.T) {
	_, files := build(t, config, samples())
	anchors := map[string]map[string]bool{}
	docs := map[string]*html.Node{}
	for p, body := range files {
		switch path.Ext(p) {
		case ".html":
			docs[p] = parsePage(t, p, body)
			anchors[p] = map[string]bool{}
			walk(docs[p], func(n *html.Node) {
				if id := attr(n, "id"); id != "" {
					if anchors[p][id] {
						t.Errorf("%s: the id %q stands twice", p, id)
					}
					anchors[p][id] = true
				}
			})
		case ".atom":
			f, err := gofeed.NewParser().ParseString(body)
			if err != nil || f.FeedType != "atom" || f.Link == "" || f.UpdatedParsed == nil {
				t.Errorf("%s: %v %+v", p, err, f)
			}
		case ".ics":
			cal, err := ical.ParseCalendar(strings.NewReader(body))
			if err != nil || len(cal.Events()) == 0 {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	f, err := gofeed.NewParser().ParseString(files["feed.json"])
	if err != nil || f.FeedType != "json" || len(f.Items) != 6 || f.Items[0].PublishedParsed == nil {
		t.Errorf("feed.json: %v %+v", err, f)
	}
	var sitemap struct {
		URLs []struct {
			Loc string `xml:"loc"`
		} `xml:"url"`
	}
	if err := xml.Unmarshal([]byte(files["sitemap.xml"]), &sitemap); err != nil || len(sitemap.URLs) != 4 {
		t.Errorf("%v: %+v", err, sitemap)
	}
	// leads reports whether an address on the page from is that of a file, and whether the address's
	// fragment is in that file.
	base, _ := url.Parse("https://books.example/club/")
	leads := func(from, to string) bool {
		u, err := base.Parse(from)
		if err == nil {
			u, err = u.Parse(to)
		}
		if err != nil || u.Host != base.Host {
			return err == nil // elsewhere
		}
		p := strings.TrimPrefix(u.Path, base.Path)
		if p == "" {
			p = "index.html"
		}
		_, there := files[p]
		return there && (u.Fragment == "" || anchors[p][u.Fragment])
	}
	for p, doc := range docs {
		walk(doc, func(n *html.Node) {
			for _, key := range []string{"href", "src"} {
				if to := attr(n, key); to != "" && !leads(p, to) {
					t.Errorf("%s: %s leads nowhere", p, to)
				}
			}
			if n.Data == "meta" && strings.HasPrefix(attr(n, "property"), "og:image") && strings.HasPrefix(attr(n, "content"), "http") && !leads(p, attr(n, "content")) {
				t.Errorf("%s: no picture at %s", p, attr(n, "content"))
			}
		})
	}
	for _, u := range sitemap.URLs {
		if !leads("", u.Loc) {
			t.Errorf("the sitemap's %s leads nowhere", u.Loc)
		}
	}
	for _, i := range f.Items {
		if !leads("", i.Link) {
			t.Errorf("the feed's %s leads nowhere", i.Link)
		}
	}
	checkStructured(t, docs["books/20261109-the-patient-ledger.html"], leads)
}

// checkStructured reads the JSON-LD of the sample's page without our types.
func checkStructured(t *testing.T, doc *html.Node, leads func(from, to string) bool) {
	t.Helper()
	var raw string
	walk(doc, func(n *html.Node) {
		if n.Data == "script" && attr(n, "type") == "application/ld+json" && n.FirstChild != nil {
			raw = n.FirstChild.Data
		}
	})
	var ld struct {
		Context string           `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal([]byte(raw), &ld); err != nil || ld.Context != "https://schema.org" || len(ld.Graph) != 2 {
		t.Fatalf("%v in %.200s", err, raw)
	}
	if e := ld.Graph[0]; e["@type"] != "Event" || e["startDate"] != "2026-11-09" || e["endDate"] != "2026-11-13" {
		t.Errorf("%v", e)
	}
	items := ld.Graph[1]["itemListElement"].([]any)
	if len(items) != 4 {
		t.Fatalf("%d items", len(items))
	}
	for i, it := range items {
		q := it.(map[string]any)["item"].(map[string]any)
		if q["@type"] != "DiscussionForumPosting" || q["headline"] == "" || !leads("", q["url"].(string)) {
			t.Errorf("%d: %v", i, q)
		}
		if gone := q["creativeWorkStatus"] == "Deleted"; gone == (q["author"] != nil) || gone == (q["text"] != nil) {
			t.Errorf("%d: %v", i, q)
		}
		comments, _ := q["comment"].([]any)
		for _, c := range comments {
			c := c.(map[string]any)
			if c["@type"] != "Comment" || c["author"].(map[string]any)["name"] == "" || c["datePublished"] == nil || !leads("", c["url"].(string)) {
				t.Errorf("%d: %v", i, c)
			}
		}
		if i == 0 && (len(comments) != 2 || q["interactionStatistic"].(map[string]any)["userInteractionCount"] != 2.0) {
			t.Errorf("%v", q)
		}
	}
}

// parsePage parses a page like a browser, and reports errors that browsers would correct: elements
// that are not closed where they were opened.
func parsePage(t *testing.T, name, body string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	void := map[string]bool{"meta": true, "link": true, "img": true, "br": true, "hr": true, "input": true}
	var open []string
	for z := html.NewTokenizer(strings.NewReader(body)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%s: %v are never closed", name, open)
			}
			return doc
		case html.StartTagToken:
			if tag, _ := z.TagName(); !void[string(tag)] {
				open = append(open, string(tag))
			}
		case html.EndTagToken:
			tag, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(tag) {
				t.Fatalf("%s: </%s> closes %v", name, tag, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func walk(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
