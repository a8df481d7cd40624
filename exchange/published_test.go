package exchange

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flyleaf/exchange/markdown"
	"flyleaf/qa"
)

// lamplight is a made-up week that people wrote in Flyleaf itself.
func lamplight() qa.Week {
	person := func(c string) qa.Identity { return qa.Identity(strings.Repeat(c, 64)) }
	maren, ilse, bo := person("a"), person("b"), person("c")
	n := uint64(0)
	post := func(parent qa.PostID, by qa.Identity, at int64, text string) qa.Post {
		n++
		op := qa.OpID{Counter: n, Actor: string(by)}
		return qa.Post{
			ID: qa.MakePostID(by, []byte("12345678"), n), Parent: parent, By: by, AtMillis: at, Op: op,
			Revisions: []qa.Revision{{Text: text, Op: op, AtMillis: at}},
		}
	}
	const monday = 1_794_182_400_000 // 2026-11-09
	q1 := post("", maren, monday+9*3600_000+123, "Why *never* overwrite?\n\n- cost\n- `rm -rf`")
	r1 := post(q1.ID, ilse, monday+10*3600_000, "Because & for you: a <b> tag stays.")
	r2 := post(r1.ID, bo, monday+11*3600_000, "=1+1 is what I would say")
	q2 := post("", bo, monday+30*3600_000, "Is this asked twice?")
	q2.Marks.DuplicateOf = q1.ID
	q2.Reactions = []qa.Reaction{{By: maren, Emoji: qa.WantEmoji}}
	return qa.NewWeek(qa.Event{
		ID: "2DRjgbdxWZHAVXMnvWNDcQGVsjmL", Title: "The Patient Ledger", Authors: "Ilse Marrow, Teodor Anand", Founder: maren,
		StartsAtMillis: monday, EndsAtMillis: monday + 5*24*3600_000 - 1000, Description: "About *books* that remember.",
		Links: []qa.Link{{Text: "The publisher’s page", URL: "https://example.org/ledger"}},
		Roles: []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}},
	}, []qa.Post{q1, r1, r2, q2}, []qa.Person{
		{ID: maren, Name: "Maren Holt"}, {ID: ilse, Name: "Ilse Marrow"}, {ID: bo, Name: "Bo de Wit", PublishAs: "initials"},
	})
}

// What Flyleaf wrote, exported and imported, exported again, is the same page, with
// the same names of posts and the same times.
func TestJekyllLosesNeitherIDsNorTimes(t *testing.T) {
	const at = "https://books.example/books/20261109-the-patient-ledger.html"
	week := lamplight()
	var first, second bytes.Buffer
	if err := WriteJekyllAt(&first, week, at); err != nil {
		t.Fatal(err)
	}
	im, err := ReadJekyll("x", first.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Skipped) != 0 {
		t.Errorf("skipped: %+v", im.Skipped)
	}
	again := asWeek(im)
	if err := WriteJekyllAt(&second, again, at); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("the second export differs:\n%s\n%s", first.Bytes(), second.Bytes())
	}
	a, b := Publish(week), Publish(again)
	for i := range a.Threads {
		x, y := a.Threads[i], b.Threads[i]
		if x.ID != y.ID || x.AtMillis != y.AtMillis || x.Name != y.Name || x.Answered != y.Answered {
			t.Errorf("%+v\nwas %+v", y, x)
		}
	}
	if !strings.Contains(first.String(), at+"#p-"+string(week.Threads[0].Question.ID)) {
		t.Errorf("no address in %s", first.Bytes())
	}
	golden(t, "lamplight.exported.md", first.Bytes())
}

// A page imported, exported, imported: the same week, reactions and a foreign
// source included.
func TestImportOfOurOwnOutputIsTheSame(t *testing.T) {
	rs, left := ReactionsX([]CarriedReaction{{Emoji: "👍🏽", Count: 2, By: []string{"Ada, the first", "Bo"}}, {Emoji: "party_blob", Count: 1}})
	if left != 0 {
		t.Fatal(left)
	}
	im := qa.Imported{Format: "slack", Source: "slack:C1:20210308", Event: qa.Event{Title: "T", StartsAtMillis: 1_615_161_600_000}, Posts: []qa.ImportedPost{
		{Parent: -1, Name: "B", Text: "no time is known", Source: "slack:C1:20210308#x"},
		{Parent: -1, Name: "A", Text: "one", AtMillis: 1_615_194_000_123, Source: "slack:C1:20210308#1615194000.123456", X: map[string]string{XReactions: rs}},
		{Parent: 1, Name: "B", Text: "two", AtMillis: 1_615_197_600_000, Source: "elsewhere:7"},
	}}
	if err := finish("x", &im); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteJekyll(&b, asWeek(im)); err != nil {
		t.Fatal(err)
	}
	fromJekyll, err := ReadJekyll("x", b.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fromJekyll.Posts {
		fromJekyll.Posts[i].Line = 0
	}
	if !reflect.DeepEqual(fromJekyll.Posts, im.Posts) || fromJekyll.Source != im.Source {
		t.Errorf("got %+v\nwant %+v\n%s", fromJekyll, im, b.Bytes())
	}
	b.Reset()
	if err := WriteJSON(&b, asWeek(im)); err != nil {
		t.Fatal(err)
	}
	fromJSON, err := ReadJSON("x", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(fromJSON.Posts, im.Posts, same) || !reflect.DeepEqual(fromJSON.Posts[1].X, im.Posts[1].X) {
		t.Errorf("got %+v\nwant %+v", fromJSON.Posts, im.Posts)
	}
}

func TestReactionsFit(t *testing.T) {
	many := make([]CarriedReaction, 40)
	for i := range many {
		many[i] = CarriedReaction{Emoji: fmt.Sprintf("e%d", i), Count: 9, By: []string{strings.Repeat("n", 50)}}
	}
	s, left := ReactionsX(many)
	if len(s) > qa.MaxXValue || left == 0 || len(Carried(map[string]string{XReactions: s})) != 40-left {
		t.Errorf("%d bytes, %d left: %s", len(s), left, s)
	}
	if s, left := ReactionsX(nil); s != "" || left != 0 {
		t.Errorf("%q, %d", s, left)
	}
	for _, bad := range []string{"[]x", `{"emoji":"a"}`, `[{"emoji":"","count":1}]`, `[{"emoji":"a","count":-1}]`} {
		if got := Carried(map[string]string{XReactions: bad}); got != nil {
			t.Errorf("%s gives %+v", bad, got)
		}
	}
}

func TestNamesOfThoseRepliedTo(t *testing.T) {
	week := lamplight()
	ilse := week.Threads[0].Replies[0].By
	week.People[ilse] = qa.Person{ID: ilse, Name: "Ilse Marrow", PublishAs: "none"}
	if got := Publish(week).Threads[0].Replies[1].ReplyTo; got != "Anonymous" {
		t.Errorf("replies to %q", got)
	}
	week.Threads[0].Replies[0].Marks.Hidden = "spam"
	if got := Publish(week).Threads[0].Replies[0]; got.ReplyTo != "" || got.Name != "B. D. W." {
		t.Errorf("%+v", got)
	}
}

// Nobody takes the name of another's post by writing its source into their own.
func TestIDsCannotBeTaken(t *testing.T) {
	week := lamplight()
	week.Threads[0].Question.Source = "jekyll:x#1"
	week.Threads[1].Question.Source = "jekyll:x#1" // Bo, who organises nothing
	got := Publish(week)
	if got.Threads[0].ID != "jekyll:x#1" || got.Threads[1].ID != string(week.Threads[1].Question.ID) || got.Threads[1].DuplicateOf != "jekyll:x#1" {
		t.Errorf("%+v", got.Threads)
	}
}

func TestGoldenCSVAndMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, lamplight()); err != nil {
		t.Fatal(err)
	}
	golden(t, "lamplight.csv", b.Bytes())
	b.Reset()
	if err := WriteMarkdown(&b, lamplight()); err != nil {
		t.Fatal(err)
	}
	golden(t, "lamplight.md", b.Bytes())
	// Two threads, whatever the posts hold.
	if n := strings.Count(string(markdown.HTML(b.String())), "<blockquote>"); n != 4 {
		t.Errorf("%d quotations\n%s", n, b.Bytes())
	}
}

// Any cell comes back from CSV, and none begins as a formula does.
func TestCSVComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`'{0,3}[=+\-@\t\n＝＋－＠",;]?[a-z"\n]{0,5}`)).Draw(t, "text")
		week := lamplight()
		week.Threads[0].Question.Revisions[0].Text = text
		var b bytes.Buffer
		if err := WriteCSV(&b, week); err != nil {
			t.Fatal(err)
		}
		words, marked := bytes.CutPrefix(b.Bytes(), []byte("\xef\xbb\xbf"))
		if !marked {
			t.Fatal("without a byte order mark Excel takes it for another encoding")
		}
		rows, err := csv.NewReader(bytes.NewReader(words)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		cell := rows[1][7]
		if cell != "" && strings.ContainsRune("=+-@\t\n\r＝＋－＠", []rune(cell)[0]) {
			t.Fatalf("the cell is %q", cell)
		}
		if bare := strings.TrimLeft(cell, "'"); bare != "" && strings.ContainsRune("=+-@\t\n＝＋－＠", []rune(bare)[0]) {
			cell = strings.TrimPrefix(cell, "'")
		}
		if want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"); cell != want {
			t.Fatalf("got %q, want %q", cell, want)
		}
	})
}

// A week is named by its first day as its own calendar has it.
func TestSlug(t *testing.T) {
	monday := time.Date(2021, 3, 8, 0, 0, 0, 0, time.FixedZone("", 3600)).UnixMilli()
	for _, c := range []struct {
		e    qa.Event
		want string
	}{
		{qa.Event{Title: "The Patient Ledger!", StartsAtMillis: monday, Zone: "Europe/Berlin"}, "20210308-the-patient-ledger"},
		{qa.Event{Title: "The Patient Ledger!", StartsAtMillis: monday}, "20210307-the-patient-ledger"},
		{qa.Event{Title: "  "}, "week"},
		{qa.Event{Title: "../Größe & C++"}, "größe-c"},
		{qa.Event{Title: strings.Repeat("wörd ", 50)}, strings.TrimRight(strings.Repeat("wörd-", 17)[:100], "-")},
	} {
		if got := Slug(&c.e); got != c.want {
			t.Errorf("%q gives %q, want %q", c.e.Title, got, c.want)
		}
	}
}
