package qa

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestSplitQuestion(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one thing", "Does it pay?", nil},
		{"sentences", "Does it pay? And when?", []string{"Does it pay?", "And when?"}},
		{"one question among sentences", "I keep a ledger. It is long. Does it pay?", nil},
		{"what is not asked is left out", "I keep a ledger. Does it pay? Mine is long. And when\ndoes it pay?", []string{"Does it pay?", "And when does it pay?"}},
		{"more than a question mark", "Really?! Is it so?? I ask… Why?", []string{"Really?!", "Is it so??", "Why?"}},
		{"quotation marks, brackets and emphasis", "He asks “why?” (Do you know?) **Is it so?** Yes.", []string{"He asks “why?”", "(Do you know?)", "**Is it so?**"}},
		{"a title, an abbreviation and a number", "Did Dr. Who pay, e.g. In May? Is it 3.5? Or 1. May?", []string{"Did Dr. Who pay, e.g. In May?", "Is it 3.5?", "Or 1. May?"}},
		{"addresses and code", "See https://example.org/?q=1 or `a ? b : c`. Does it pay?", nil},
		{"a link", "See [why?](https://example.org/). Does it pay?", nil},
		{"a quotation", "> Does it pay? Does it?\n\nWhat does this mean?", nil},
		{"other question marks", "これは何ですか？いつ？", []string{"これは何ですか？", "いつ？"}},
		{"Arabic", "هل يدفع؟ ومتى؟", []string{"هل يدفع؟", "ومتى؟"}},
		{"Greek", "Τι είναι\u037e Πότε\u037e", []string{"Τι είναι\u037e", "Πότε\u037e"}},
		{"a semicolon", "This; that &amp; more? Yes.", nil},
		{"marks alone", "Does it pay? ??", nil},
		{"paragraphs", "Does it pay?\n\nAnd when\ndoes it?\n\nThanks!", []string{"Does it pay?", "And when does it?"}},
		{"numbers", "Two things:\n1. Does it pay?\n2. When,\n   if so?\n\nThanks", []string{"Does it pay?", "When, if so?"}},
		{"brackets and dashes", "1) a?\n2) b?", []string{"a?", "b?"}},
		{"a list that asks nothing", "I have:\n- a ledger\n- a pencil\n\nWhat now?", nil},
		{"a list within two questions", "What of this?\n\n- a\n- b\n\nAnd then?", []string{"What of this?", "And then?"}},
		{"code", "Why?\n\n```\nx = y?\n\nz = 1?\n```\n", nil},
		{"a year is no number of a list", "1999. was good?\n\nWhy?", []string{"1999. was good?", "Why?"}},
		{"empty", "", nil},
	} {
		if got := SplitQuestion(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	many := strings.Repeat("- a?\n", 100)
	if got := len(SplitQuestion(many)); got != maxParts {
		t.Errorf("%d parts", got)
	}
}

// TestSplitQuestionOfALongText: the work grows with the length of a text and not with its square, whatever is in it.
func TestSplitQuestionOfALongText(t *testing.T) {
	for _, unit := range []string{"a. ", "1. ", "a\n", "- a\n", "- a?\nb\n", "a? ", "? ", "`", "> a?\n", "．？"} {
		allocated := func(n int) uint64 {
			text := strings.Repeat(unit, n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			SplitQuestion(text)
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if short, long := allocated(500), allocated(5000); long > 20*short+10_000 {
			t.Errorf("%q: %d bytes for a text, and %d for one that is ten times as long", unit, short, long)
		}
	}
}

func TestPartsAreAnsweredOneByOne(t *testing.T) {
	author := person(2)
	e := Event{Founder: person(1), Roles: []Grant{{author, RoleAuthor}}}
	post := func(id string, parent PostID, by Identity, text string) Post {
		return Post{ID: PostID(id), Parent: parent, By: by, Op: OpID{Counter: uint64(len(id))}, Revisions: []Revision{{Text: text}}}
	}
	q := post("q", "", person(3), "1. Does it  pay?\n2. When?")
	state := func(replies ...Post) string {
		w := NewWeek(e, append([]Post{q}, replies...), nil)
		var out []string
		for _, p := range w.Threads[0].Parts() {
			out = append(out, fmt.Sprint(p.Answered))
		}
		return strings.Join(out, " ")
	}
	parts := SplitQuestion(q.Text())
	if got := state(); got != "false false" {
		t.Error(got)
	}
	if got := state(post("aa", "q", author, QuotePart(parts[0], "Yes."))); got != "true false" {
		t.Errorf("the first: %s", got)
	}
	if got := state(post("aa", "q", author, QuotePart(parts[1], "Now."))); got != "false true" {
		t.Errorf("the second: %s", got)
	}
	if got := state(post("aa", "q", author, "> 1. Does it pay? 2. When?\n\nBoth: yes.")); got != "true true" {
		t.Errorf("a quotation of both: %s", got)
	}
	if got := state(post("aa", "q", author, "Both: yes.")); got != "true true" {
		t.Errorf("without a quote: %s", got)
	}
	if got := state(post("aa", "q", person(4), QuotePart(parts[0], "Yes."))); got != "false false" {
		t.Errorf("by a reader: %s", got)
	}
	if got := state(post("aa", "q", author, "> something else\n\nYes.")); got != "false false" {
		t.Errorf("another quote: %s", got)
	}
	q.Revisions[0].Text = "When? Since When?"
	if got := state(post("aa", "q", author, QuotePart("Since When?", "Now."))); got != "false true" {
		t.Errorf("a part that ends as another does: %s", got)
	}
	q.Revisions[0].Text = "Why? And when? Why?"
	if got := state(post("aa", "q", author, QuotePart("Why?", "So."))); got != "true false true" {
		t.Errorf("a part that is there twice: %s", got)
	}
	q.Revisions[0].Text = "I keep a ledger. Does it pay? Mine is old.\n\nWhen?"
	if got := state(post("aa", "q", author, QuotePart("I keep a ledger. Does it pay? Mine is old.", "Yes."))); got != "true false" {
		t.Errorf("a quoted paragraph: %s", got)
	}
}

func TestInbox(t *testing.T) {
	me, other := person(2), person(3)
	e := Event{Founder: person(1), Roles: []Grant{{me, RoleAuthor}, {other, RoleAuthor}}}
	n := 0
	q := func(id string, by int, wants int, marks Marks) Post {
		n++
		p := Post{ID: PostID(id), By: person(by), AtMillis: int64(n), Op: OpID{Counter: uint64(n)}, Marks: marks, Revisions: []Revision{{Text: id + "?"}}}
		for i := range wants {
			p.Reactions = append(p.Reactions, Reaction{By: person(100 + i), Emoji: WantEmoji})
		}
		return p
	}
	posts := []Post{
		q("old", 10, 1, Marks{}),
		q("wanted", 11, 5, Marks{}),
		q("mine", 12, 3, Marks{Assigned: []Identity{me, other}}),
		q("others", 13, 9, Marks{Assigned: []Identity{other}}),
		q("later", 14, 9, Marks{}),
		q("answered", 10, 0, Marks{Answered: true}),
		q("hidden", 15, 0, Marks{Hidden: "why"}),
		q("double", 16, 0, Marks{DuplicateOf: "old"}),
		q("new", 17, 1, Marks{}),
	}
	people := []Person{{ID: person(10), Name: "Zoë"}, {ID: person(11), Name: "ada"}, {ID: person(12), Name: "Bela"}, {ID: person(17), Name: "Carl"}}
	w := NewWeek(e, posts, people)
	ids := func(items []InboxItem) string {
		var out []string
		for _, i := range items {
			out = append(out, string(i.Thread.Question.ID))
		}
		return strings.Join(out, " ")
	}
	for order, want := range map[InboxOrder]string{
		InboxWanted: "wanted mine old new",
		InboxAge:    "old wanted mine new",
		InboxAsker:  "wanted mine new old", // Zoë has an answer already
	} {
		in := w.NewInbox(me, Postponed{"later": 0}, 0, order)
		if got := ids(in.Waiting); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
		if ids(in.Mine) != "mine" || ids(in.Others) != "others" || ids(in.Later) != "later" || ids(in.Answered) != "answered" {
			t.Errorf("%s: mine %q, others %q, later %q, answered %q", order, ids(in.Mine), ids(in.Others), ids(in.Later), ids(in.Answered))
		}
	}
	// An answer to one of two parts leaves the other in the inbox.
	half := q("half", 18, 0, Marks{})
	half.Revisions[0].Text = "1. a?\n2. b?"
	answer := q("x", 2, 0, Marks{})
	answer.Parent, answer.Revisions[0].Text = "half", QuotePart("a?", "Yes.")
	w2 := NewWeek(e, []Post{half, answer}, nil)
	if in := w2.NewInbox(me, nil, 0, InboxWanted); !w2.Threads[0].Answered || ids(in.Waiting) != "half" || ids(in.Answered) != "" {
		t.Errorf("answered by half: waiting %q, answered %q", ids(in.Waiting), ids(in.Answered))
	}
	if in := w.NewInbox(other, nil, 0, InboxWanted); ids(in.Others) != "" || ids(in.Mine) != "others mine" {
		t.Errorf("the other author: others %q, mine %q", ids(in.Others), ids(in.Mine))
	}
}

// TestSnoozedQuestionsComeBack: a question saved for later until some time is in the inbox again at that time, before the
// others, in every order.
func TestSnoozedQuestionsComeBack(t *testing.T) {
	me := person(2)
	q := func(id string, at int64, wants int) Post {
		p := Post{ID: PostID(id), By: person(int(at) + 10), AtMillis: at, Op: OpID{Counter: uint64(at)}, Revisions: []Revision{{Text: id + "?"}}}
		for i := range wants {
			p.Reactions = append(p.Reactions, Reaction{By: person(100 + i), Emoji: WantEmoji})
		}
		return p
	}
	w := NewWeek(Event{Founder: person(1)}, []Post{q("old", 1, 5), q("new", 2, 0), q("snoozed", 3, 0), q("saved", 4, 0)}, nil)
	later := Postponed{"snoozed": 1000, "saved": 0}
	list := func(items []InboxItem) (out []string) {
		for _, item := range items {
			out = append(out, fmt.Sprint(item.Thread.Question.ID, " ", item.UntilMillis, " ", item.Back))
		}
		return out
	}
	for _, order := range []InboxOrder{InboxWanted, InboxAge, InboxAsker} {
		in := w.NewInbox(me, later, 999, order)
		if got := list(in.Waiting); len(got) != 2 {
			t.Errorf("%s, before the time: %q", order, got)
		}
		if got := list(in.Later); !slices.Equal(got, []string{"snoozed 1000 false", "saved 0 false"}) {
			t.Errorf("%s, later before the time: %q", order, got)
		}
		in = w.NewInbox(me, later, 1000, order)
		if got := list(in.Waiting); len(got) != 3 || got[0] != "snoozed 1000 true" {
			t.Errorf("%s, at the time: %q", order, got)
		}
		if got := list(in.Later); !slices.Equal(got, []string{"saved 0 false"}) {
			t.Errorf("%s, later at the time: %q", order, got)
		}
	}
	later["next"] = 500
	for now, want := range map[int64]int64{0: 500, 499: 500, 500: 1000, 1000: 0} {
		if got := later.Next(now); got != want {
			t.Errorf("after %d the next comes back at %d, want %d", now, got, want)
		}
	}
}
