package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

type drawnWeek struct {
	Prizes []struct {
		By       string   `json:"by"`
		Name     string   `json:"name"`
		ChosenBy []string `json:"chosenBy"`
	} `json:"prizes"`
	Draw struct {
		State    string   `json:"state"`
		Waiting  []string `json:"waiting"`
		Seed     string   `json:"seed"`
		Entrants []any    `json:"entrants"`
		Order    []any    `json:"order"`
	} `json:"draw"`
}

// TestWinners plays a Friday: an author's candidates, commitments before closing, a winner
// chosen by hand, secrets revealed afterwards, the same draw on every device, and a contact
// that only the founder can read.
func TestWinners(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, author, reader, other := newDevice(t), newDevice(t), newDevice(t), newDevice(t)
	organiser.run("identity", "name", "Orla")
	week := decode[made](organiser, "event", "new", "--title", "The Patient Ledger", "--by", "Ilse Marrow", "--copies", "2", "--relay", relay.url())
	organiser.run("sync")
	ids := map[*device]string{}
	for d, name := range map[*device]string{author: "Ilse", reader: "Rosa", other: "Zoë"} {
		d.run("identity", "name", name)
		d.run("join", week.Invitation)
		ids[d] = d.run("identity", "show")
	}
	organiser.run("event", "grant", ids[author], "author")
	organiser.run("sync")
	sync := func() {
		for _, d := range []*device{organiser, author, reader, other, organiser, author, reader, other} {
			d.run("sync")
		}
	}
	sync()
	chosen := reader.run("ask", "What came first?")
	wanted := other.run("ask", "May nothing be changed?")
	second := other.run("ask", "Not even a typing mistake?")
	own := author.run("ask", "Does anybody ask me anything?")
	sync()
	for _, q := range []string{wanted, second, own} {
		author.run("winners", "candidate", q)
	}
	if _, errs, code := reader.try("winners", "candidate", wanted); code != 5 {
		t.Errorf("a reader's candidate: %d %s", code, errs)
	}
	author.run("winners", "commit")
	organiser.run("winners", "commit")
	if _, errs, code := author.try("winners", "draw"); code != 5 || !strings.Contains(errs, "not closed") {
		t.Errorf("a draw before closing: %d %s", code, errs)
	}
	author.run("winners", "pick", chosen)
	sync()
	if s := decode[drawnWeek](reader, "winners", "list").Draw.State; s != "open" {
		t.Errorf("before closing the draw is %q", s)
	}
	organiser.run("event", "close")
	sync()
	if out := author.run("winners", "draw"); !strings.Contains(out, "is waiting for Orla") {
		t.Errorf("one of two secrets: %s", out)
	}
	sync()
	organiser.run("winners", "draw")
	sync()

	var seeds []string
	for _, d := range []*device{organiser, author, reader, other} {
		w := decode[drawnWeek](d, "winners", "verify")
		seeds = append(seeds, w.Draw.Seed)
		// Rosa was chosen by hand. Of the two candidates, the author cannot win, so Zoë wins, once,
		// with two questions.
		if len(w.Prizes) != 2 || w.Prizes[0].Name != "Rosa" || w.Prizes[0].ChosenBy[0] != ids[author] ||
			w.Prizes[1].Name != "Zoë" || len(w.Prizes[1].ChosenBy) != 0 || len(w.Draw.Order) != 2 {
			t.Errorf("%+v", w)
		}
	}
	if slices.Sort(seeds); seeds[0] == "" || seeds[0] != seeds[3] {
		t.Errorf("seeds %q", seeds)
	}

	if out := reader.run("winners", "verify"); !strings.Contains(out, "Orla revealed last, and could have stopped the draw") {
		t.Errorf("the output does not say who revealed last: %s", out)
	}
	// Reopening the event, adding candidates and closing it again changes nothing.
	if _, says, code := organiser.try("event", "close", "--undo"); code != 0 || !strings.Contains(says, "The draw stands. Zoë keeps the copy that was drawn.") {
		t.Errorf("reopening says: %d %s", code, says)
	}
	sync()
	for _, d := range []*device{organiser, reader} {
		if w := decode[drawnWeek](d, "winners", "list"); len(w.Prizes) != 2 || w.Prizes[1].Name != "Zoë" {
			t.Errorf("after reopening: %+v", w.Prizes)
		}
	}
	author.run("winners", "candidate", chosen)
	if _, errs, code := author.try("winners", "commit"); code != 5 || !strings.Contains(errs, "nobody can join its draw") {
		t.Errorf("a commitment after the draw: %d %s", code, errs)
	}
	sync()
	organiser.run("event", "close")
	sync()
	for _, d := range []*device{organiser, reader} {
		if w := decode[drawnWeek](d, "winners", "verify"); w.Draw.Seed != seeds[0] || len(w.Draw.Order) != 2 {
			t.Errorf("after closing again: %+v", w.Draw)
		}
	}

	if _, errs, code := author.try("winners", "claim", "mine"); code != 4 || !strings.Contains(errs, "have not won a copy") {
		t.Errorf("a claim by somebody who has not won: %d %s", code, errs)
	}
	other.run("winners", "claim", "Zoë, Lange Straße 1")
	sync()
	claims := decode[[]struct{ Name, Contact string }](organiser, "winners", "contacts")
	if len(claims) != 1 || claims[0].Name != "Zoë" || claims[0].Contact != "Zoë, Lange Straße 1" {
		t.Errorf("%+v", claims)
	}
	if _, errs, code := reader.try("winners", "contacts"); code != 5 || !strings.Contains(errs, "founder") {
		t.Errorf("claims for somebody else: %d %s", code, errs)
	}
	if log := reader.run("event", "log", "--json"); strings.Contains(log, "Lange") || !json.Valid([]byte(strings.Split(log, "\n")[0])) {
		t.Error("the contact can be read by others")
	}
}
