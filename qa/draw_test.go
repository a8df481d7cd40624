package qa

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flyleaf/schema"
)

func person(n int) Identity {
	h := sha256.Sum256(fmt.Appendf(nil, "person %d", n))
	return Identity(hex.EncodeToString(h[:]))
}

var drawEvent = MakeEventID([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})

// committed returns the commitment of person n with a secret of 32 bytes n, opened.
func committed(t *testing.T, n int) Commitment {
	t.Helper()
	secret := bytes.Repeat([]byte{byte(n)}, DrawSecretSize)
	h, err := CommitDraw(drawEvent, person(n), secret)
	if err != nil {
		t.Fatal(err)
	}
	return Commitment{By: person(n), Hash: hex.EncodeToString(h), Secret: hex.EncodeToString(secret), KnownToFounder: true}
}

func run(t *testing.T, d Draw, entrants ...Entrant) Drawn {
	t.Helper()
	got, err := d.Run(drawEvent, person(1), entrants)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func entrants(ns ...int) (out []Entrant) {
	for _, n := range ns {
		out = append(out, Entrant{By: person(n)})
	}
	return out
}

// TestDrawGolden: the draw gives the result that another program computed from the description above
// Draw. So today's draws can always be verified.
func TestDrawGolden(t *testing.T) {
	d := Draw{Rule: DrawAll, Closed: true, Commitments: []Commitment{committed(t, 1), committed(t, 2)}}
	got := run(t, d, append(entrants(10, 11, 12, 13), Entrant{By: person(1), OnBehalfOf: "Zoë"})...)
	const seed = "0445dff5d89edfb850c3fadfc9b7301b8c34050be8920f428c89e20f49c4f0e2"
	if got.Seed != seed {
		t.Errorf("seed %s", got.Seed)
	}
	var order []string
	for _, e := range got.Order {
		order = append(order, string(e.By[:4])+e.OnBehalfOf)
	}
	if want := "9129 2724 9e6fZoë 617c 725f"; strings.Join(order, " ") != want {
		t.Errorf("order %q, want %q", strings.Join(order, " "), want)
	}
	if got.State != DrawDone || !slices.Contains(got.Secrets, person(2)) {
		t.Errorf("%+v", got)
	}
}

func TestDrawDoesNotDependOnOrder(t *testing.T) {
	all := entrants(10, 11, 12, 13, 14, 15, 16)
	d := Draw{Closed: true, Commitments: []Commitment{committed(t, 1), committed(t, 2), committed(t, 3)}}
	want := run(t, d, all...)
	for range 20 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		rand.Shuffle(len(d.Commitments), func(i, j int) {
			d.Commitments[i], d.Commitments[j] = d.Commitments[j], d.Commitments[i]
		})
		got := run(t, d, append(slices.Clone(all), all[0])...) // one of them twice
		if got.Seed != want.Seed || !slices.Equal(got.Order, want.Order) {
			t.Fatal("another order of the same gave another draw")
		}
	}
	sorted := slices.Clone(want.Order)
	slices.SortFunc(sorted, Entrant.compare)
	if !slices.Equal(sorted, want.Entrants) || len(sorted) != 7 {
		t.Error("the order is not one of all entrants")
	}
}

// TestDrawSeedTakesEverything: every secret and every candidate changes the seed.
func TestDrawSeedTakesEverything(t *testing.T) {
	seen := map[string]string{}
	add := func(what string, d Draw, es ...Entrant) {
		t.Helper()
		s := run(t, d, es...).Seed
		if s == "" || seen[s] != "" {
			t.Errorf("%s has the seed of %q: %q", what, seen[s], s)
		}
		seen[s] = what
	}
	two := Draw{Closed: true, Commitments: []Commitment{committed(t, 1), committed(t, 2)}}
	add("two", two, entrants(10, 11)...)
	add("three candidates", two, entrants(10, 11, 12)...)
	add("another name", two, Entrant{By: person(10), OnBehalfOf: "a"}, Entrant{By: person(11)})
	add("one secret", Draw{Closed: true, Commitments: two.Commitments[:1]}, entrants(10, 11)...)
	add("another secret", Draw{Closed: true, Commitments: []Commitment{committed(t, 1), committed(t, 3)}}, entrants(10, 11)...)
}

// TestPickIsFair: every index is picked about equally often.
func TestPickIsFair(t *testing.T) {
	const n, draws = 7, 70_000
	var count [n]int
	for i := range uint64(draws) {
		count[pick([]byte("seed"), i, n)]++
	}
	for place, c := range count {
		// Five standard deviations of a fair count: once in a million runs.
		if c < draws/n-470 || c > draws/n+470 {
			t.Errorf("place %d was taken %d times of %d", place, c, draws)
		}
	}
}

func TestDrawWaitsAndLeavesOut(t *testing.T) {
	unopened := func(c Commitment) Commitment { c.Secret = ""; return c }
	early := func(c Commitment) Commitment { c.TooEarly = true; return c }
	unseen := func(c Commitment) Commitment { c.KnownToFounder = false; return c }
	wrong := func(c Commitment) Commitment { c.Secret = strings.Repeat("ab", 32); return c }
	one, two, three := committed(t, 1), committed(t, 2), committed(t, 3)
	for _, c := range []struct {
		name    string
		draw    Draw
		state   DrawState
		waiting []Identity
		leftOut []Identity
		secrets int
	}{
		{"nobody", Draw{Closed: true}, DrawNobody, nil, nil, 0},
		{"open", Draw{Commitments: []Commitment{one, two}}, DrawOpen, nil, nil, 0},
		{"all there", Draw{Closed: true, Commitments: []Commitment{one, two}}, DrawDone, nil, nil, 2},
		{"one missing", Draw{Closed: true, Commitments: []Commitment{one, unopened(two)}}, DrawWaiting, []Identity{person(2)}, nil, 0},
		{"a wrong secret is none", Draw{Closed: true, Commitments: []Commitment{one, wrong(two)}}, DrawWaiting, []Identity{person(2)}, nil, 0},
		{"too early", Draw{Closed: true, Commitments: []Commitment{one, early(two)}}, DrawDone, nil, []Identity{person(2)}, 1},
		{"all too early", Draw{Closed: true, Commitments: []Commitment{early(one)}}, DrawNobody, nil, []Identity{person(1)}, 0},
		{"left out by the founder", Draw{Rule: DrawFounderLast, Closed: true, Commitments: []Commitment{one, unopened(two), unseen(three)}}, DrawDone, nil, []Identity{person(2), person(3)}, 1},
		{"before the founder opened", Draw{Rule: DrawFounderLast, Closed: true, Commitments: []Commitment{unopened(one), two, unseen(three)}}, DrawWaiting, []Identity{person(1)}, nil, 0},
		{"known to the founder or not, all is all", Draw{Rule: DrawAll, Closed: true, Commitments: []Commitment{one, unseen(two)}}, DrawDone, nil, nil, 2},
	} {
		got := run(t, c.draw, entrants(10, 11)...)
		slices.Sort(c.leftOut)
		if got.State != c.state || !slices.Equal(got.Unrevealed, c.waiting) || !slices.Equal(got.Excluded, c.leftOut) || len(got.Secrets) != c.secrets {
			t.Errorf("%s: %+v", c.name, got)
		}
		if (got.State == DrawDone) != (len(got.Order) == 2) {
			t.Errorf("%s: %d in order, %s", c.name, len(got.Order), got.State)
		}
	}
	if got := run(t, Draw{Closed: true, Commitments: []Commitment{one}}); got.State != DrawNobody {
		t.Errorf("no candidate: %s", got.State)
	}
	if _, err := (&Draw{Commitments: []Commitment{{By: "x", Secret: strings.Repeat("ab", 32)}}}).Run(drawEvent, person(1), nil); err == nil {
		t.Error("a commitment of nobody was taken")
	}
}

// TestOpenDrawGolden: the values that open a secret, and commit to it, equal those that another
// program computed from the description.
func TestOpenDrawGolden(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, DrawSecretSize)
	closing := strings.Repeat("c1", 32)
	b, err := RevealDraw(secret, closing)
	if err != nil || hex.EncodeToString(b) != strings.Repeat("07", 32)+closing || len(b) != DrawRevealSize || len(b) > schema.MaxDraw {
		t.Errorf("%x %v", b, err)
	}
	h, err := CommitDraw(drawEvent, person(1), secret)
	const want = "b1d96074d4c1c94b30f81ffb4f1cd67b5414a6671be4d76227b1b7e32131d416"
	if err != nil || hex.EncodeToString(h) != want {
		t.Errorf("commitment %x %v", h, err)
	}
	for _, c := range []struct {
		secret  []byte
		closing string
	}{{secret[1:], closing}, {secret, closing[2:]}, {secret, ""}, {secret, strings.Repeat("x1", 32)}} {
		if _, err := RevealDraw(c.secret, c.closing); err == nil {
			t.Errorf("taken: %d bytes for %q", len(c.secret), c.closing)
		}
	}
}

// TestMayOpen: only the right people may open a secret, and others are told why they may not.
func TestMayOpen(t *testing.T) {
	unopened := committed(t, 1)
	unopened.Secret = ""
	other := committed(t, 2)
	other.NotForClosing = true
	early := committed(t, 3)
	early.TooEarly = true
	d := &Draw{Closed: true, Closing: strings.Repeat("c1", 32), Commitments: []Commitment{unopened, other, early, committed(t, 4)}}
	w := Week{Event: Event{Draw: d}} // opened again since: the draw stays
	for n, want := range map[int]error{1: nil, 2: nil, 3: ErrDrawTooEarly, 4: ErrDrawRevealed, 5: ErrDrawNotMine} {
		if err := w.MayReveal(person(n)); !errors.Is(err, want) {
			t.Errorf("person %d: %v, want %v", n, err, want)
		}
	}
	d.Void = VoidClosings
	if err := w.MayReveal(person(1)); !errors.Is(err, ErrDrawVoid) {
		t.Error(err)
	}
	if err := (&Week{Event: Event{Draw: &Draw{}}}).MayReveal(person(1)); !errors.Is(err, ErrDrawNotFixed) {
		t.Error(err)
	}
	if err := (&Week{Event: Event{Closed: true}}).MayReveal(person(1)); !errors.Is(err, ErrDrawNotMine) {
		t.Error(err)
	}
}

// TestDrawNamesThePeopleWhoCouldPreventIt: the people who could prevent the draw are listed by name.
func TestDrawNamesThePeopleWhoCouldPreventIt(t *testing.T) {
	w := Week{People: map[Identity]Person{person(1): {Name: "Orla"}, person(2): {Name: "Ilse"}}}
	one, two := committed(t, 1), committed(t, 2)
	say := func(cs ...Commitment) string {
		return w.LastRevealWarning(run(t, Draw{Closed: true, Commitments: cs}, entrants(10, 11)...))
	}
	last := func(c Commitment) Commitment { c.Last = true; return c }
	closed := func(c Commitment) Commitment { c.Secret = ""; return c }
	for want, got := range map[string]string{
		"Orla revealed last":                say(last(one), two),
		"Nobody can tell who revealed last": say(last(one), last(two)),
		"Ilse is the last to reveal":        say(one, closed(two)),
		"Whoever reveals last":              say(closed(one), closed(two)),
	} {
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q…", got, want)
		}
	}
	w.Event = Event{Founder: person(1), Draw: &Draw{Void: VoidClosings, Reveals: []Reveal{
		{By: person(1), Closing: strings.Repeat("a", 64), ClosedBy: person(1)}, {By: person(2), Closing: strings.Repeat("b", 64), ClosedBy: person(1)},
	}}}
	if got := w.WhyNoDraw(Drawn{State: DrawVoid}); !strings.Contains(got, "Orla for the closing by Orla (aaaaaaaa); Ilse for the closing by Orla (bbbbbbbb)") {
		t.Error(got)
	}
	if got := run(t, *w.Event.Draw); got.State != DrawNobody {
		t.Error(got.State)
	}
	w.Event.Draw.Void, w.Event.Draw.Closed, w.Event.Draw.Commitments = VoidFounder, true, []Commitment{one, two}
	if got := run(t, *w.Event.Draw, entrants(10)...); got.State != DrawVoid || got.Order != nil || !strings.Contains(w.WhyNoDraw(Drawn{State: DrawVoid}), "Orla revealed it more than once") {
		t.Errorf("%+v %s", got, w.WhyNoDraw(Drawn{State: DrawVoid}))
	}
}

func TestCommitDrawRefuses(t *testing.T) {
	secret := make([]byte, 32)
	if _, err := CommitDraw("x", person(1), secret); err == nil {
		t.Error("an event that is none")
	}
	if _, err := CommitDraw(drawEvent, "x", secret); err == nil {
		t.Error("an identity that is none")
	}
	if _, err := CommitDraw(drawEvent, person(1), secret[:31]); err == nil {
		t.Error("31 bytes")
	}
	a, _ := CommitDraw(drawEvent, person(1), secret)
	b, _ := CommitDraw(drawEvent, person(2), secret)
	if bytes.Equal(a, b) {
		t.Error("a commitment can be taken over by somebody else")
	}
}

func TestPrizes(t *testing.T) {
	founder, author := person(1), person(2)
	q := func(n int, by Identity, name string, in bool) Post {
		return Post{
			ID: PostID(fmt.Sprintf("q%d", n)), By: by, OnBehalfOf: name, AtMillis: int64(n), Op: OpID{Counter: uint64(n)},
			Marks: Marks{InDraw: in}, Revisions: []Revision{{Text: "?"}},
		}
	}
	gone := q(5, person(14), "", true)
	gone.Withdrawn = true
	posts := []Post{
		q(1, person(10), "", true),
		q(2, person(11), "", true),
		q(3, person(10), "", true), // a second of the same person
		q(4, author, "", true),     // an author's own
		gone,
		q(6, founder, "Zoë", true), // asked for somebody
		q(7, person(12), "", false),
		q(8, person(13), "", true),
	}
	e := Event{Founder: founder, Prizes: 5, Roles: []Grant{{author, RoleAuthor}}, Winners: []Winner{
		{Post: "q7", By: author, Note: "!"},
		{Post: "q7", By: founder, Note: "!"},
		{Post: "q4", By: author, Note: "!"},     // not even by hand
		{Post: "q8", By: person(50), Note: "!"}, // an author when choosing, and no longer
	}}
	w := NewWeek(e, posts, nil)
	if got := w.Entrants(); len(got) != 6 { // the entrants are fixed; who may not win is passed over later
		t.Errorf("entrants %v", got)
	}
	drawn := Drawn{State: DrawDone, Order: []Entrant{
		{By: author}, {By: person(14)}, {By: person(10)}, {By: person(12)}, {By: founder, OnBehalfOf: "Zoë"}, {By: person(11)}, {By: person(13)},
	}}
	got := w.Prizes(drawn)
	want := []Prize{
		{Entrant: Entrant{By: person(12)}, Post: "q7", ChosenBy: union([]Identity{author}, []Identity{founder})},
		{Entrant: Entrant{By: person(13)}, Post: "q8", ChosenBy: []Identity{person(50)}},
		{Entrant: Entrant{By: person(10)}, Post: "q1"},
		{Entrant: Entrant{By: founder, OnBehalfOf: "Zoë"}, Post: "q6"},
		{Entrant: Entrant{By: person(11)}, Post: "q2"},
	}
	if !slices.EqualFunc(got, want, func(a, b Prize) bool {
		return a.Entrant == b.Entrant && a.Post == b.Post && slices.Equal(a.ChosenBy, b.ChosenBy)
	}) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	passed := w.Ineligible(drawn)
	if len(passed) != 2 || passed[0].By != author || passed[0].Why != "organisers and authors cannot win" || passed[1].By != person(14) || passed[1].Why != "the question was withdrawn" {
		t.Errorf("passed over %+v", passed)
	}
	hidden := slices.Clone(posts)
	hidden[0].Marks.Hidden, hidden[0].Marks.HiddenBy = "no", founder
	hidden[2].Marks.Hidden, hidden[2].Marks.HiddenBy = "no", founder
	after := NewWeek(e, hidden, []Person{{ID: founder, Name: "Orla"}})
	if got := after.Ineligible(drawn); len(got) != 3 || got[2].By != person(10) || got[2].Why != "the question was hidden by Orla" {
		t.Errorf("hidden after the draw: %+v", got)
	}
	w.Event.Prizes = 0
	if got := w.Prizes(drawn); len(got) != 2 {
		t.Errorf("without a number of copies %v", got)
	}
	w.Event.Prizes, w.Event.Winners = 1, append(e.Winners, Winner{Post: "q1", By: author, Note: "!"})
	if got := w.Prizes(drawn); len(got) != 3 {
		t.Errorf("who was chosen keeps the copy: %v", got)
	}
}
