package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html"

	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// long is a week of many questions: the one at most has as many replies too, and one
// repeats another that stands pages before it.
func long(questions, most, replies int) Week {
	e := qa.Event{Title: "The Long Week", Authors: "Ilse Marrow", Founder: robin, Description: "It does not end."}
	e.SetWeek(2026, 11, 9, monday.Location())
	p := publish.Published{Event: e}
	id := 0
	post := func(text string) publish.PublishedPost {
		id++
		return publish.PublishedPost{ID: fmt.Sprintf("post%d", id), Name: "Maren Holt", Text: text, AtMillis: monday.UnixMilli() + int64(id)*30_000}
	}
	for i := range questions {
		t := publish.PublishedThread{PublishedPost: post(fmt.Sprintf("Question number w%d of the week?", i+1))}
		if i == most {
			for j := range replies {
				r := post(fmt.Sprintf("Reply number r%d to it.", j+1))
				r.Author = j%2 == 0
				t.Replies = append(t.Replies, r)
			}
		}
		if i == questions-1 && i > 0 {
			t.DuplicateOf = "post1"
		}
		p.Threads = append(p.Threads, t)
	}
	return Week{Key: "long", Published: p}
}

// anchorsOf returns the ids of each page.
func anchorsOf(t *testing.T, files map[string]string) map[string]map[string]bool {
	t.Helper()
	out := map[string]map[string]bool{}
	for p, body := range files {
		if path.Ext(p) != ".html" {
			continue
		}
		out[p] = map[string]bool{}
		walk(parsePage(t, p, body), func(n *html.Node) {
			if id := attr(n, "id"); id != "" {
				if out[p][id] {
					t.Errorf("%s: the id %q stands twice", p, id)
				}
				out[p][id] = true
			}
		})
	}
	return out
}

// maxPage bounds a page of a week, in bytes, so that a phone with a slow connection can load it.
const maxPage = 1 << 20

func TestLongWeekHasManyPages(t *testing.T) {
	const questions, most, replies = 5000, 2500, 1200
	week := long(questions, most, replies)
	s, files := build(t, config, []Week{week, samples()[0]})
	const first, dir = "books/20261109-the-long-week.html", "books/20261109-the-long-week/"
	if s.Pages["long"] != first {
		t.Fatalf("%v", s.Pages)
	}
	anchors := anchorsOf(t, files)
	pages := []string{first}
	for n := 2; files[fmt.Sprintf("%s%d.html", dir, n)] != ""; n++ {
		pages = append(pages, fmt.Sprintf("%s%d.html", dir, n))
	}
	if len(pages) < (questions+replies)/pagePosts {
		t.Fatalf("%d pages", len(pages))
	}
	for p, body := range files {
		if strings.HasPrefix(p, "books/") && len(body) > maxPage {
			t.Errorf("%s has %d bytes", p, len(body))
		}
	}
	// Every post is on one page, in the order of the week.
	at, last := map[string]string{}, 0
	for _, p := range week.Published.Threads {
		for _, x := range append([]publish.PublishedPost{p.PublishedPost}, p.Replies...) {
			a := weekfile.Anchor(x.ID)
			for n, page := range pages {
				if !anchors[page][a] {
					continue
				}
				if at[a] != "" || n < last {
					t.Fatalf("%s stands on %s, and on %s", a, page, at[a])
				}
				at[a], last = page, n
			}
			if at[a] == "" {
				t.Fatalf("%s stands nowhere", a)
			}
		}
	}
	base, _ := url.Parse("https://books.example/club/")
	leads := func(from, to string) string {
		u, err := base.Parse(from)
		if err == nil {
			u, err = u.Parse(to)
		}
		if err != nil || u.Host != base.Host {
			return ""
		}
		p := strings.TrimPrefix(u.Path, base.Path)
		if p == "" {
			p = "index.html"
		}
		if _, there := files[p]; !there || u.Fragment != "" && !anchors[p][u.Fragment] {
			t.Errorf("%s: %s leads nowhere", from, to)
		}
		return p
	}
	for _, page := range pages {
		doc := parsePage(t, page, files[page])
		walk(doc, func(n *html.Node) {
			for _, key := range []string{"href", "src"} {
				if to := attr(n, key); to != "" {
					leads(page, to)
				}
			}
			if n.Data == "script" && attr(n, "type") == "application/ld+json" {
				var ld struct {
					Graph []struct {
						Items []struct {
							Item struct{ URL string } `json:"item"`
						} `json:"itemListElement"`
					} `json:"@graph"`
				}
				if err := json.Unmarshal([]byte(n.FirstChild.Data), &ld); err != nil {
					t.Errorf("%s: %v", page, err)
				}
				for _, g := range ld.Graph {
					for _, it := range g.Items {
						leads(page, it.Item.URL)
					}
				}
			}
		})
	}
	if !strings.Contains(files[pages[len(pages)-1]], `<a href="../../`+first+`#p-post1">Duplicate of an earlier question</a>`) {
		t.Error("the question that repeats the first does not lead to it")
	}
	for _, want := range []string{`rel="next"`, `aria-current="page">1<`, "page 1 of"} {
		if !strings.Contains(files[first], want) {
			t.Errorf("the first page does not hold %q", want)
		}
	}
	if strings.Contains(files[pages[1]], "It does not end.") || !strings.Contains(files[pages[1]], "The Long Week, page 2") {
		t.Error("the second page is not a second page")
	}
	// The thread that is longer than a page continues on the next page.
	if n := strings.Count(strings.Join([]string{files[pages[5]], files[pages[6]], files[pages[7]]}, ""), "earlier page"); n < 2 {
		t.Errorf("a thread of %d replies goes on %d times", replies, n)
	}

	// Search, feed and sitemap link to the page of each post.
	for p, body := range files {
		if strings.HasPrefix(p, "search/d") {
			var about struct {
				Weeks [][2]string `json:"weeks"`
			}
			unscript(t, files["search/about.js"], &about)
			var docs []searchDoc
			unscript(t, body, &docs)
			for _, d := range docs {
				page := about.Weeks[int(d[0].(float64))]
				to := page[1]
				if a := d[1].(string); a != "" {
					to += "#" + a
				}
				leads("", to)
			}
		}
	}
	f, err := gofeed.NewParser().ParseString(files[strings.TrimSuffix(first, ".html")+".atom"])
	if err != nil || len(f.Items) == 0 {
		t.Fatalf("%v", err)
	}
	for _, i := range f.Items {
		leads("", i.Link)
		if i.GUID != "urn:flyleaf:long#"+i.Link[strings.Index(i.Link, "#")+1:] {
			t.Errorf("the entry %s has the ID %s", i.Link, i.GUID)
		}
	}
	if n := strings.Count(files["sitemap.xml"], "the-long-week"); n != len(pages) {
		t.Errorf("the sitemap names %d of %d pages", n, len(pages))
	}
	// where.js lists all posts.
	var where [][2]any
	unscript(t, files[dir+"where.js"], &where)
	known := 0
	for _, w := range where {
		for _, a := range w[1].([]any) {
			known++
			if at[a.(string)] != "books/"+w[0].(string) {
				t.Fatalf("%s is said to stand on %s, and stands on %s", a, w[0], at[a.(string)])
			}
		}
	}
	if known != questions+replies {
		t.Errorf("where.js knows %d posts", known)
	}

	// A week that has become short keeps its further pages, which link to the first page. A week that
	// was always short has no further pages.
	c := config
	c.Memory = s.Memory
	_, short := build(t, c, []Week{long(3, 0, 0), samples()[0]})
	for _, p := range pages {
		if !strings.Contains(short[p], `data-where=`) {
			t.Errorf("%s is gone, or leads nowhere", p)
		}
	}
	if strings.Contains(short[first], "page 1 of") || short[dir+"where.js"] == "" || strings.Contains(short["sitemap.xml"], "long-week/") {
		t.Error("a week that has become short is shown as a long one")
	}
	_, one := build(t, config, []Week{long(3, 0, 0)})
	for p, body := range one {
		if strings.HasPrefix(p, dir) || strings.Contains(body, "data-where") && strings.HasSuffix(p, ".html") {
			t.Errorf("%s is of a week of many pages", p)
		}
	}
}

func unscript(t *testing.T, body string, v any) {
	t.Helper()
	_, value, _ := strings.Cut(body, ",")
	if err := json.Unmarshal([]byte(strings.TrimSuffix(value, ");\n")), v); err != nil {
		t.Fatalf("%v in %.100s", err, body)
	}
}

// TestDivide: a week like those of the archive has one page, and large posts also cause further pages.
func TestDivide(t *testing.T) {
	if n := len(divide(long(100, 3, 400).Published.Threads)); n != 1 {
		t.Errorf("500 posts stand on %d pages", n)
	}
	if n := len(divide(nil)); n != 1 {
		t.Errorf("no posts stand on %d pages", n)
	}
	big := long(40, 5, 40)
	for i := range big.Published.Threads {
		big.Published.Threads[i].Text = strings.Repeat("x", schema.MaxText)
		for j := range big.Published.Threads[i].Replies {
			big.Published.Threads[i].Replies[j].Text = strings.Repeat("y", schema.MaxText)
		}
	}
	parts := divide(big.Published.Threads)
	posts := 0
	for _, p := range parts {
		size := 0
		for i := range p.threads {
			th := &p.threads[i]
			if !th.continued {
				size += len(th.Text)
				posts++
			}
			for j := th.from; j < th.to; j++ {
				size += len(th.Replies[j].Text)
				posts++
			}
		}
		if size > pageBytes || len(p.threads) == 0 {
			t.Errorf("page %d has %d threads and %d bytes", p.number, len(p.threads), size)
		}
	}
	if posts != 80 {
		t.Errorf("%d posts of 80", posts)
	}
}

func TestBaseURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://books.example":                         "https://books.example/",
		"https://bücher.example/lese kreis/":            "https://xn--bcher-kva.example/lese%20kreis/",
		"https://BÜCHER.example:8080/größe":             "https://xn--bcher-kva.example:8080/gr%C3%B6%C3%9Fe/",
		"https://bu\u0308cher.example/gro\u0308\u00dfe": "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe/",
		"https://xn--bcher-kva.example/":                "https://xn--bcher-kva.example/",
		"https://b%C3%BCcher.example/":                  "https://xn--bcher-kva.example/", // as it was remembered before
		"https://例え.テスト/週":                              "https://xn--r8jz45g.xn--zckzah/%E9%80%B1/",
		"http://[::1]:8000/a":                           "http://[::1]:8000/a/",
		"http://localhost:8000":                         "http://localhost:8000/",
	} {
		got, err := CheckBaseURL(in)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if again, err := CheckBaseURL(got); err != nil || again != got {
			t.Errorf("%q, once more: %q, %v", got, again, err)
		}
	}
	for _, in := range []string{"https://books.example:99999/", "https://books.example:0"} {
		if got, err := CheckBaseURL(in); err == nil || !strings.Contains(err.Error(), "65535") {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	if _, err := CheckBaseURL("https://ü-\u200e.example/"); err == nil {
		t.Error("a host name that cannot be was taken")
	}
	c := config
	c.BaseURL = "https://bücher.example/größe"
	_, files := build(t, c, samples())
	for p, body := range files {
		if strings.Contains(body, "bücher.example") || strings.Contains(body, "b%C3%BCcher") {
			t.Errorf("%s holds a host name that is none", p)
		}
	}
}

// TestLongWeekInTheBrowser: a link to a post opens the page of the post, from a server and from a disk.
func TestLongWeekInTheBrowser(t *testing.T) {
	week := long(1200, 700, 600)
	_, files := build(t, config, []Week{week})
	dir := t.TempDir()
	for p, body := range files {
		at := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	const first = "/books/20261109-the-long-week.html"
	for how, base := range map[string]string{"served": server.URL, "disk": "file://" + dir} {
		t.Run(how, func(t *testing.T) {
			p := openPublished(t, base)
			last := week.Published.Threads[1199].ID
			for _, from := range []string{first, "/books/20261109-the-long-week/2.html"} {
				p.look(from+"#"+weekfile.Anchor(last), 1440, 900, "light")
				p.until("the last question, from "+from, `location.pathname.endsWith("/4.html") && document.querySelector(":target") && document.querySelector(":target").innerText.includes("w1200")`)
			}
			p.look("/books/20261109-the-long-week/4.html#p-post1", 1440, 900, "light")
			p.until("the first question", `location.pathname.endsWith("the-long-week.html") && document.querySelector(":target").innerText.includes("w1 ")`)
			p.look("/index.html?q=r599", 1440, 900, "light")
			p.until("a result", "document.querySelector('#results a')")
			if to := onPage[string](p, "document.querySelector('#results a').getAttribute('href')"); !strings.Contains(to, "the-long-week/") {
				t.Errorf("the search leads to %s", to)
			}
			for _, size := range []struct {
				name   string
				w, h   int64
				scheme string
			}{{"wide", 1440, 900, "light"}, {"phone", 390, 844, "dark"}} {
				for name, page := range map[string]string{"long-first": first, "long-third": "/books/20261109-the-long-week/3.html"} {
					p.look(page, size.w, size.h, size.scheme)
					if over := onPage[float64](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
						t.Errorf("%s, %s: %v pixels wider than the window", name, size.name, over)
					}
					if bad := onPage[[]string](p, faint); len(bad) > 0 {
						t.Errorf("%s, %s: faint text:\n%s", name, size.name, strings.Join(bad[:min(5, len(bad))], "\n"))
					}
				}
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.outside) > 0 || len(p.problems) > 0 {
				t.Errorf("requests that left: %v; the browser complains: %v", p.outside, p.problems)
			}
		})
	}
}
