package importer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

func page(front string) string { return "---\n" + front + "---\n" }

func TestRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	deep := func(n int) string {
		var b strings.Builder
		b.WriteString("title: T\narchive:\n")
		for i := range n {
			in := strings.Repeat(" ", 2*i)
			b.WriteString(in + "- name: A\n" + in + "  text: t\n" + in + "  replies:\n")
		}
		return b.String()
	}
	bomb := "title: T\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
	messages := "title: T\nq: &q\n  name: A\n  text: t\n"
	for c, up := 'a', "q"; c < 'j'; c++ {
		messages += fmt.Sprintf("k%c: &%c\n  name: A\n  text: t\n  replies: [*%s, *%s, *%s, *%s, *%s, *%s]\n", c, c, up, up, up, up, up, up)
		up = string(c)
		if c == 'i' {
			messages += "archive: [*i, *i]\n"
		}
	}
	for _, c := range []struct {
		name, in string
		line     int
		err      error
		says     string
	}{
		{"no front matter", "just text", 1, ErrSyntax, "begins with a line ---"},
		{"no end", "---\ntitle: T\n", 1, ErrSyntax, "ends with another"},
		{"broken YAML", page("title: T\narchive: [\n"), 0, ErrSyntax, ""},
		{"tabs", page("title: T\narchive:\n\t- name: A\n"), 4, ErrSyntax, "cannot start any token"},
		{"a list", page("- title\n"), 2, ErrSyntax, "keys and values"},
		{"empty front matter", page(""), 2, ErrSyntax, "keys and values"},
		{"no title", page("start: 2026-01-01\n"), 0, ErrNoTitle, ""},
		{"empty title", page("title: ' '\n"), 0, ErrNoTitle, ""},
		{"title is a list", page("title: [a]\n"), 2, ErrSyntax, "must be text"},
		{"title too long", page("title: " + long(301) + "\n"), 0, ErrLimit, "the title is too long: 301 bytes, at most 300"},
		{"two titles", page("title: T\ntitle: U\n"), 3, ErrSyntax, "twice"},
		{"authors too long", page("title: T\nauthors: [" + long(200) + ", " + long(99) + "]\n"), 0, ErrLimit, "authors' names"},
		{"description too long", page("title: T\n") + long(16<<10+1), 0, ErrLimit, "the description is too long"},
		{"no time", page("title: T\nstart: next Monday\n"), 3, ErrSyntax, "next Monday"},
		{"no real day", page("title: T\nstart: 2026-02-30\n"), 3, ErrSyntax, "2026-02-30"},
		{"archive is a map", page("title: T\narchive:\n  name: A\n"), 4, ErrSyntax, "archive is not a list"},
		{"entry is a text", page("title: T\narchive:\n- A\n"), 4, ErrSyntax, "must be a map"},
		{"text is a list", page("title: T\narchive:\n- name: A\n  text: [a]\n"), 5, ErrSyntax, "must be text"},
		{"replies are a text", page("title: T\narchive:\n- name: A\n  text: a\n  replies: none\n"), 6, ErrSyntax, "replies is not a list"},
		{"description too long", page("title: T\n") + long(16<<10+1), 0, ErrLimit, "the description is too long: 16385 bytes"},
		{"it ends before it begins", page("title: T\nstart: 2026-03-09\nend: 2026-03-01\n"), 4, ErrDates, "1 March 2026"},
		{"a merge of a text", page("title: T\narchive:\n- <<: here\n  text: a\n"), 4, ErrSyntax, "<<"},
		{"a merge in itself", page("title: T\narchive:\n- &a\n  text: t\n  <<: *a\n"), 0, ErrSyntax, ""},
		{"name too long", page("title: T\narchive:\n- text: a\n  name: " + long(201) + "\n"), 4, ErrLimit, "201 bytes"},
		{"binary", page("title: T\narchive:\n- name: A\n  text: !!binary aGk=\n"), 5, ErrSyntax, "binary"},
		{"not UTF-8", page("title: T\n") + "a\xffb", 4, ErrNotUTF8, ""},
		{"UTF-16", page("title: T\n") + "a\x00b\x00c\x00d\x00", 4, ErrNotUTF8, "NUL"},
		{"too big", page("title: T\n") + long(MaxInput), 0, ErrTooBig, ""},
		{"too deep", page(deep(MaxDepth + 2)), 0, ErrTooBig, "deep"},
		{"aliases make too many messages", page(messages), 0, ErrTooBig, "messages"},
		{"an alias in itself", page("title: T\narchive: &a\n- name: A\n  text: t\n  replies: *a\n"), 0, ErrSyntax, ""},
		{"two documents", "---\ntitle: T\n--- x\nb: c\n---\n", 0, ErrSyntax, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			im, err := ReadJekyll("week.md", []byte(c.in), nil)
			if strings.HasSuffix(c.name, "in itself") && errors.Is(err, ErrTooBig) {
				return // both outcomes are fine
			}
			if c.name == "two documents" && err == nil {
				t.Fatalf("%+v", im)
			}
			var in *InputError
			if !errors.Is(err, c.err) || !errors.As(err, &in) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if c.line != 0 && in.Line != c.line {
				t.Errorf("line %d, want %d: %v", in.Line, c.line, err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "nothing was imported") {
				t.Errorf("it says %v", err)
			}
			if len(im.Posts) != 0 {
				t.Error("something was imported")
			}
		})
	}
	if _, err := ReadJekyll("week.md", []byte(page(bomb)), nil); err != nil {
		t.Errorf("aliases in keys that are skipped: %v", err)
	}
}

func TestRefusedElsewhere(t *testing.T) {
	const head = outlineVersion + "\ntitle: T\n"
	for _, c := range []struct {
		name string
		read func(string, []byte) (qa.Imported, error)
		in   string
		line int
		err  error
	}{
		{"page without title", ReadPage, "Questions and Answers\n\nAda\n\nHi?\n", 1, ErrNoTitle},
		{"page too big", ReadPage, strings.Repeat("x", MaxInput+1), 0, ErrTooBig},
		{"page not UTF-8", ReadPage, "by A\n\xff", 2, ErrNotUTF8},
		{"outline of tomorrow", ReadOutline, "flyleaf outline 2\n", 1, ErrSyntax},
		{"outline, empty", ReadOutline, "", 1, ErrSyntax},
		{"outline without title", ReadOutline, outlineVersion + "\n", 0, ErrNoTitle},
		{"outline, unknown key", ReadOutline, head + "colour: red\n", 3, ErrSyntax},
		{"outline, no key", ReadOutline, head + "red\n", 3, ErrSyntax},
		{"outline, reply first", ReadOutline, head + "\nR: Ada\n    text\n", 4, ErrSyntax},
		{"outline, reply to nothing", ReadOutline, head + "\nQ: Ada\n    text\nRR: Bob\n", 6, ErrSyntax},
		{"outline, no name", ReadOutline, head + "Q:\n", 3, ErrSyntax},
		{"outline, text outside", ReadOutline, head + "    text\n", 3, ErrSyntax},
		{"outline, text not indented", ReadOutline, head + "Q: Ada\n  text\n", 4, ErrSyntax},
		{"outline, tab", ReadOutline, head + "Q: Ada\n\ttext\n", 4, ErrSyntax},
		{"outline, time", ReadOutline, head + "starts: soon\n", 3, ErrSyntax},
		{"outline, link", ReadOutline, head + "link: soon\n", 3, ErrSyntax},
		{"outline, JSON text", ReadOutline, head + "Q: Ada\n    json: soon\n", 4, ErrSyntax},
		{"outline, it ends before it begins", ReadOutline, head + "starts: 2026-03-09\nends: 2026-03-01\n", 0, ErrDates},
		{"page, it ends before it begins", ReadPage, "T\n\nfrom 13 Mar 2026 to 09 Mar 2026\n", 3, ErrDates},
		{"JSON, broken", ReadJSON, "{\n\"format\": }", 2, ErrSyntax},
		{"JSON, another", ReadJSON, "{\"format\": \"flyleaf/week/2\"}", 0, ErrUnknownFormat},
		{"JSON, another's", ReadJSON, "{}", 0, ErrUnknownFormat},
		{"JSON, no title", ReadJSON, "{\"format\": \"flyleaf/week/1\"}", 0, ErrNoTitle},
		{"JSON, wrong type", ReadJSON, "{\"format\": \"flyleaf/week/1\",\n\"threads\": 3}", 2, ErrSyntax},
		{"nothing known", func(n string, b []byte) (qa.Imported, error) { return Read(n, b, nil) }, "a,b\n1,2\n", 0, ErrUnknownFormat},
		{"Automerge", func(n string, b []byte) (qa.Imported, error) { return Read(n, b, nil) }, "\x85\x6f\x4a\x83\x01\x02", 0, ErrUnknownFormat},
		{"UTF-16", func(n string, b []byte) (qa.Imported, error) { return Read(n, b, nil) }, "\xff\xfeT\x00", 0, ErrUnknownFormat},
		{"HTML", func(n string, b []byte) (qa.Imported, error) { return Read(n, b, nil) }, "<!doctype html><p>", 0, ErrUnknownFormat},
		{"ZIP", func(n string, b []byte) (qa.Imported, error) { return Read(n, b, nil) }, "PK\x03\x04\xff", 0, ErrUnknownFormat},
	} {
		im, err := c.read("file", []byte(c.in))
		var in *InputError
		if !errors.Is(err, c.err) || !errors.As(err, &in) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.err)
			continue
		}
		if in.Line != c.line {
			t.Errorf("%s: line %d, want %d: %v", c.name, in.Line, c.line, err)
		}
		if len(im.Posts) != 0 {
			t.Errorf("%s: something was taken", c.name)
		}
	}
}

// TestAtTheLimits: values exactly at a limit are accepted.
func TestAtTheLimits(t *testing.T) {
	name, text := strings.Repeat("n", schema.MaxName), strings.Repeat("t", schema.MaxText)
	title := strings.Repeat("ü", schema.MaxShort/2)
	im, err := ReadJekyll("x", []byte(page("title: "+title+"\nstart: 2026-01-05\narchive:\n- name: "+name+"\n  text: "+text+"\n- name: "+name+"\n  text: "+text+"\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if im.Posts[0].Text != text || im.Posts[0].Name != name || im.Posts[0].Source == im.Posts[1].Source {
		t.Error("something was lost")
	}
	if n := len(im.Posts[1].Source); n > schema.MaxShort {
		t.Errorf("a source of %d bytes", n)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		in   string
		end  bool
		want string
	}{
		{"2021-03-12 22:59:58", true, "2021-03-12T22:59:58Z"},
		{"2021-03-12T22:59:58+02:00", true, "2021-03-12T20:59:58Z"},
		{"2021-03-12 22:59:58 +0200", true, "2021-03-12T20:59:58Z"},
		{"2021-03-12 22:59:58 UTC", true, "2021-03-12T22:59:58Z"},
		{"2021-03-12 22:59:58.250", true, "2021-03-12T22:59:58.25Z"},
		{"2021-03-12", false, "2021-03-12T00:00:00Z"},
		{"2021-03-12", true, "2021-03-12T23:59:59Z"},
		{"08 Mar 2021", false, "2021-03-08T00:00:00Z"},
		{"March 8, 2021", false, "2021-03-08T00:00:00Z"},
		{"2021-03-12 22:59:58 CET", true, ""},
		{"soon", true, ""},
	} {
		ms, ok := weekfile.ParseTime(c.in, c.end)
		if got := weekfile.UTC(ms).Format(time.RFC3339Nano); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q is %s, %v", c.in, got, ok)
		}
		if !ok {
			continue
		}
		if back, ok := weekfile.ParseTime(weekfile.FormatTime(ms), c.end); !ok || back != ms {
			t.Errorf("%q comes back as %d, was %d", c.in, back, ms)
		}
		im, err := ReadJekyll("x", []byte(page("title: T\nend: "+c.in+"\n")), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := publish.WriteJekyll(&b, testfixture.AsWeek(im)); err != nil {
			t.Fatal(err)
		}
		again, err := ReadJekyll("x", b.Bytes(), nil)
		if err != nil || again.Event.EndsAtMillis != im.Event.EndsAtMillis {
			t.Errorf("%q: %v\n%s", c.in, err, b.Bytes())
		}
		if c.end && !strings.Contains(b.String(), "end: "+c.in+"\n") {
			t.Errorf("%q is written as %s", c.in, b.Bytes())
		}
	}
}

func TestNotPublished(t *testing.T) {
	person := func(c string) qa.Identity { return qa.Identity(strings.Repeat(c, 64)) }
	mina, bo, cy := person("a"), person("b"), person("c")
	n := uint64(0)
	post := func(id, parent string, by qa.Identity, change func(*qa.Post)) qa.Post {
		n++
		op := qa.OpID{Counter: n}
		p := qa.Post{ID: qa.PostID(id), Parent: qa.PostID(parent), By: by, AtMillis: int64(n), Op: op, Revisions: []qa.Revision{{Text: "text of " + id, Op: op}}}
		if change != nil {
			change(&p)
		}
		return p
	}
	hide := func(p *qa.Post) { p.Marks.Hidden = "spam" }
	withdraw := func(p *qa.Post) { p.Withdrawn = true }
	posts := []qa.Post{
		post("q1", "", mina, withdraw),
		post("r1", "q1", bo, nil),
		post("r2", "r1", cy, nil),
		post("r3", "q1", cy, hide),
		post("q2", "", bo, withdraw),
		post("r4", "q2", mina, withdraw),
		post("q3", "", bo, hide),
		post("q4", "", cy, hide),
		post("r5", "q4", mina, nil),
	}
	week := qa.NewWeek(qa.Event{Title: "T", Authors: "A and B"}, posts, []qa.Person{
		{ID: mina, Name: "Mina"}, {ID: bo, Name: "Bo de Wit", PublishAs: "initials"}, {ID: cy, Name: "Cy", PublishAs: "none"},
	})
	var b bytes.Buffer
	if err := publish.WriteJekyll(&b, week); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{Text: weekfile.WithdrawnQuestion, Replies: []entry{{Name: "B. D. W.", Text: "text of r1"}, {Name: "Anonymous", Text: "text of r2"}}},
		{Text: weekfile.HiddenQuestion, Replies: []entry{{Name: "Mina", Text: "text of r5"}}},
	}
	if got := parsePage(t, b.Bytes()).archive; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}

	for i := range posts {
		posts[i].AfterApproval = true
	}
	week = qa.NewWeek(qa.Event{Title: "T", Authors: "A and B", Approve: true}, posts, slices.Collect(maps.Values(week.People)))
	b.Reset()
	if err := publish.WriteJekyll(&b, week); err != nil {
		t.Fatal(err)
	}
	if got := parsePage(t, b.Bytes()).archive; len(got) != 0 {
		t.Errorf("nothing is approved, and yet: %+v", got)
	}

	b.Reset()
	if err := publish.WriteJSON(&b, week); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "text of q1") || !strings.Contains(b.String(), "text of q3") {
		t.Errorf("%s", b.Bytes())
	}
	im, err := ReadJSON("x", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Posts) != 5 || len(im.Skipped) != 6 || im.Posts[2].Parent != 1 || im.Posts[0].Name != qa.NoName {
		t.Errorf("%+v", im)
	}
}

// Any text is the same after export and import, in every format.
func TestAnyTextIsUnchangedByExportAndImport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		odd := rapid.SampledFrom([]string{
			"", " ", "\n", "\n\n", "  a", "a ", "a\n b\n", "- x", "yes", "007", ":+1:", "a: b", "#", "'", `"`, "&lt;", "&amp;lt;", "<b>", "\t", "a\tb", "a \nb",
			"\u00a0", "\u2028", "\ufeff", "\u0085", "\x01", "\x7f", "🙂", "json: x", "---", "...", "null", "~", "2021-01-01", "|", ">", "%", "@", "`", "*a", "&a", "!x", "{}", "[]", "\r", "\r\n", "\U000e0001", "\x00", "\x1b[31m", "\u202e", "\u200b", "\ufffe",
		})
		piece := rapid.OneOf(odd, rapid.StringN(0, 12, 40))
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(t, "pieces"), "")
		})
		im := qa.Imported{Format: "page", Event: qa.Event{Title: "T", StartsAtMillis: 1_767_571_200_000}}
		for i := range rapid.IntRange(1, 5).Draw(t, "posts") {
			name := text.Draw(t, "name")
			if name == "" || len(name) > schema.MaxName {
				name = qa.NoName
			}
			im.Posts = append(im.Posts, qa.ImportedPost{Parent: -1, Name: name, Text: text.Draw(t, "text"), Line: 7})
			if i > 0 && rapid.Bool().Draw(t, "reply") {
				im.Posts[i].Parent = i - 1
			}
		}
		if err := finish("x", &im); err != nil {
			t.Fatal(err)
		}
		week := testfixture.AsWeek(im)
		check := func(what string, got qa.Imported, err error) {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if len(got.Posts) != len(im.Posts) {
				t.Fatalf("%s: %d posts, were %d", what, len(got.Posts), len(im.Posts))
			}
			for i := range im.Posts {
				if g, w := got.Posts[i], im.Posts[i]; g.Name != w.Name || g.Text != w.Text || (g.Parent < 0) != (w.Parent < 0) {
					t.Fatalf("%s: %+v was %+v", what, g, w)
				}
			}
		}
		var b bytes.Buffer
		if err := publish.WriteJekyll(&b, week); err != nil {
			t.Fatal(err)
		}
		got, err := ReadJekyll("x", b.Bytes(), nil)
		check("Jekyll", got, err)
		b.Reset()
		if err := publish.WriteJSON(&b, week); err != nil {
			t.Fatal(err)
		}
		got, err = ReadJSON("x", b.Bytes())
		check("JSON", got, err)
		b.Reset()
		if err := WriteOutline(&b, im); err != nil {
			t.Fatal(err)
		}
		got, err = ReadOutline("x", b.Bytes())
		check("outline", got, err)
	})
}

// The largest inputs are read, or refused. If the work grew with the square of their lines, the test
// would not end.
func TestLargestInputs(t *testing.T) {
	var b strings.Builder
	b.WriteString("T\n\nby " + strings.Repeat("Al, ", 70) + "Bo\n\nQuestions and Answers\n\n")
	for i := range MaxMessages {
		fmt.Fprintf(&b, "Writer%d\n\nAl wrote it.\n\n", i)
	}
	nested := page("title: T\nx: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "\n")
	for name, in := range map[string]string{"page": b.String(), "nested": nested, "lines": "by A\n\n" + strings.Repeat("x\n\n", MaxInput/4)} {
		im, err := Read(name, []byte(in), nil)
		t.Logf("%s: %d messages, %v", name, len(im.Posts), err)
		if name == "page" && (err != nil || len(im.Posts) != MaxMessages) {
			t.Errorf("%s: %d messages, %v", name, len(im.Posts), err)
		}
	}
}
