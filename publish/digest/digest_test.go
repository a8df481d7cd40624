package digest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"flyleaf/internal/testfixture"
	"flyleaf/qa"
)

var (
	robin = qa.Identity(strings.Repeat("1a", 32))
	ilse  = qa.Identity(strings.Repeat("2b", 32))
	maren = qa.Identity(strings.Repeat("3c", 32))
	dag   = qa.Identity(strings.Repeat("4d", 32))
	until = time.Date(2026, 11, 13, 12, 0, 0, 0, time.UTC)
)

type post struct {
	id, parent string
	by         qa.Identity
	text       string
	mark       func(*qa.Post)
}

func week(posts ...post) qa.Week {
	e := qa.Event{ID: "event", Founder: robin, Title: "The Patient Ledger", Authors: "Ilse Marrow", Roles: []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}}}
	e.Winners = []qa.Winner{{By: ilse, Post: "q1", Note: "a copy"}}
	var all []qa.Post
	for i, p := range posts {
		op := qa.OpID{Counter: uint64(i + 1), Actor: string(p.by)}
		x := qa.Post{ID: qa.PostID(p.id), Parent: qa.PostID(p.parent), By: p.by, AtMillis: int64(1000 * (i + 1)), Op: op, AuthorThen: p.by == ilse}
		x.Revisions = []qa.Revision{{Text: p.text, Op: op}}
		if p.mark != nil {
			p.mark(&x)
		}
		all = append(all, x)
	}
	return qa.NewWeek(e, all, []qa.Person{{ID: ilse, Name: "Ilse Marrow"}, {ID: maren, Name: "Maren Holt"}, {ID: dag, Name: "Dag Wille"}})
}

func full() qa.Week {
	return week(
		post{"q1", "", maren, "At what size does a *ledger* begin to pay?", nil},
		post{"a1", "q1", ilse, "A choir is exactly the right size.", nil},
		post{"r1", "q1", dag, "Lock the sheet.", nil},
		post{"q2", "", dag, "Which correction wins? <b>bold</b>", nil},
		post{"a2", "q2", ilse, "The later one.", nil},
		post{"r2", "q2", maren, "Thank you!", nil},
		post{"h1", "", dag, "HIDDENWORDS", func(p *qa.Post) { p.Marks.Hidden = "watches" }},
		post{"w1", "", dag, "WITHDRAWN", func(p *qa.Post) { p.Withdrawn = true }},
	)
}

func titles(s Section) string {
	var out []string
	for _, i := range s.Items {
		out = append(out, i.Name+": "+i.Text)
	}
	return strings.Join(out, " | ")
}

func TestDigestListsNewPosts(t *testing.T) {
	d := New([]qa.Week{full()}, Options{Me: []qa.Identity{maren}})
	if len(d.Weeks) != 1 {
		t.Fatalf("%+v", d)
	}
	w := d.Weeks[0]
	for name, c := range map[string][2]string{
		"yours":     {titles(w.Yours), "Ilse Marrow: A choir is exactly the right size. | Dag Wille: Lock the sheet."},
		"you won":   {titles(w.YouWon), "Maren Holt: At what size does a ledger begin to pay?"},
		"won":       {titles(w.Won), ""},
		"answers":   {titles(w.Answers), "Ilse Marrow: The later one."},
		"questions": {titles(w.Questions), "Dag Wille: Which correction wins? <b>bold</b>"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", name, c[0], c[1])
		}
	}
	if got, want := d.Subject(), "The Patient Ledger: 1 copy won by you, 2 replies to you, 1 new answer, 1 new question"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	listed := map[string]bool{}
	for _, k := range d.Listed["event"] {
		listed[k] = true
	}
	if listed["h1"] || listed["w1"] || !listed["a1"] || !listed["won q1"] || !listed["r2"] {
		t.Errorf("listed: %v", listed)
	}
	o := Options{Me: []qa.Identity{maren}, Listed: func(_ qa.EventID, k string) bool { return listed[k] }}
	if again := New([]qa.Week{full()}, o); !again.Empty() {
		t.Errorf("an item was listed twice: %+v", again.Weeks)
	}
	// A post that is shown again is listed, even though it was written before the last digest.
	shown := full()
	for i := range shown.Threads {
		shown.Threads[i].Question.Marks.Hidden = ""
	}
	if later := New([]qa.Week{shown}, o); len(later.Weeks) != 1 || titles(later.Weeks[0].Questions) != "Dag Wille: HIDDENWORDS" {
		t.Errorf("%+v", later.Weeks)
	}
	if since := New([]qa.Week{full()}, Options{Me: []qa.Identity{maren}, SinceMillis: 5000}); titles(since.Weeks[0].Questions) != "" || titles(since.Weeks[0].Answers) == "" {
		t.Errorf("%+v", since.Weeks)
	}
}

func TestRendering(t *testing.T) {
	link := func(e qa.EventID, p qa.PostID) string { return "https://books.example/" + string(e) + "#" + string(p) }
	d := New([]qa.Week{full()}, Options{Me: []qa.Identity{maren}, Link: link})
	text := d.Text(until)
	page, err := d.HTML(until)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"HIDDENWORDS", "WITHDRAWN"} {
		if strings.Contains(text+page, never) {
			t.Errorf("it tells %s", never)
		}
	}
	for _, want := range []string{"The Patient Ledger", "Replies to you", "- Ilse Marrow: A choir is exactly", "to: At what size", "https://books.example/event#a1", "13 November 2026"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not hold %q:\n%s", want, text)
		}
	}
	if strings.Contains(page, "<b>bold") || !strings.Contains(page, `href="https://books.example/event#a1"`) {
		t.Errorf("the page:\n%s", page)
	}
	if _, err := html.Parse(strings.NewReader(page)); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(text) {
		if len([]rune(line)) > 73 && !strings.Contains(line, "https://") {
			t.Errorf("a long line: %q", line)
		}
	}
	empty := New(nil, Options{})
	if !strings.Contains(empty.Text(until), "Nothing is new") {
		t.Error("an empty digest says nothing")
	}
}

func TestOmittedItemsAreCounted(t *testing.T) {
	var posts []post
	for i := range MaxItems + 7 {
		posts = append(posts, post{fmt.Sprintf("x%d", i), "", dag, fmt.Sprintf("Question %d?", i), nil})
	}
	d := New([]qa.Week{week(posts...)}, Options{})
	if s := d.Weeks[0].Questions; len(s.Items) != MaxItems || s.More != 7 || len(d.Listed["event"]) != MaxItems+7 {
		t.Errorf("%d items, %d more, %d listed", len(s.Items), s.More, len(d.Listed["event"]))
	}
	if !strings.Contains(d.Text(until), "and 7 more") {
		t.Error("the text does not say that there are more")
	}
}

// TestQuestionWithAnOldTimeIsListed: a question from 1996 that arrived today is in today's digest.
func TestQuestionWithAnOldTimeIsListed(t *testing.T) {
	const today = 1_795_000_000_000
	w := week(post{"q1", "", maren, "From 1996?", func(p *qa.Post) { p.AtMillis, p.ReceivedAtMillis = 820_454_400_000, today }})
	d := New([]qa.Week{w}, Options{SinceMillis: today - 7*86_400_000})
	if len(d.Weeks) != 1 || titles(d.Weeks[0].Questions) == "" {
		t.Errorf("%+v", d)
	}
}

// TestPostsWithASlowClockAreListed: if a writer's clock is weeks behind, a post that was written after
// a new post is listed. Posts older than all new posts are not listed.
func TestPostsWithASlowClockAreListed(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	at := func(days int64) func(*qa.Post) {
		return func(p *qa.Post) { p.AtMillis = until.UnixMilli() + days*day }
	}
	d := New([]qa.Week{week(
		post{"q0", "", dag, "Old.", at(-20)},
		post{"q1", "", dag, "New.", at(-2)},
		post{"q2", "", dag, "The battery was empty.", at(-30)},
	)}, Options{Me: []qa.Identity{maren}, SinceMillis: until.UnixMilli() - 7*day})
	if len(d.Weeks) != 1 || titles(d.Weeks[0].Questions) != "Dag Wille: New. | Dag Wille: The battery was empty." &&
		titles(d.Weeks[0].Questions) != "Dag Wille: The battery was empty. | Dag Wille: New." {
		t.Errorf("listed: %+v", d.Weeks)
	}
}

// TestDigestTellsOfWinners: the winner first, in a section of their own; the others; and what the organisers announce,
// once for each text.
func TestDigestTellsOfWinners(t *testing.T) {
	w := full()
	w.Event.Announcement = "Thank you for *two* questions.\n\nA copy goes to Maren."
	d := New([]qa.Week{w}, Options{Me: []qa.Identity{maren}})
	if text := d.Text(time.Unix(0, 0)); !strings.Contains(text, "You won a copy\n") || !strings.Contains(text, "Announcement\n\n- The organisers: Thank you for two questions. A copy goes to Maren.") ||
		strings.Contains(text, "Winners") {
		t.Errorf("%s", text)
	}
	other := New([]qa.Week{w}, Options{Me: []qa.Identity{dag}})
	if got := titles(other.Weeks[0].Won); got != "Maren Holt: At what size does a ledger begin to pay?" || other.Weeks[0].YouWon.Len() != 0 {
		t.Errorf("somebody else is told: %q", got)
	}
	listed := func(_ qa.EventID, what string) bool { return slices.Contains(d.Listed["event"], what) }
	if again := New([]qa.Week{w}, Options{Me: []qa.Identity{maren}, Listed: listed}); !again.Empty() {
		t.Errorf("told twice: %+v", again.Weeks)
	}
	early := w
	early.Event.WinnersAtMillis, early.Event.Closed = 100, false
	d = New([]qa.Week{early}, Options{Me: []qa.Identity{maren}, NowMillis: 99})
	if d.Weeks[0].YouWon.Len() > 0 || listed("event", "won q1") {
		t.Error("winners are told before the authors have chosen")
	}
	if later := New([]qa.Week{early}, Options{Me: []qa.Identity{maren}, NowMillis: 100, Listed: listed}); len(later.Weeks) != 1 || later.Weeks[0].YouWon.Len() != 1 {
		t.Errorf("when the time has come: %+v", later.Weeks)
	}
	w.Event.Announcement += " And to Dag."
	if again := New([]qa.Week{w}, Options{Me: []qa.Identity{maren}, Listed: listed}); len(again.Weeks) != 1 || again.Weeks[0].News.Len() != 1 {
		t.Errorf("another announcement: %+v", again.Weeks)
	}
}

// TestEveryTextOfPeopleHasItsOwnDirection looks at the digest of a week in Hebrew.
func TestEveryTextOfPeopleHasItsOwnDirection(t *testing.T) {
	he := testfixture.InHebrew
	w := week(post{"q1", "", maren, he("May a ledger be changed?"), nil}, post{"a1", "q1", ilse, he("Never."), nil})
	w.Event.Title, w.Event.Authors = he(w.Event.Title), he(w.Event.Authors)
	for id, p := range w.People {
		p.Name = he(p.Name)
		w.People[id] = p
	}
	for i := range w.Threads {
		w.Threads[i].Question.Name = he(w.Threads[i].Question.Name)
		for j := range w.Threads[i].Replies {
			w.Threads[i].Replies[j].Name = he(w.Threads[i].Replies[j].Name)
		}
	}
	d := New([]qa.Week{w}, Options{})
	page, err := d.HTML(until)
	if err != nil {
		t.Fatal(err)
	}
	found, wrong := testfixture.Direction(page)
	if found < 5 || len(wrong) > 0 {
		t.Errorf("%d texts of people were found; wrong: %q", found, wrong)
	}
}
