package qa

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flyleaf/schema"
)

// TestSwitchesSayWhatTheyDo: before an organiser closes or reopens a week, or turns approval on or off, they are told
// what it does to the posts, the draw and the winners.
func TestSwitchesSayWhatTheyDo(t *testing.T) {
	const on, off = true, false
	founder, asker, other := person(1), person(10), person(11)
	candidate := func(id PostID, by Identity) Post {
		return Post{ID: id, By: by, Marks: Marks{InDraw: true}, Revisions: []Revision{{Text: "?"}}}
	}
	two := []Post{candidate("q", asker), candidate("r", other)}
	names := []Person{{ID: asker, Name: "Ann"}, {ID: other, Name: "Bob"}, {ID: founder, Name: "Fay"}}
	revealed := Draw{Closed: true, Closing: strings.Repeat("c", 64), Commitments: []Commitment{committed(t, 1)}, Reveals: []Reveal{{By: founder}}}
	hidden := committed(t, 1)
	hidden.Secret = ""
	committedOnly := Draw{Commitments: []Commitment{hidden}}
	fixed := Draw{Closed: true, Closing: strings.Repeat("c", 64), Commitments: []Commitment{hidden}}
	waiting := revealed
	waiting.Commitments = []Commitment{committed(t, 1), {By: person(2), Hash: strings.Repeat("0", 64)}}
	void := revealed
	void.Void, void.Reveals = VoidClosings, []Reveal{{By: founder, Closing: strings.Repeat("a", 64)}, {By: person(2), Closing: strings.Repeat("b", 64)}}
	for name, c := range map[string]struct {
		event     Event
		posts     []Post
		key       string
		on        bool
		want, not string // parts of the sentences; "" for none
	}{
		"close":                                {Event{}, two, schema.KeyClosed, on, "No new questions and replies", "draw"},
		"close, with open questions":           {Event{}, two, schema.KeyClosed, on, "2 questions are not answered yet", ""},
		"close, nobody takes part":             {Event{Prizes: 1}, two, schema.KeyClosed, on, "There will be no draw, because nobody takes part", "is fixed"},
		"close, no candidates":                 {Event{Prizes: 1, Draw: &committedOnly}, nil, schema.KeyClosed, on, "no question is marked as a candidate", "is fixed"},
		"close, a draw":                        {Event{Prizes: 1, Draw: &committedOnly}, two, schema.KeyClosed, on, "1 person takes part, with 2 candidates", "no draw"},
		"close again after a draw":             {Event{Prizes: 1, Draw: &revealed}, two, schema.KeyClosed, on, "The draw stays as it is", "is fixed"},
		"closed already":                       {Event{Closed: true}, two, schema.KeyClosed, on, "", ""},
		"reopen":                               {Event{Closed: true}, two, schema.KeyClosed, off, "accepted again", "draw"},
		"reopen, late posts":                   {Event{Closed: true}, []Post{{ID: "l", By: asker, Late: true}}, schema.KeyClosed, off, "1 post that is late is not late any more", ""},
		"reopen after a draw":                  {Event{Closed: true, Prizes: 1, Draw: &revealed}, two, schema.KeyClosed, off, "The draw stands.", "until you close"},
		"reopen after a draw of two":           {Event{Closed: true, Prizes: 2, Draw: &revealed}, two, schema.KeyClosed, off, "keep the copies that were drawn", "stays as it is"},
		"reopen, chosen by hand":               {Event{Closed: true, Prizes: 2, Winners: []Winner{{Post: "q", By: founder, Note: "x"}}}, two, schema.KeyClosed, off, "Chosen by hand, and stays so: Ann.", "draw stands"},
		"reopen, some secrets":                 {Event{Closed: true, Prizes: 1, Draw: &waiting}, two, schema.KeyClosed, off, "Secrets were revealed for an earlier closing", "has not begun"},
		"reopen, no secrets":                   {Event{Closed: true, Prizes: 1, Draw: &fixed}, two, schema.KeyClosed, off, "The draw has not begun", "stands"},
		"reopen, no draw":                      {Event{Closed: true, Prizes: 1, Draw: &void}, two, schema.KeyClosed, off, "There is no draw: the week was closed more than once", "stands"},
		"reopen, nobody had taken part":        {Event{Closed: true, Prizes: 1}, two, schema.KeyClosed, off, "People can take part in the draw until you close the week again", ""},
		"approval":                             {Event{}, two, schema.KeyApprove, on, "2 posts that everybody sees now stay visible.", ""},
		"approval, an empty week":              {Event{}, nil, schema.KeyApprove, on, "from now on wait until a moderator approves", "stay visible"},
		"approval is on already":               {Event{Approve: true}, two, schema.KeyApprove, on, "", ""},
		"approval off":                         {Event{Approve: true}, two, schema.KeyApprove, off, "No post waits now.", ""},
		"approval off while one post waits":    {Event{Approve: true}, []Post{{ID: "w", By: asker, AfterApproval: true}}, schema.KeyApprove, off, "Everybody sees 1 post or edit that waits now.", ""},
		"a field that is not one of the three": {Event{}, two, schema.KeyTitle, on, "", ""},
	} {
		c.event.ID, c.event.Founder = drawEvent, founder
		w := NewWeek(c.event, c.posts, names)
		got := strings.Join(w.SwitchEffects(c.key, c.on), " ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s: %q, want %q and not %q", name, got, c.want, c.not)
		}
	}
}

// TestWhyThereIsNoDraw: the reason is the true one, also after the week was reopened.
func TestWhyThereIsNoDraw(t *testing.T) {
	early := committed(t, 1)
	early.TooEarly = true
	with := func(c ...Commitment) *Draw {
		return &Draw{Closed: true, Closing: strings.Repeat("c", 64), Commitments: c}
	}
	question := Post{ID: "q", By: person(10), Marks: Marks{InDraw: true}, Revisions: []Revision{{Text: "?"}}}
	for name, c := range map[string]struct {
		closed bool
		draw   *Draw
		posts  []Post
		want   string
	}{
		"open":                         {false, nil, []Post{question}, ""},
		"open, no candidates yet":      {false, &Draw{Commitments: []Commitment{committed(t, 1)}}, nil, ""},
		"nobody took part":             {true, nil, []Post{question}, "nobody took part in it before the week was closed"},
		"no candidates":                {true, with(committed(t, 1)), nil, "no question was a candidate when the week was closed"},
		"no candidates, open again":    {false, with(committed(t, 1)), nil, "no question was a candidate when the week was closed"},
		"secrets were revealed before": {true, with(early), []Post{question}, "all secrets were revealed before the week was closed"},
		"a draw":                       {true, with(committed(t, 1)), []Post{question}, ""},
	} {
		w := NewWeek(Event{ID: drawEvent, Founder: person(1), Closed: c.closed, Draw: c.draw}, c.posts, nil)
		drawn, err := w.RunDraw()
		if err != nil {
			t.Fatal(err)
		}
		if got := w.WhyNoDraw(drawn); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestADrawStandsOnceMade: acts that would take a copy from somebody who was drawn are found.
func TestADrawStandsOnceMade(t *testing.T) {
	var posts []Post
	for i, id := range []PostID{"p", "q", "r"} {
		posts = append(posts, Post{ID: id, By: person(10 + i), Op: OpID{Counter: uint64(i + 1)}, Marks: Marks{InDraw: true}, Revisions: []Revision{{Text: "?"}}})
	}
	e := Event{ID: drawEvent, Founder: person(1), Prizes: 2, Draw: &Draw{Closed: true, Commitments: []Commitment{committed(t, 1)}}}
	w := NewWeek(e, posts, nil)
	drawn, err := w.RunDraw()
	if err != nil {
		t.Fatal(err)
	}
	prizes := w.Prizes(drawn)
	if len(prizes) != 2 {
		t.Fatalf("%+v", prizes)
	}
	none := slices.IndexFunc(posts, func(p Post) bool { return p.By != prizes[0].By && p.By != prizes[1].By })
	choose := func(post PostID) Act { return Act{Kind: ActWinner, Post: post, Text: "a copy"} }
	copies := func(n uint64) Act { return Act{Kind: ActEvent, Fields: map[string]any{schema.KeyPrizes: n}} }
	for name, c := range map[string]struct {
		acts []Act
		want []string
	}{
		"somebody else":               {[]Act{choose(posts[none].ID)}, []string{w.PersonName(prizes[1].By)}},
		"somebody who was drawn":      {[]Act{choose(prizes[0].Post)}, nil},
		"fewer copies":                {[]Act{copies(1)}, []string{w.PersonName(prizes[1].By)}},
		"more copies":                 {[]Act{copies(3)}, nil},
		"more copies, and one for it": {[]Act{copies(3), choose(posts[none].ID)}, nil},
		"nothing about copies":        {[]Act{{Kind: ActEvent, Fields: map[string]any{schema.KeyTitle: "x"}}}, nil},
	} {
		if got := w.LosesDrawnCopy(person(1), c.acts); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	e.Draw = &Draw{Commitments: e.Draw.Commitments}
	w = NewWeek(e, posts, nil)
	if got := w.LosesDrawnCopy(person(1), []Act{choose(posts[none].ID), copies(0)}); got != nil {
		t.Errorf("before the draw: %q", got)
	}
}

// TestWinnersAreTold: who has won, and for whom, and what an organiser can announce.
func TestWinnersAreTold(t *testing.T) {
	ann, bob := person(10), person(11)
	posts := []Post{
		{ID: "p", By: ann, Op: OpID{Counter: 1}, Revisions: []Revision{{Text: "?"}}},
		{ID: "q", By: bob, Op: OpID{Counter: 2}, Marks: Marks{InDraw: true}, Revisions: []Revision{{Text: "?"}}},
	}
	e := Event{ID: drawEvent, Founder: person(1), Title: "The Book", Prizes: 2, Winners: []Winner{{Post: "p", By: person(1), Note: "x"}}}
	people := []Person{{ID: ann, Name: "Ann"}, {ID: bob, Name: "Bob"}}
	w := NewWeek(e, posts, people)
	if n := w.CountQuestions(bob); !slices.Equal(n.Winners, []string{"Ann"}) || n.Won {
		t.Errorf("chosen by hand: %+v", n)
	}
	if got := w.SuggestedAnnouncement(); !strings.HasPrefix(got, "Thank you for 2 questions. A copy of The Book goes to Ann. ") {
		t.Errorf("%q", got)
	}
	e.Draw = &Draw{Closed: true, Commitments: []Commitment{committed(t, 1)}}
	w = NewWeek(e, posts, people)
	if n := w.CountQuestions(bob); !slices.Equal(n.Winners, []string{"Ann", "Bob"}) || !n.Won {
		t.Errorf("drawn: %+v", n)
	}
	if got := w.SuggestedAnnouncement(); !strings.Contains(got, "2 copies of The Book go to Ann and Bob.") {
		t.Errorf("%q", got)
	}
	e.Winners, e.Draw, e.WinnersAtMillis = nil, nil, 100
	w = NewWeek(e, posts, people)
	if w.SuggestedAnnouncement() != "" || w.Won() != nil {
		t.Error("somebody has won a week without winners")
	}
	closed := e
	closed.Closed = true
	if e.WinnersTold(99) || !e.WinnersTold(100) || !closed.WinnersTold(99) {
		t.Error("winners are told when the authors choose, or once the week is closed")
	}
	// However many people won, and whatever they and the book are called, the text fits.
	e.Prizes, e.Title = 300, strings.Repeat("T", schema.MaxShort)
	for i := range 300 {
		posts = append(posts, Post{ID: PostID(fmt.Sprint("n", i)), By: person(100 + i), OnBehalfOf: strings.Repeat("n", schema.MaxName-i%100), Revisions: []Revision{{Text: "?"}}})
		e.Winners = append(e.Winners, Winner{Post: posts[len(posts)-1].ID, By: person(1), Note: "x"})
	}
	w = NewWeek(e, posts, people)
	for ; len(w.Event.Winners) > 0; w.Event.Winners = w.Event.Winners[1:] {
		if got := w.SuggestedAnnouncement(); len(got) > schema.MaxXValue || !strings.Contains(got, "go to nn") && len(w.Event.Winners) > 1 {
			t.Fatalf("%d winners: %d bytes: %s", len(w.Event.Winners), len(got), got)
		}
	}
}
