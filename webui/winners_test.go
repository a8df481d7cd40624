package webui

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

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
	if content, _, _ := strings.Cut(page, `<dialog id="keys"`); strings.Contains(content, "type=\"checkbox\"") || strings.Contains(page, "Save my choices") {
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

// TestWinnersHasPages: the winners page has the same size, however many people asked and however much, and saving changes
// only what is on the page.
func TestWinnersHasPages(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	const people = 2*rowsOnPage + 7
	s.node.onDeviceOf(maren, s.event, func(d *node.Device) error {
		for i := range people + 20 {
			who := fmt.Sprintf("Person %d", min(i, people-1)) // the last one asks much
			act := qa.Act{Kind: qa.ActPost, AtMillis: testNow.UnixMilli() - 5000 + int64(i), OnBehalfOf: who, Text: fmt.Sprintf("Question %d about ledgers, boxes and a kraken%d?", i, i)}
			if _, err := d.Do(t.Context(), s.event, act); err != nil {
				return err
			}
		}
		return nil
	})
	path := s.week() + "/winners"
	page := s.get(path)
	if n := strings.Count(page, `class="who"`); n != rowsOnPage || len(page) > 100_000 {
		t.Errorf("%d rows in %d bytes", n, len(page))
	}
	seen := map[string]bool{}
	for next := path; next != ""; {
		page := s.get(next)
		for _, m := range regexp.MustCompile(`<span class="who">([^<]+)`).FindAllStringSubmatch(page, -1) {
			seen[m[1]] = true
		}
		next = ""
		if m := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(page); m != nil {
			next = html.UnescapeString(m[1])
		}
	}
	if len(seen) != people+4 { // with those of the sample
		t.Errorf("the pages list %d people", len(seen))
	}
	// Somebody who asks much is found by one of their questions, and their row leads to all of these.
	found := s.get(path + "?q=kraken115")
	row := winnersRowOf(t, found, fmt.Sprintf("Person %d, through Maren Holt", people-1))
	if strings.Count(found, `class="who"`) != 1 || strings.Count(row, "kraken") != questionsOfOne || !strings.Contains(row, "18 more questions") {
		t.Errorf("found: %s", row)
	}
	all := html.UnescapeString(regexp.MustCompile(`<a href="([^"]+who=[^"]+)"`).FindStringSubmatch(row)[1])
	if got := strings.Count(s.get(all), "kraken"); got != 21 {
		t.Errorf("%s lists %d questions", all, got)
	}
	if got := s.get(path + "?q=Person+17"); strings.Count(got, `class="who"`) != 1 {
		t.Error("nobody is found by name")
	}
	// Choices on the second page are saved, and those of the first stay.
	chooseOn := func(address, who string) {
		t.Helper()
		page := s.get(address)
		post := regexp.MustCompile(`name="row" value="([^"]+)"`).FindStringSubmatch(winnersRowOf(t, page, who))[1]
		back := html.UnescapeString(regexp.MustCompile(`name="back" value="([^"]*winners[^"]*)"`).FindStringSubmatch(page)[1])
		if w := s.send(path+"/choose", "row", post, "choose", post, "candidate", post, "back", back); withUndo(w.Header().Get("Location"), "") != withUndo(savedAt(address), "") {
			t.Errorf("after saving %s: to %s", address, w.Header().Get("Location"))
		}
	}
	chooseOn(path, "Person 3,")
	chooseOn(path+"?page=2", "Person 60,")
	chosen := s.get(path + "?show=chosen")
	if strings.Count(chosen, `class="who"`) != 2 || !strings.Contains(chosen, "Person 3,") || !strings.Contains(chosen, "Person 60,") {
		t.Error("who is chosen")
	}
}

// TestSavingIsConfirmed: after choices or an answer were saved, the page says so where the reader is.
func TestSavingIsConfirmed(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	mustNotContain(t, s.get(s.week()+"/winners"), `id="saved"`)
	to := s.sent(s.week()+"/winners/choose", "row", s.id(pQuestion), "choose", s.id(pQuestion), "back", s.week()+"/winners?show=chosen")
	if withUndo(to, "") != s.week()+"/winners?saved=1&show=chosen#saved" {
		t.Errorf("back to %s", to)
	}
	page := s.get(strings.TrimSuffix(to, "#saved"))
	mustContain(t, page, `id="saved"`, "Saved on this device.</b> You have chosen 1 person.")
	to = s.sent(s.week()+"/winners/choose", "row", s.id(pQuestion), "back", s.week()+"/winners?show=chosen")
	mustContain(t, s.get(strings.TrimSuffix(to, "#saved")), "Nobody is chosen yet", "You have chosen nobody.")
	to = s.sent(s.post(pDuplicate)+"/answer", "body", "An answer", "back", s.week()+"/inbox")
	mustContain(t, s.get(strings.TrimSuffix(to, "#saved")), "Your answer is saved on this device.")
}

// TestWinnersAreTold: when the week is closed, or the time has come to choose, its page and the list of weeks say who has
// won; and to the winner, where to enter an address.
func TestWinnersAreTold(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActWinner, Post: qa.PostID(s.id(pQuestion)), Text: "a copy"})
	mustNotContain(t, s.get(s.week()), `id="announcement"`, `id="won"`)
	mustNotContain(t, s.get("/"), "Won by")
	s.clock = time.UnixMilli(onDay(13, 10, 0))
	mustContain(t, s.get(s.week()), "<b>Winners:</b> Maren Holt.")
	s.clock = testNow
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	mustContain(t, s.get(s.week()), "<b>Winners:</b> Maren Holt.", s.week()+"/winners")
	mustContain(t, s.get("/"), "Won by Maren Holt")
	mustNotContain(t, s.get(s.week()), "You won")

	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActWinner, Post: qa.PostID(s.id(pMine)), Text: "a copy"})
	mustContain(t, s.get(s.week()), "You won a copy.", s.week()+"/winners#claim", "Winners:</b> Maren Holt and ")
	mustContain(t, s.get("/"), "You won a copy")
	mustContain(t, s.get(s.week()+"/winners"), `id="claim"`)
}

// TestAnnouncementInAClosedWeek: an organiser announces the winners with one press although the week is closed, and
// everybody reads it.
func TestAnnouncementInAClosedWeek(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActWinner, Post: qa.PostID(s.id(pQuestion)), Text: "a copy"})
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	mustNotContain(t, s.get(s.week()+"/winners"), "Announcement")
	if w := s.send(s.week()+"/winners/announce", "text", "I won"); w.Code != http.StatusForbidden {
		t.Errorf("a reader announces: %d", w.Code)
	}
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	page := s.get(s.week() + "/winners")
	mustContain(t, page, "an organiser can post it here")
	mustNotContain(t, page, "Post the announcement")

	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	page = s.get(s.week() + "/winners")
	mustContain(t, page, "Post the announcement")
	_, form, _ := strings.Cut(page, `name="text"`)
	_, text, _ := strings.Cut(form, ">")
	text, _, _ = strings.Cut(text, "</textarea>")
	if !strings.Contains(text, "A copy of The Patient Ledger goes to Maren Holt.") {
		t.Fatalf("%q", text)
	}
	to := s.sent(s.week()+"/winners/announce", "text", text)
	mustContain(t, s.get(strings.TrimSuffix(to, "#say")), "<b>Saved.</b>", "Save the announcement", `name="remove"`)
	mustContain(t, s.get(s.week()), `id="announcement"`, "A copy of The Patient Ledger goes to Maren Holt.")

	w := s.send(s.week()+"/winners/announce", "text", strings.Repeat("long ", 300))
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("too long: %d", w.Code)
	}
	mustContain(t, w.Body.String(), "long long", "Your text is still in the box")
	s.sent(s.week()+"/winners/announce", "remove", "1", "text", text)
	mustNotContain(t, s.get(s.week()), "Thank you for")
}
