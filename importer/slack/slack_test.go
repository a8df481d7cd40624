package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"flyleaf/importer"
	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/markdown"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
)

var botw = Options{Channel: "#book-of-the-week"}

func mustRead(t testing.TB, s *sample, opts Options) Export {
	t.Helper()
	x, err := Read(s.fs(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestGoldenExport(t *testing.T) {
	s := week()
	x := mustRead(t, s, botw)
	testfiles.GoldenJSON(t, "export.json", x)

	t.Run("every message is accounted for once", func(t *testing.T) {
		n := 0
		for file, list := range s.days {
			for i := range list {
				n++
				found := 0
				for _, o := range x.Outcomes {
					if o.File == file && o.Index == i {
						found++
						if o.Result == "" || o.Result == Skipped && o.Reason == "" {
							t.Errorf("%s has no result: %+v", o.Where(), o)
						}
					}
				}
				if found != 1 {
					t.Errorf("%s[%d] has %d outcomes", file, i, found)
				}
			}
		}
		if n != len(x.Outcomes) {
			t.Errorf("%d messages, %d outcomes", n, len(x.Outcomes))
		}
	})

	t.Run("as a ZIP, flat or in a directory, it is the same", func(t *testing.T) {
		for _, prefix := range []string{"", "My export 2021/"} {
			b := zipped(t, s.fs(), prefix)
			z, err := OpenZip("x.zip", bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Read(z, botw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, x) {
				t.Errorf("with the prefix %q it is another export", prefix)
			}
		}
	})

	t.Run("by the channel's ID it is the same", func(t *testing.T) {
		if got := mustRead(t, s, Options{Channel: "C1"}); !reflect.DeepEqual(got, x) {
			t.Error("another export")
		}
	})

	t.Run("exported and imported it is the same", func(t *testing.T) {
		for _, w := range x.Weeks {
			comesBack(t, w.Imported)
		}
	})
}

// comesBack writes a week as Jekyll and as JSON, reads both, and compares the results with the week.
func comesBack(t *testing.T, im qa.Imported) {
	t.Helper()
	week := asWeek(im)
	var b bytes.Buffer
	if err := publish.WriteJekyll(&b, week); err != nil {
		t.Fatal(err)
	}
	back, err := importer.ReadJekyll("x", b.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := publish.WriteJekyll(&again, asWeek(back)); err != nil {
		t.Fatal(err)
	}
	if again.String() != b.String() {
		t.Errorf("the second Jekyll page differs:\n%s\n%s", b.Bytes(), again.Bytes())
	}
	j := bytes.Buffer{}
	if err := publish.WriteJSON(&j, week); err != nil {
		t.Fatal(err)
	}
	fromJSON, err := importer.ReadJSON("x", j.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string][]qa.ImportedPost{"Jekyll": back.Posts, "JSON": fromJSON.Posts} {
		if len(got) != len(im.Posts) {
			t.Errorf("%s: %d posts, were %d", what, len(got), len(im.Posts))
			continue
		}
		for i := range got {
			g, w := got[i], im.Posts[i]
			g.Line = 0
			if !reflect.DeepEqual(g, w) {
				t.Errorf("%s: post %d is %+v\nwas %+v", what, i, g, w)
			}
		}
	}
	if back.Source != im.Source || fromJSON.Source != im.Source {
		t.Errorf("sources %s and %s, was %s", back.Source, fromJSON.Source, im.Source)
	}
}

func asWeek(im qa.Imported) qa.Week {
	me := qa.Identity(strings.Repeat("a1", 32))
	e := im.Event
	e.Founder = me
	posts := make([]qa.Post, len(im.Posts))
	for i := range im.Posts {
		p := &im.Posts[i]
		op := qa.OpID{Counter: uint64(100 + 10*i), Actor: string(me)}
		posts[i] = qa.Post{
			ID: qa.PostID(fmt.Sprintf("post-%d", i)), By: me, AtMillis: p.AtMillis, Op: op, OnBehalfOf: p.Name, Source: p.Source, Imported: new(true), AsAuthor: p.AsAuthor, X: p.X,
			Revisions: []qa.Revision{{Text: p.Text, AtMillis: p.AtMillis, Op: op}},
		}
		if p.Parent >= 0 {
			posts[i].Parent = posts[p.Parent].ID
		}
	}
	return qa.NewWeek(e, posts, nil)
}

func TestOneWeek(t *testing.T) {
	s := week()
	all := mustRead(t, s, botw)
	for _, day := range []int{8, 10, 14} {
		x := mustRead(t, s, Options{Channel: "book-of-the-week", Day: time.Date(2021, 3, day, 12, 0, 0, 0, time.UTC)})
		if len(x.Weeks) != 1 || x.Weeks[0].Monday != "2021-03-08" {
			t.Fatalf("day %d: %+v", day, x.Weeks)
		}
		for _, w := range all.Weeks {
			if w.Monday == "2021-03-08" && !reflect.DeepEqual(w, x.Weeks[0]) {
				t.Errorf("day %d: alone it is another week", day)
			}
		}
		if len(x.Outcomes) != len(all.Outcomes) {
			t.Errorf("%d outcomes, of all weeks %d", len(x.Outcomes), len(all.Outcomes))
		}
	}
	x := mustRead(t, s, Options{Channel: "C1", Day: time.Date(2021, 3, 8, 0, 0, 0, 0, time.UTC), Title: "Another", Authors: "Mina K."})
	if e := x.Weeks[0].Event; e.Title != "Another" || e.Authors != "Mina K." {
		t.Errorf("%+v", e)
	}
	if _, err := Read(s.fs(), Options{Channel: "C1", Title: "T"}); err == nil {
		t.Error("a title was taken for all weeks")
	}
	// West of Greenwich the week begins later, and earlier messages belong to the week before.
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip(err)
	}
	x = mustRead(t, s, Options{Channel: "C1", Zone: ny, Day: time.Date(2021, 3, 8, 12, 0, 0, 0, ny)})
	if e := x.Weeks[0].Event; e.Zone != "America/New_York" || e.StartsAtMillis != time.Date(2021, 3, 8, 5, 0, 0, 0, time.UTC).UnixMilli() {
		t.Errorf("%+v", e)
	}
}

func TestAnnouncements(t *testing.T) {
	s := week()
	x := mustRead(t, s, Options{Channel: "C1", KeepAnnouncements: true})
	for _, o := range x.Outcomes {
		if o.Result == Proposed {
			t.Errorf("left out: %+v", o)
		}
	}
	for words, want := range map[string]bool{
		"Hello, everyone! The book of this week is X by Y.":                                true,
		"The book of the week: X by Y":                                                     true,
		"Hello everyone! A reminder.":                                                      true,
		"@channel the author is here":                                                      true,
		"The lucky winners are A and B":                                                    true,
		"Please send me your emails in DM":                                                 true,
		"Hello everyone! I have a question: how do you test?":                              false,
		"Hi all, what is the book of this week is about?":                                  false,
		"I liked the book. Why tides?":                                                     false,
		"Thanks! What was the hardest chapter? I met the author here, everyone was @ease.": false,
	} {
		if got := announcement(words) != ""; got != want {
			t.Errorf("%q: %v", words, got)
		}
	}
	// An announcement that has a question as a reply is imported.
	s = newSample()
	lead := s.say(8, 8, "U5", "Hello, everyone! The book of this week is Tides by Orla Quist")
	s.say(8, 9, "U2", "Why tides?", in(lead))
	x = mustRead(t, s, Options{Channel: "C1"})
	if len(x.Weeks) != 1 || len(x.Weeks[0].Posts) != 2 || x.Weeks[0].Event.Title != "Tides" {
		t.Errorf("%+v", x.Weeks)
	}
}

// TestTitleAndAuthors: title and authors are found in the forms that announcements use.
func TestTitleAndAuthors(t *testing.T) {
	for words, want := range map[string]string{
		"Hi everyone! Book of the Week is *Design by Contract* by Ilse Marrow":                        "Design by Contract / Ilse Marrow",
		"The book of this week is Design by Contract by Ilse Marrow. Ask away!":                       "Design by Contract / Ilse Marrow",
		"Book of the week: *Borrowed Clocks*, by S. K. Marrow and Teodor Anand Jr. Ask away!":         "Borrowed Clocks / S. K. Marrow, Teodor Anand Jr",
		"The *book of the week* is “Trial by Fire” by Ilse Marrow, who joins us.":                     "Trial by Fire / Ilse Marrow",
		"The book of this week is <https://books.example/x|Tides by Night> by I. Marrow (12 copies!)": "Tides by Night / I. Marrow",
		"The book of this week is Tides by Ilse Marrow, translated by Bo Ek. It was suggested by Ann": "Tides / Ilse Marrow",
		"The book of this week is Tides by Ilse Marrow. Recommended by everybody and read by few.":    "Tides / Ilse Marrow",
		"The book of this week is Tides by Ilse Marrow\nBrought to you by a publisher":                "Tides / Ilse Marrow",
		"The book of this week is “Trial by Ann Lee: Essays” by Ilse Marrow":                          "Trial by Ann Lee: Essays / Ilse Marrow",
		"The book of this week is Tides, written by <@U77|orla> and <@U2>!":                           "Tides / orla, Mina K.",
		"The book of this week is Tides by :tada: everybody":                                          "Tides / ",
		"The book of this week is _Go, C. and Rust_ by A. B. & Cee Dee!":                              "Go, C. and Rust / A. B., Cee Dee",
	} {
		s := newSample()
		s.say(8, 8, "U5", words)
		s.say(8, 9, "U2", "Why?")
		x := mustRead(t, s, botw)
		if e := x.Weeks[0].Event; e.Title+" / "+e.Authors != want {
			t.Errorf("%q: %s / %s, want %s", words, e.Title, e.Authors, want)
		}
	}
}

func TestMarkdownOfSlack(t *testing.T) {
	r := &reader{users: map[string]user{"U1": {Display: "Orla_Q*"}}, channels: map[string]string{"C2": "random"}}
	for _, c := range []struct{ in, want, shown string }{
		{"plain words", "plain words", ""},
		{"*bold* and _italic_, ~gone~", "**bold** and _italic_, ~~gone~~", "<p><strong>bold</strong> and <em>italic</em>, <del>gone</del></p>"},
		{"*_both_*", "**_both_**", "<p><strong><em>both</em></strong></p>"},
		{"2*3*4 and a * b * c", `2\*3\*4 and a * b * c`, "<p>2*3*4 and a * b * c</p>"},
		{"snake_case and __init__ and _x", `snake_case and \_\_init\_\_ and \_x`, "<p>snake_case and __init__ and _x</p>"},
		{"a &lt;b&gt; &amp; &amp;lt;", `a <b> & \&lt;`, "<p>a &lt;b&gt; &amp; &amp;lt;</p>"},
		{"`*x* &lt; <https://a.example|b>`", "`*x* < b`", "<p><code>*x* &lt; b</code></p>"},
		{"see ```x &lt; y\n*z*``` ok", "see\n```\nx < y\n*z*\n```\n ok", ""},
		{"<https://a.example/x_y_z>", "https://a.example/x_y_z", ""},
		{"<https://a.example/x_y|some [words]>", `[some [words]](https://a.example/x_y)`, ""},
		{"<https://a.example/(x)|w>", "[w](https://a.example/%28x%29)", ""},
		{"<http://a.example|a.example>", "http://a.example", ""},
		{"<mailto:a@b.example|a@b.example>", "a@b.example", ""},
		{"<javascript:alert(1)|click>", "click", ""},
		{"<@U1> <@U9> <#C2> <#C3|named> <!here> <!subteam^S1|@team> <!date^1^x|8 March>", `@Orla_Q\* @U9 #random #named @here @team 8 March`, ""},
		{":tada: :+1::skin-tone-4: :party_blob: 10:30:45 :flag-de: :male-technologist::skin-tone-2:", "🎉 👍🏽 :party_blob: 10:30:45 🇩🇪 👨🏻‍💻", ""},
		{"• a\n    ◦ b\nafter", "- a\n  - b\n\nafter", ""},
		{"&gt; said\n&gt; more\nreply", "> said\n> more\n\nreply", ""},
		{"a\n&gt;&gt;&gt; all\nof it", "a\n> all\n> of it", ""},
		{"# no heading\n---\n1. one\n- two", "\\# no heading\n\\---\n1. one\n- two", ""},
		{"    four spaces", "four spaces", ""},
		{"a|b\n-|-\n1|2", "a|b\n-\\|-\n1|2", ""},
		{"\\*x\\*", `\\**x\\**`, `<p>\<strong>x\</strong></p>`},
		{"*a b * c*", `\*a b * c\*`, ""},
		{"", "", ""},
	} {
		got := r.mrkdwn(c.in, nil)
		if got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
		if shown := strings.TrimSpace(string(markdown.HTML(got))); c.shown != "" && shown != c.shown {
			t.Errorf("%q is shown as %q\nwant %q", c.in, shown, c.shown)
		}
	}
}

// TestLongMessages: a message in Slack can be longer than a post may be.
func TestLongMessages(t *testing.T) {
	s := newSample()
	text := strings.Repeat("A sentence of a very long question. ", 2000)
	s.say(8, 9, "U2", text)
	x := mustRead(t, s, botw)
	posts := x.Weeks[0].Posts
	if len(posts) != 3 || posts[1].Parent != 0 || posts[2].Parent != 0 {
		t.Fatalf("%d posts", len(posts))
	}
	whole := posts[0].Text + " " + posts[1].Text + " " + posts[2].Text
	if whole != strings.TrimSpace(text) {
		t.Error("words were lost")
	}
	if !strings.Contains(x.Outcomes[0].Reason, "continues in 2 replies") {
		t.Errorf("%+v", x.Outcomes[0])
	}
}

func TestRefused(t *testing.T) {
	broken := func(change func(s *sample)) fstest.MapFS {
		s := newSample()
		s.say(8, 9, "U2", "Why?")
		files := s.fs()
		change(s)
		return files
	}
	file := func(name, data string) func(s *sample) {
		return func(s *sample) { s.files[name] = &fstest.MapFile{Data: []byte(data)} }
	}
	for _, c := range []struct {
		name string
		fs   fstest.MapFS
		opts Options
		want error
	}{
		{"not an export", fstest.MapFS{"a.txt": {}}, botw, importer.ErrUnknownFormat},
		{"no channel named", broken(func(*sample) {}), Options{}, importer.ErrSyntax},
		{"no such channel", broken(func(*sample) {}), Options{Channel: "nope"}, ErrNoFolder},
		{"a channel outside", broken(func(*sample) {}), Options{Channel: "../x"}, ErrNoFolder},
		{"a channel that nobody wrote in, or that was renamed", broken(func(*sample) {}), Options{Channel: "random"}, ErrNoFolder},
		{"users that are no list", broken(file("users.json", `{"id":1}`)), botw, importer.ErrSyntax},
		{"a day cut short", broken(file("book-of-the-week/2021-03-09.json", `[{"type":"message"},`)), botw, importer.ErrSyntax},
		{"a day that is no JSON", broken(file("book-of-the-week/2021-03-09.json", "hello")), botw, importer.ErrSyntax},
		{"one huge message", broken(file("book-of-the-week/2021-03-09.json", `["`+strings.Repeat("x", 2*MaxElement)+`"]`)), botw, importer.ErrTooBig},
	} {
		_, err := Read(c.fs, c.opts)
		var input *importer.InputError
		if !errors.Is(err, c.want) || !errors.As(err, &input) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := OpenZip("x", bytes.NewReader([]byte("PK\x03\x04")), 4); !errors.Is(err, importer.ErrSyntax) {
		t.Errorf("%v", err)
	}
	if _, err := Read(broken(func(*sample) {}), Options{Channel: "random"}); err == nil || !strings.Contains(err.Error(), "It has messages of: book-of-the-week.") {
		t.Errorf("which folders there are is not said: %v", err)
	}
}

// TestZipBomb: reading stops early for a small ZIP that inflates to gigabytes.
func TestZipBomb(t *testing.T) {
	s := newSample()
	line := `{"type":"message","user":"U2","ts":"1615194000.000001","text":"` + strings.Repeat("x", 1<<20) + `"},`
	s.files["book-of-the-week/2021-03-08.json"] = &fstest.MapFile{Data: []byte("[" + strings.Repeat(line, 8) + `{}]`)}
	b := zipped(t, s.fs(), "")
	z, err := OpenZip("x", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	left := int64(4 << 20)
	_, err = each(z, "book-of-the-week/2021-03-08.json", &left, nil, func(int, json.RawMessage) error { return nil })
	if !errors.Is(err, importer.ErrTooBig) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	for file, list := range week().days {
		b, err := json.Marshal(list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, file)
	}
	f.Add([]byte(`[{"type":"message","user":"U1","text":"<@>|<!>*_~`+"`"+`>>>:x:","ts":"1.1","thread_ts":"2.2"},{"type":"message","user":"U1","text":"a","ts":"2.2","thread_ts":"1.1"}]`), "x")
	f.Fuzz(func(t *testing.T, day []byte, _ string) {
		s := newSample()
		s.files["book-of-the-week/2021-03-08.json"] = &fstest.MapFile{Data: day}
		x, err := Read(s.files, botw)
		if err != nil {
			var input *importer.InputError
			if !errors.As(err, &input) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		for _, o := range x.Outcomes {
			if o.Result == "" {
				t.Fatalf("no result: %+v", o)
			}
		}
		sources := map[string]bool{}
		for _, w := range x.Weeks {
			if err := w.Event.Validate(); err != nil {
				t.Fatal(err)
			}
			for i, p := range w.Posts {
				if p.Parent >= i || p.Name == "" || len(p.Text) > schema.MaxText || sources[p.Source] {
					t.Fatalf("post %d: %+v", i, p)
				}
				sources[p.Source] = true
			}
			comesBack(t, w.Imported)
		}
	})
}

// TestPublishedWeeksAreUnchangedByAnImport: the sample's weeks are the same after publishing and importing them again.
func TestPublishedWeeksAreUnchangedByAnImport(t *testing.T) {
	x := mustRead(t, week(), botw)
	if len(x.Weeks) == 0 {
		t.Fatal("the sample holds no weeks")
	}
	for _, w := range x.Weeks {
		var page, data bytes.Buffer
		if err := publish.WriteJekyllAt(&page, testfixture.AsWeek(w.Imported), "https://books.example/x.html"); err != nil {
			t.Fatal(err)
		}
		if err := publish.WritePublishedJSON(&data, testfixture.AsWeek(w.Imported)); err != nil {
			t.Fatal(err)
		}
		fromPage, err := importer.ReadJekyll("x.md", page.Bytes(), nil)
		if err != nil {
			t.Fatal(err)
		}
		fromData, err := importer.ReadJSON("x.json", data.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string]qa.Imported{"Jekyll": fromPage, "JSON": fromData} {
			if got.Source != w.Source || len(got.Posts) != len(w.Posts) {
				t.Fatalf("%s as %s: %s with %d posts, was %s with %d", w.Monday, how, got.Source, len(got.Posts), w.Source, len(w.Posts))
			}
			for i := range w.Posts {
				a, b := got.Posts[i], w.Posts[i]
				a.Line, b.Line = 0, 0
				if how == "Jekyll" { // a page writes times to the second
					a.AtMillis, b.AtMillis = a.AtMillis/1000, b.AtMillis/1000
				}
				if !reflect.DeepEqual(a, b) {
					t.Errorf("%s as %s: post %d is %+v, was %+v", w.Monday, how, i, a, b)
				}
			}
		}
	}
}
