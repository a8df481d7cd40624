package syndication

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

const (
	page   = "https://books.example/books/x.html"
	id     = "urn:flyleaf:x"
	monday = 1_794_182_400_000
)

func week() publish.Published {
	return publish.Published{
		Event: qa.Event{Title: "Tides & <Winds>", Authors: "Orla Quist and Béla Szűcs", Language: "en", StartsAtMillis: monday},
		Threads: []publish.PublishedThread{
			{PublishedPost: publish.PublishedPost{ID: "q1", Name: "Mina", Text: "Why *now*? <b>", AtMillis: monday + 1000}, Replies: []publish.PublishedPost{
				{ID: "r1", Name: "Orla Quist", Text: "Because.", AtMillis: monday + 5000, Author: true},
				{ID: "r2", Name: "", Text: "Thanks \x01!"},
			}},
			{PublishedPost: publish.PublishedPost{ID: "slack:q2", Placeholder: publish.Withdrawn}, Replies: []publish.PublishedPost{{ID: "r3", Name: "Bo", Text: "Hm.", AtMillis: monday + 3000}}},
		},
	}
}

func feeds(t *testing.T, f Feed) (a, j []byte) {
	t.Helper()
	var b, c bytes.Buffer
	if err := WriteAtom(&b, f); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&c, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), c.Bytes()
}

// TestIndependentReadersReadBothFormats: a parser of another project reads the same feed from both
// formats.
func TestIndependentReadersReadBothFormats(t *testing.T) {
	f := OfWeek(week(), id, page)
	f.Self = "https://books.example/books/x.atom"
	a, j := feeds(t, f)
	for what, b := range map[string][]byte{"atom": a, "json": j} {
		got, err := gofeed.NewParser().Parse(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, b)
		}
		if got.Title != "Tides & <Winds>, with Orla Quist and Béla Szűcs" || got.FeedType != what || len(got.Items) != 4 || got.Language != "en" {
			t.Errorf("%s: %+v", what, got)
		}
		first := got.Items[0]
		if first.GUID != id+"#p-r1" || first.Link != page+"#p-r1" || first.Title != "Orla Quist answers: Because." || first.Authors[0].Name != "Orla Quist" {
			t.Errorf("%s: %+v", what, first)
		}
		if first.UpdatedParsed.UnixMilli() != monday+5000 || first.PublishedParsed.UnixMilli() != monday+5000 || first.Content != "<div dir=\"auto\"><p>Because.</p>\n</div>" {
			t.Errorf("%s: %+v", what, first)
		}
		if last := got.Items[3]; what == "json" && last.PublishedParsed != nil || last.UpdatedParsed.UnixMilli() != monday || last.Authors[0].Name != "Somebody" {
			t.Errorf("%s: %+v", what, last)
		}
	}
	parsed, err := (&atom.Parser{}).Parse(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	thr := parsed.Entries[0].Extensions["thr"]["in-reply-to"]
	if len(thr) != 1 || thr[0].Attrs["ref"] != id+"#p-q1" || thr[0].Attrs["href"] != page+"#p-q1" {
		t.Errorf("it replies to %+v", thr)
	}
	var raw struct {
		Version string
		Items   []struct {
			Thread struct {
				ReplyTo string `json:"in_reply_to"`
			} `json:"_flyleaf"`
		}
	}
	if err := json.Unmarshal(j, &raw); err != nil || raw.Version != "https://jsonfeed.org/version/1.1" || raw.Items[0].Thread.ReplyTo != id+"#p-q1" {
		t.Errorf("%+v, %v", raw, err)
	}
}

// TestAtomHasAllRequiredElements: every feed and entry has each required element once (RFC 4287, 4.1).
func TestAtomHasAllRequiredElements(t *testing.T) {
	a, _ := feeds(t, OfWeek(week(), id, page))
	var f struct {
		XMLName xml.Name
		ID      []string `xml:"id"`
		Title   []string `xml:"title"`
		Updated []string `xml:"updated"`
		Authors []string `xml:"author>name"`
		Entries []struct {
			ID      []string `xml:"id"`
			Title   []string `xml:"title"`
			Updated []string `xml:"updated"`
			Links   []struct {
				Rel string `xml:"rel,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal(a, &f); err != nil {
		t.Fatal(err)
	}
	if f.XMLName.Space != "http://www.w3.org/2005/Atom" || len(f.ID) != 1 || len(f.Title) != 1 || len(f.Updated) != 1 || len(f.Authors) < 1 {
		t.Errorf("%+v", f)
	}
	seen := map[string]bool{}
	for _, e := range f.Entries {
		if len(e.ID) != 1 || len(e.Title) != 1 || len(e.Updated) != 1 || len(e.Links) != 1 || e.Links[0].Rel != "alternate" || seen[e.ID[0]] {
			t.Errorf("%+v", e)
		}
		if _, err := time.Parse(time.RFC3339, e.Updated[0]); err != nil {
			t.Error(err)
		}
		seen[e.ID[0]] = true
	}
}

func TestFeedsContainNoUnsafeHTML(t *testing.T) {
	for _, text := range testfixture.XSS {
		p := week()
		p.Event.Title, p.Threads[0].Text, p.Threads[0].Name = text, text, text
		a, j := feeds(t, OfWeek(p, id, page))
		for what, b := range map[string][]byte{"atom": a, "json": j} {
			got, err := gofeed.NewParser().Parse(bytes.NewReader(b))
			if err != nil {
				t.Fatalf("%s: %q: %v", what, text, err)
			}
			for _, item := range got.Items {
				if low := strings.ToLower(item.Content); strings.Contains(low, "<script") || strings.Contains(low, "<img") || strings.Contains(low, `href="javascript`) {
					t.Errorf("%s: %q gives %s", what, text, item.Content)
				}
			}
		}
	}
}

// TestFeedsHaveNoFutureTimes: for a question by a writer with a wrong clock, the feed has the
// time of receipt. For a question with an unknown time, the feed has no time after its receipt.
func TestFeedsHaveNoFutureTimes(t *testing.T) {
	const received = monday - 3_600_000
	const ahead = monday + 1<<42 // 139 years
	e := qa.Event{Title: "Tides", Founder: "f", StartsAtMillis: monday}
	w := qa.NewWeek(e, []qa.Post{
		{ID: "q1", By: "a", AtMillis: ahead, ReceivedAtMillis: received, Op: qa.OpID{Counter: 1}, Revisions: []qa.Revision{{Text: "Ahead"}}},
		{ID: "q2", By: "f", AtMillis: monday + 1000, ReceivedAtMillis: received, Op: qa.OpID{Counter: 2}, Source: "page:1", Imported: new(true), OnBehalfOf: "Tino", Revisions: []qa.Revision{{Text: "Made up"}}},
	}, nil)
	f := OfWeek(publish.Publish(w), id, page)
	if len(f.Entries) != 2 {
		t.Fatalf("%+v", f.Entries)
	}
	for _, x := range f.Entries {
		if x.UpdatedMillis != received || x.PublishedMillis > received {
			t.Errorf("%s: published %s, updated %s", x.Title, rfc3339(x.PublishedMillis), rfc3339(x.UpdatedMillis))
		}
	}
	if f.updated() != received {
		t.Errorf("the feed is of %s", rfc3339(f.updated()))
	}
}
