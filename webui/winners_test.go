package webui

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

// winnersRowOf returns a person's row of the table.
func winnersRowOf(t *testing.T, page, who string) string {
	t.Helper()
	i := strings.Index(page, `<span class="who">`+who)
	if i < 0 {
		t.Fatalf("%s has no row", who)
	}
	from := strings.LastIndex(page[:i], "<tr")
	return page[from : i+strings.Index(page[i:], "</tr>")]
}

func TestWinnersListsEachPersonOnce(t *testing.T) {
	s := newSite(t, "")
	page := s.get(s.week() + "/winners")
	if n := strings.Count(page, `class="who"`); n != 4 { // Maren, Priya through Noor, Obi, the reader
		t.Errorf("%d rows", n)
	}
	if strings.Contains(page, "type=\"checkbox\"") || strings.Contains(page, "Save my choices") {
		t.Error("a reader can tick")
	}
	if strings.Contains(page, "words that") {
		t.Error("hidden or withdrawn words are shown")
	}
	if row := winnersRowOf(t, page, qa.NamelessName(reader, "")) + winnersRowOf(t, page, "Priya Lund"); !strings.Contains(row, "through Noor Adeyemi") {
		t.Error("who asked for whom")
	}
	if w := s.send(s.week()+"/winners/choose", "row", "x"); w.Code != http.StatusForbidden {
		t.Errorf("a reader chooses: %d", w.Code)
	}
}

// TestWinnersShowsChoicesOfFormerAuthors: a choice counts, and is shown, after its writer has lost the role.
func TestWinnersShowsChoicesOfFormerAuthors(t *testing.T) {
	s := newSite(t, "")
	former := qa.Identity(strings.Repeat("f", 64))
	s.node.editViews(s.event, func(w *shownWeek) {
		w.event.Winners = []qa.Winner{{Post: s.node.sample[0], By: former, Note: "a copy"}}
	})
	if page := s.get(s.week() + "/winners"); !strings.Contains(page, qa.NamelessName(former, "")) {
		t.Error("nobody sees who chose")
	}
}

// TestASourceDoesNotHideTheWriter: a reader who names a source does not make a post an import, so pages show
// through whom somebody asks. An import by an organiser shows who imported it.
func TestASourceDoesNotHideTheWriter(t *testing.T) {
	s := newSite(t, "")
	put := func(by qa.Identity, name string) (post, row string) {
		id := s.node.addPost(s.event, qa.Post{By: by, OnBehalfOf: name, Source: "page#" + name}, "Who winds the clock for "+name+"?")
		return article(t, s.get(s.week()), string(id)), winnersRowOf(t, s.get(s.week()+"/winners"), name)
	}
	post, row := put(obi, "Ada Quill")
	mustContain(t, post, "asks, through Obi Tamsin")
	mustNotContain(t, post, "Imported by")
	mustContain(t, row, "through Obi Tamsin")
	post, row = put(noor, "Bea Quill")
	mustContain(t, post, "Imported by Noor Adeyemi")
	mustNotContain(t, post, "through")
	mustNotContain(t, row, "through")
}

func TestWinnersOldAddressLeadsToThePage(t *testing.T) {
	s := newSite(t, "")
	w := s.do(httptest.NewRequest(http.MethodGet, s.week()+"/desk", nil))
	if got := w.Header().Get("Location"); w.Code != http.StatusMovedPermanently || got != s.week()+"/winners" {
		t.Errorf("%d to %q", w.Code, got)
	}
}

func TestWinnersChoosesAndTakesBack(t *testing.T) {
	s := newSite(t, "")
	asAuthor(s)
	first := string(s.node.sample[0]) // Maren's; her other question has more votes
	page := s.get(s.week() + "/winners")
	row := winnersRowOf(t, page, "Maren Holt")
	post := between(t, row, `name="row" value="`, `"`)
	if post == first {
		t.Error("the row stands for the less wanted question")
	}
	if w := s.send(s.week()+"/winners/choose", "row", post, "choose", post, "candidate", post); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	page = s.get(s.week() + "/winners")
	if row := winnersRowOf(t, page, "Maren Holt"); strings.Count(row, " checked") != 2 || !strings.Contains(row, "chosen") {
		t.Errorf("%s", row)
	}
	if !strings.Contains(page, `<p class="name">Maren Holt</p>`) || !strings.Contains(page, "2 copies") {
		t.Error("no plate, or not two copies left")
	}
	before := len(s.node.acts())
	s.send(s.week()+"/winners/choose", "row", post, "choose", post, "candidate", post)
	if len(s.node.acts()) != before {
		t.Errorf("ticking the same again made %d acts", len(s.node.acts())-before)
	}
	s.send(s.week() + "/winners/choose") // a page without rows changes nothing
	if len(s.node.acts()) != before {
		t.Error("rows that were not on the page were taken back")
	}
	s.send(s.week()+"/winners/choose", "row", post)
	if row := winnersRowOf(t, s.get(s.week()+"/winners"), "Maren Holt"); strings.Contains(row, " checked") {
		t.Error("not taken back")
	}
}

func TestWinnersDraw(t *testing.T) {
	s := newSite(t, "")
	asAuthor(s)
	page := s.get(s.week() + "/winners")
	post := between(t, winnersRowOf(t, page, "Obi Tamsin"), `name="row" value="`, `"`)
	s.send(s.week()+"/winners/choose", "row", post, "candidate", post)
	if w := s.send(s.week()+"/winners/draw", "step", "open"); w.Code < 400 || !strings.Contains(w.Body.String(), "not closed") {
		t.Errorf("revealed too early: %d", w.Code)
	}
	if w := s.send(s.week()+"/winners/draw", "step", "commit"); w.Code != http.StatusSeeOther {
		t.Errorf("takes part: %d %s", w.Code, w.Body)
	}
	s.node.onDeviceOf(ilse, s.event, func(d *node.Device) error { return d.CommitDraw(t.Context(), s.event) })
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	page = s.get(s.week() + "/winners")
	if !strings.Contains(page, "Reveal my secret") || !strings.Contains(page, "Waiting for Ilse Marrow and "+qa.NamelessName(reader, qa.RoleAuthor)+" to reveal their secret") || strings.Contains(page, "Contribute a secret") {
		t.Error("after closing")
	}
	if !strings.Contains(page, "Whoever reveals last") {
		t.Error("it is not said what who reveals last can do")
	}
	s.send(s.week()+"/winners/draw", "step", "open")
	if page := s.get(s.week() + "/winners"); !strings.Contains(page, "Ilse Marrow is the last to reveal") || strings.Contains(page, "Reveal my secret") {
		t.Error("it is not said who is last")
	}
	s.node.onDeviceOf(ilse, s.event, func(d *node.Device) error { return d.RevealDraw(t.Context(), s.event) })
	page = s.get(s.week() + "/winners")
	for _, want := range []string{"<li>Obi Tamsin</li>", "drawn at random", "<dt>Seed</dt>", "flyleaf winners verify --event " + string(s.event), "A copy of The Patient Ledger goes to Obi Tamsin"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if w := s.send(s.week()+"/winners/draw", "step", "commit"); w.Code < 400 {
		t.Errorf("took part after closing: %d", w.Code)
	}
	s.node.editViews(s.event, func(w *shownWeek) {
		w.event.Draw.Void = qa.VoidClosings
		w.event.Draw.Reveals = []qa.Reveal{{By: ilse, Closing: strings.Repeat("a", 64), ClosedBy: ilse}, {By: reader, Closing: strings.Repeat("b", 64), ClosedBy: ilse}}
	})
	if page := s.get(s.week() + "/winners"); !strings.Contains(page, "Ilse Marrow for the closing by Ilse Marrow (aaaaaaaa)") || strings.Contains(page, "<dt>Seed</dt>") {
		t.Error("it is not said why there is no draw")
	}
}

func TestClaimIsForWinners(t *testing.T) {
	s := newSite(t, "")
	if page := s.get(s.week() + "/winners"); strings.Contains(page, "You won a copy") {
		t.Error("nobody has won yet")
	}
	if w := s.send(s.week()+"/claim", "contact", "Lange Straße 1"); w.Code < 400 || !strings.Contains(w.Body.String(), "Lange Straße 1</textarea>") {
		t.Errorf("words of somebody who has won nothing: %d", w.Code)
	}
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActWinner, Post: s.node.sample[pMine], Text: "!"})
	if page := s.get(s.week() + "/winners"); !strings.Contains(page, "You won a copy") || !strings.Contains(page, "encrypted for Noor Adeyemi") {
		t.Error("the winner is not told")
	}
	s.node.setFail(errors.New("the disk is full"))
	if w := s.send(s.week()+"/claim", "contact", "Lange Straße 1"); w.Code < 400 || !strings.Contains(w.Body.String(), "Lange Straße 1</textarea>") {
		t.Errorf("words lost: %d", w.Code)
	}
	s.node.setFail(nil)
	w := s.send(s.week()+"/claim", "contact", "Lange Straße 1")
	if w.Code != http.StatusSeeOther || !strings.Contains(s.get(strings.Split(w.Header().Get("Location"), "#")[0]), "Encrypted and saved") {
		t.Errorf("%d", w.Code)
	}
	if page := s.get(s.week() + "/winners"); strings.Contains(page, "Lange") {
		t.Error("somebody else's page shows the contact")
	}
}

// TestTheFounderReadsWhereCopiesGo: only the founder can read where to send the copies.
func TestTheFounderReadsWhereCopiesGo(t *testing.T) {
	s := newSite(t, "")
	inv, err := s.node.CreateEvent(t.Context(), qa.Event{Title: "A week of the reader's", Prizes: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	s.event = inv.Event
	s.node.doAs(maren, s.event, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Maren Holt"}})
	post := string(s.node.addPost(s.event, qa.Post{By: maren}, "May I have one?"))
	s.send(s.week()+"/winners/choose", "row", post, "choose", post)
	s.node.onDeviceOf(maren, s.event, func(d *node.Device) error {
		_, err := d.ClaimPrize(t.Context(), s.event, "Lange Straße 1")
		return err
	})
	if page := s.get(s.week() + "/winners"); !strings.Contains(page, "Lange Straße 1") || !strings.Contains(page, "Maren Holt") {
		t.Error("the founder does not see it")
	}
}

// between returns the part of a page between two texts.
func between(t *testing.T, s, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(s, from)
	if !ok {
		t.Fatalf("no %q in %s", from, s)
	}
	out, _, _ := strings.Cut(rest, to)
	return out
}

// TestListsShowWordsAndNotMarkdown: a list shows a post in one line, as plain words without
// Markdown.
func TestListsShowWordsAndNotMarkdown(t *testing.T) {
	s := newSite(t, "")
	asAuthor(s)
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	id := s.node.addPost(s.event, qa.Post{By: maren, AtMillis: testNow.UnixMilli() - 2000}, "Is the **ledger** [kept](https://books.example/)\n\n- by _hand_?")
	for _, path := range []string{"/winners", "/inbox", "/p/" + string(id) + "/moderate"} {
		page := s.get(s.week() + path)
		if !strings.Contains(page, "Is the ledger kept") {
			t.Errorf("%s does not show the words", path)
		}
		for _, raw := range []string{"**ledger**", "](https", "_hand_"} {
			if strings.Contains(page, raw) {
				t.Errorf("%s shows %q", path, raw)
			}
		}
	}
}
