package site

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flyleaf/publish"
	"flyleaf/qa"
)

var keep = flag.String("keep", "", "write the sites of the tests below this directory, to look at")

var (
	robin = qa.Identity(strings.Repeat("1a", 32))
	ilse  = qa.Identity(strings.Repeat("2b", 32))
	maren = qa.Identity(strings.Repeat("3c", 32))
	dag   = qa.Identity(strings.Repeat("4d", 32))
	obi   = qa.Identity(strings.Repeat("5e", 32))
)

// said returns one post of the sample.
func said(n int, by qa.Identity, parent qa.PostID, at int64, text string) qa.Post {
	op := qa.OpID{Counter: uint64(n * 10), Actor: string(by)}
	return qa.Post{
		ID: qa.MakePostID(by, []byte("actor-of-a-test"), op.Counter), Parent: parent, By: by, AtMillis: at, Op: op, AuthorThen: by == ilse,
		Revisions: []qa.Revision{{ID: "r", Text: text, AtMillis: at, Op: op}},
	}
}

var monday = time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)

// sample is a week with every kind of content.
func sample() qa.Week {
	e := qa.Event{
		ID: "sample", Kind: "event", Access: "open", Founder: robin, Title: "The Patient Ledger", Authors: "Ilse Marrow, Teodor Anand", Zone: "Europe/Lisbon", Prizes: 3,
		Description: "Append-only thinking for people who would like to *sleep at night*.\n\nTwo authors, one ledger, and what a bakery taught them about it.",
		Links:       []qa.Link{{Text: "The publisher’s page", URL: "https://example.org/ledger"}, {Text: "bad", URL: "javascript:alert(1)"}},
		Roles:       []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}},
	}
	e.SetWeek(2026, 11, 9, time.UTC)
	at := func(day, hour, minute int) int64 {
		return monday.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute).UnixMilli()
	}
	q := said(1, maren, "", at(0, 9, 4), "I run the books of a small choir with 40 members and one bank account. Two things I cannot settle:\n\n1. At what size does an append-only ledger begin to pay?\n2. May nothing ever be changed, not even a typing mistake in a name?")
	q.Reactions = []qa.Reaction{{By: dag, Emoji: qa.WantEmoji}, {By: obi, Emoji: qa.WantEmoji}}
	a := said(2, ilse, q.ID, at(0, 11, 40), "A choir is exactly the right size.\n\n- Keep the spreadsheet for a month\n- Count who asks “who changed this?”\n\n```\n02 Nov  fee      M. Hult  +20.00    and a line that is much too long for a telephone to show without scrolling\n```")
	b := said(3, obi, a.ID, at(0, 13, 15), "We did this for a co-op. Lock the *sheet*.")
	hidden := said(4, dag, "", at(1, 8, 0), "HIDDENWORDS buy watches")
	hidden.Marks.Hidden = "advertises"
	gone := said(5, dag, "", at(1, 9, 0), "WITHDRAWNWORDS")
	gone.Withdrawn = true
	stays := said(6, ilse, gone.ID, at(1, 10, 0), "No need to be embarrassed.")
	blocked := said(7, dag, "", at(1, 11, 0), "BLOCKEDWORDS")
	blocked.Blocked = true
	none := said(8, dag, "", at(2, 11, 0), "</script><img src=x onerror=alert(1)> What of <b>the eraser</b>?")
	none.X = map[string]string{qa.XReactions: `[{"emoji":"👏","count":18,"by":["Kim"]}]`}
	late := said(9, maren, "", monday.AddDate(0, 0, 6).UnixMilli(), "Too late? See https://example.org/a/very/long/address/that/does/not/end/anywhere/soon/and/goes/on/and/on.html")
	late.Late, late.Marks.Approved = true, true
	people := []qa.Person{
		{ID: robin, Name: "Robin Vale"},
		{ID: ilse, Name: "Ilse Marrow"},
		{ID: maren, Name: "Maren Holt"},
		{ID: dag, Name: "DAGNAME Wille", PublishAs: "none"},
		{ID: obi, Name: "Obi TAMSIN", PublishAs: "initials"},
	}
	return qa.NewWeek(e, []qa.Post{q, a, b, hidden, gone, stays, blocked, none, late}, people)
}

// samples are three weeks: one over, one in progress, one coming.
func samples() []Week {
	over := Week{Key: "over", Published: publish.Publish(sample())}
	now := qa.Event{Title: "Small Weather", Authors: "Aino Berglund", Founder: robin}
	now.SetWeek(2026, 11, 16, time.UTC)
	next := qa.Event{Title: "The Cartographer’s Queue", Authors: "Bao Linh Sørensen", Founder: robin}
	next.SetWeek(2026, 11, 23, time.UTC)
	return []Week{
		over,
		{Key: "now", Published: publish.Publish(qa.NewWeek(now, nil, nil)), Cover: tinyPNG()},
		{Key: "next", Published: publish.Publish(qa.NewWeek(next, nil, nil))},
	}
}

func tinyPNG() []byte {
	p := picture{Title: "Cover", CoverColour: 2}
	return p.draw()
}

var config = publish.SiteConfig{Title: "The Lamplight Readers", BaseURL: "https://books.example/club", Now: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)}

func build(t testing.TB, c publish.SiteConfig, weeks []Week) (Site, map[string]string) {
	t.Helper()
	s, err := Build(c, weeks)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range s.Files {
		if _, twice := files[f.Path]; twice {
			t.Errorf("%s stands twice in the site", f.Path)
		}
		files[f.Path] = string(f.Body)
	}
	if *keep != "" {
		dir := filepath.Join(*keep, strings.ReplaceAll(t.Name(), "/", "-"))
		for p, body := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, p), []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, files
}

func TestSite(t *testing.T) {
	_, files := build(t, config, samples())
	page := files["books/20261109-the-patient-ledger.html"]
	for _, isolated := range []string{`<h1 dir="auto">The Patient Ledger</h1>`, "<b><bdi>Maren Holt</bdi></b> <i>asks</i>", "to <bdi>Ilse Marrow</bdi>", `<div class="words" dir="auto">`} {
		if !strings.Contains(page, isolated) {
			t.Errorf("the page does not hold %q", isolated)
		}
	}
	page = strings.NewReplacer("<bdi>", "", "</bdi>", "", ` dir="auto"`, "").Replace(page)
	for _, want := range []string{
		"<h1>The Patient Ledger</h1>", "9 to 13 November 2026", "Ilse Marrow and Teodor Anand", "<em>sleep at night</em>", "https://example.org/ledger",
		"Maren Holt", "O. T.</b> <i>adds, to Ilse Marrow", "Anonymous</b> <i>asks", "3 copies to win", "withdrawn by its writer", "No need to be embarrassed", "👏 18",
		`<span class="badge author">Author</span>`, "After closing", `<b>2</b> <span>want this`, `content="https://books.example/club/pictures/20261109-the-patient-ledger.png"`,
		`<link rel="canonical" href="https://books.example/club/books/20261109-the-patient-ledger.html">`, `datetime="2026-11-09T09:04:00Z"`, "Monday", "default-src 'none'",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	for path, body := range files {
		for _, never := range []string{"HIDDENWORDS", "WITHDRAWNWORDS", "BLOCKEDWORDS", "DAGNAME", "TAMSIN", "javascript:", string(dag), "ZgotmplZ"} {
			if strings.Contains(body, never) {
				t.Errorf("%s holds %q", path, never)
			}
		}
		if strings.HasSuffix(path, ".html") && strings.Contains(body, "<img src=x") {
			t.Errorf("%s holds an element of a reader's", path)
		}
	}
	index := files["index.html"]
	for _, want := range []string{"This week", "Small Weather", "Upcoming", "Cartographer", ">2026<", "4 questions", "covers/", `href="books/20261109-the-patient-ledger.html"`} {
		if !strings.Contains(index, want) {
			t.Errorf("the first page does not hold %q", want)
		}
	}
	for _, p := range []string{"feed.atom", "feed.json", "calendar.ics", "sitemap.xml", "robots.txt", "search/about.js", "books/20261109-the-patient-ledger.ics", "books/20261109-the-patient-ledger.atom"} {
		if files[p] == "" {
			t.Errorf("there is no %s", p)
		}
	}
	if _, kind, err := image.DecodeConfig(strings.NewReader(files["pictures/20261109-the-patient-ledger.png"])); err != nil || kind != "png" {
		t.Errorf("the picture is %q: %v", kind, err)
	}
}

// TestEqualInputGivesEqualSites: the same values give the same bytes, in any order of the weeks, and
// again with the Memory of the last Build. Then no picture is drawn twice.
func TestEqualInputGivesEqualSites(t *testing.T) {
	first, files := build(t, config, samples())
	again := config
	again.Memory = first.Memory
	again.Now = again.Now.Add(time.Hour)
	again.Unmodified = func(p string) []byte { return []byte(files[p]) }
	weeks := samples()
	slices.Reverse(weeks)
	second, _ := build(t, again, weeks)
	if len(first.Files) != len(second.Files) {
		t.Fatalf("%d files, then %d", len(first.Files), len(second.Files))
	}
	for i := range first.Files {
		if first.Files[i].Path != second.Files[i].Path || !bytes.Equal(first.Files[i].Body, second.Files[i].Body) {
			t.Errorf("%s is another the second time", first.Files[i].Path)
		}
	}
}

// TestAddressesArePermanent: a page keeps its address when the title changes, and two weeks with the
// same name have different addresses.
func TestAddressesArePermanent(t *testing.T) {
	weeks := samples()
	weeks = append(weeks, Week{Key: "zzz", Published: weeks[0].Published})
	first, _ := build(t, config, weeks)
	if first.Pages["over"] != "books/20261109-the-patient-ledger.html" || first.Pages["zzz"] != "books/20261109-the-patient-ledger-2.html" {
		t.Fatalf("%v", first.Pages)
	}
	c := config
	c.Memory = first.Memory
	renamed := samples()
	renamed[0].Published.Event.Title = "Another Title"
	renamed = append(renamed, Week{Key: "aaa", Published: weeks[0].Published}, weeks[3])
	second, files := build(t, c, renamed)
	if second.Pages["over"] != first.Pages["over"] || second.Pages["zzz"] != first.Pages["zzz"] || second.Pages["aaa"] != "books/20261109-the-patient-ledger-3.html" {
		t.Errorf("%v", second.Pages)
	}
	if !strings.Contains(files[second.Pages["over"]], "Another Title") {
		t.Error("the new title is not on the page")
	}
}

func TestSiteWithoutAnAddress(t *testing.T) {
	c := config
	c.BaseURL = ""
	_, files := build(t, c, samples())
	for p, body := range files {
		if strings.HasPrefix(p, "pictures/") || strings.HasSuffix(p, ".atom") || p == "sitemap.xml" || p == "feed.json" {
			t.Errorf("%s needs an address", p)
		}
		if strings.Contains(body, "canonical") && strings.HasSuffix(p, ".html") {
			t.Errorf("%s has a canonical address", p)
		}
	}
	for _, bad := range []string{"books.example", "ftp://x/", "https://x/?q", "https://x/#y", "https://u:p@x/", "https://", "https://x/?"} {
		c.BaseURL = bad
		if _, err := Build(c, nil); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestRulesSayTheDaysOfTheWeek: the rules name the days that each week has; those of the first page are the
// days of the current week.
func TestRulesSayTheDaysOfTheWeek(t *testing.T) {
	rulesOf := func(page string) string {
		page = page[strings.Index(page, `id="rules"`):]
		return strings.Join(strings.Fields(page[:strings.Index(page, "</section>")]), " ")
	}
	now := qa.Event{Title: "Small Weather", Founder: robin}
	now.SetWeek(2026, 11, 18, time.UTC) // Wednesday
	past := qa.Event{Title: "Read Long Ago", Founder: robin, StartsAtMillis: time.Date(2021, 3, 8, 0, 0, 0, 0, time.UTC).UnixMilli(), EndsAtMillis: time.Date(2021, 3, 13, 0, 0, 0, 0, time.UTC).UnixMilli()}
	long := qa.Event{Title: "Two Weeks", Founder: robin, StartsAtMillis: time.Date(2026, 12, 7, 9, 0, 0, 0, time.UTC).UnixMilli(), EndsAtMillis: time.Date(2026, 12, 18, 18, 0, 0, 0, time.UTC).UnixMilli()}
	undated := qa.Event{Title: "Some Day", Founder: robin}
	week := func(key string, e qa.Event) Week {
		return Week{Key: key, Published: publish.Publish(qa.NewWeek(e, nil, nil))}
	}
	_, files := build(t, config, []Week{week("now", now), week("past", past), week("long", long), week("undated", undated)})
	for path, want := range map[string][]string{
		"books/20261118-small-weather.html": {"as you like, from Wednesday to Sunday.", "The authors answer from Wednesday to Saturday.", "On Sunday the authors choose"},
		"books/20210308-read-long-ago.html": {"as you like, from Monday to Friday.", "The authors answer the questions.", "<li>The authors choose"},
		"books/20261207-two-weeks.html":     {"as you like, from 7 to 18 December 2026, 18:00."},
		"books/some-day.html":               {"as you like. First"},
		"index.html":                        {"as you like, from Wednesday to Sunday.", "On Sunday the authors choose"},
	} {
		page, ok := files[path]
		if !ok {
			t.Fatalf("no %s among %v", path, slices.Sorted(maps.Keys(files)))
		}
		for _, words := range want {
			if !strings.Contains(rulesOf(page), words) {
				t.Errorf("%s does not say %q: %s", path, words, rulesOf(page))
			}
		}
	}
	if !strings.Contains(files["index.html"], "Its authors answer from Wednesday to Saturday, and on Sunday they choose who wins a copy.") {
		t.Error("the first page does not say the days of the current week")
	}
	if page := files["books/20210308-read-long-ago.html"]; !strings.Contains(page, "8 to 12 March 2021") || !strings.Contains(page, `"endDate":"2021-03-12"`) {
		t.Error("a week that ends at midnight lasts until the next day")
	}
	_, files = build(t, config, []Week{week("long", long)})
	if page := files["index.html"]; strings.Contains(rulesOf(page), "December") || !strings.Contains(page, "Its authors answer questions, and they choose who wins a copy.") {
		t.Error("the first page takes the dates of one week for those of all")
	}
}

func TestPictures(t *testing.T) {
	for i, p := range []picture{
		{Title: strings.Repeat("word ", 80), By: strings.Repeat("Name, ", 50), Club: strings.Repeat("x", 300), Days: "9 to 13 November 2026"},
		{Title: "数据密集型应用", By: "", CoverColour: 3},
		{Title: "", cover: []byte("not a picture")},
		{Title: "Ω й é", cover: tinyPNG()},
	} {
		b := p.draw()
		c, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err != nil || c.Width != pictureWidth || c.Height != pictureHeight {
			t.Errorf("%d: %v, %v", i, c, err)
		}
		if !bytes.Equal(b, p.draw()) {
			t.Errorf("%d is another the second time", i)
		}
		if *keep != "" {
			_ = os.WriteFile(filepath.Join(*keep, fmt.Sprintf("picture-%d.png", i)), b, 0o644)
		}
	}
	if faces().regular == nil || faces().italic == nil {
		t.Error("the fonts cannot be read")
	}
}

func TestTerms(t *testing.T) {
	for in, want := range map[string]string{
		"Ärger, don’t  PANIC-42": "arger don t panic 42",
		"ﬁne ΣΟΦΟΣ":              "fine σοφοσ",
		"读书 C++":                 "读 书 c",
		"":                       "",
		strings.Repeat("a", 50):  strings.Repeat("a", maxWord),
	} {
		var got []string
		terms(in, func(s string) { got = append(got, s) })
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}
