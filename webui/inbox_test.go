package webui

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/qa"
)

// asAuthor makes the reader an author of the sample week, and puts in a question of
// two parts that waits.
func asAuthor(s *site) (parts qa.PostID) {
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	return s.node.addPost(s.event, qa.Post{By: maren, AtMillis: testNow.UnixMilli() - 1000, Reactions: []qa.Reaction{
		{By: obi, Emoji: qa.WantEmoji}, {By: ilse, Emoji: qa.WantEmoji}, {By: teodor, Emoji: qa.WantEmoji},
	}}, "Two more:\n\n1. Who reads it?\n2. Who may close it?")
}

func TestInboxIsForAuthors(t *testing.T) {
	s := newSite(t, "")
	if w := s.do(httptest.NewRequest("GET", s.week()+"/inbox", nil)); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Only authors can do this") {
		t.Errorf("%d", w.Code)
	}
	if page := s.get(s.week()); strings.Contains(page, s.week()+"/inbox") {
		t.Error("a reader is shown the way to the inbox")
	}
	for _, path := range []string{"/answer", "/take"} {
		if w := s.send(s.week()+"/p/"+string(s.node.sample[0])+path, "body", "x", "take", "1"); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if len(s.node.acts()) != 0 {
		t.Errorf("%+v", s.node.acts())
	}
}

func TestInboxShowsWhatWaits(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	page := s.get(s.week() + "/inbox")
	if !strings.Contains(page, "to answer") || !strings.Contains(s.get(s.week()), s.week()+"/inbox") {
		t.Error("no heading, or no way there")
	}
	// The most wanted is open, with its parts and the form.
	open := page[strings.Index(page, `id="`+postElem(id)+`"`):]
	open = open[:strings.Index(open, "</article>")]
	for _, want := range []string{"Who may close it?", `<option value="0">the whole question</option>`, `<option value="2">part 2: Who may close it?</option>`, `action="` + s.week() + "/p/" + string(id) + `/answer"`, "Take<", "Assign"} {
		if !strings.Contains(open, want) {
			t.Errorf("the open question lacks %q", want)
		}
	}
	for _, not := range []string{"words that are hidden", "words that were taken back", "My grandmother kept"} {
		if strings.Contains(page, not) {
			t.Errorf("%q is in the inbox", not)
		}
	}
	if answered := s.get(s.week() + "/inbox?show=answered"); !strings.Contains(answered, "My grandmother kept") || strings.Contains(answered, "<textarea") {
		t.Error("the answered ones")
	}
}

func TestAnswerPartByPart(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	path := s.week() + "/p/" + string(id)
	back := s.week() + "/inbox?sort=age&open=" + string(id)
	// The form answers the whole question unless the author chooses a part, also when it comes back.
	mustNotContain(t, s.get(back), " selected>part")
	mustContain(t, s.send(path+"/answer", "body", " ", "part", "2", "back", back).Body.String(), `<option value="2" selected>part 2`)
	w := s.send(path+"/answer", "body", "The auditor.", "part", "1", "back", back)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != savedAt(s.week()+"/inbox?sort=age") {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Location"))
	}
	if got := s.lastAct(qa.ActPost); got.Parent != id || got.Text != "> Who reads it?\n\nThe auditor." {
		t.Errorf("%+v", got)
	}
	page := s.get(s.week() + "/inbox?open=" + string(id))
	if !strings.Contains(page, `Who reads it? <span class="ui">✓ answered</span>`) || strings.Contains(page, `Who may close it? <span class="ui">✓`) {
		t.Error("which part is answered")
	}
	s.send(path+"/answer", "body", "Nobody.", "part", "2", "back", back)
	if page := s.get(s.week() + "/inbox"); strings.Contains(page, "Who may close it?") {
		t.Error("it still waits")
	}
	if w := s.send(path+"/answer", "body", "x", "part", "9", "back", back); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a part that is not there: %d", w.Code)
	}
}

// TestAnswerThatIsNotSaved: words that could not be saved come back with the page.
func TestAnswerThatIsNotSaved(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	path := s.week() + "/p/" + string(id) + "/answer"
	s.node.setFail(errors.New("the disk is full"))
	w := s.send(path, "body", "My only copy.", "back", s.week()+"/inbox")
	if w.Code < 400 || !strings.Contains(w.Body.String(), "My only copy.") || !strings.Contains(w.Body.String(), "disk is full") {
		t.Errorf("%d", w.Code)
	}
	s.node.setFail(nil)
	if w := s.send(path, "body", "  ", "back", s.week()+"/inbox"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "no text") {
		t.Errorf("an empty answer: %d", w.Code)
	}
	s.send(path, "body", "Half of it", "draft", "1", "back", s.week()+"/inbox")
	if page := s.get(s.week() + "/inbox"); !strings.Contains(page, "Half of it") {
		t.Error("the draft is not in the box")
	}
}

// TestAnswerThatIsNotSavedAfterAnother: words come back also if another author has answered or taken the question meanwhile.
func TestAnswerThatIsNotSavedAfterAnother(t *testing.T) {
	for _, act := range []qa.Act{{Kind: qa.ActPost, Text: "Mine was first."}, {Kind: qa.ActMark, Mark: "assigned", On: true}} {
		s := newSite(t, "")
		id := asAuthor(s)
		if act.Kind == qa.ActPost {
			act.Parent = id
		} else {
			act.Post = id
		}
		s.node.doAs(teodor, s.event, act)
		s.node.setFail(errors.New("the disk is full"))
		w := s.send(s.week()+"/p/"+string(id)+"/answer", "body", "My only copy.", "back", s.week()+"/inbox")
		mustContain(t, w.Body.String(), "disk is full", "My only copy.</textarea>")
		if act.Kind == qa.ActPost {
			mustContain(t, w.Body.String(), "Teodor Anand</bdi> answered</b>", "Mine was first.")
		}
	}
}

func TestAssignAndSaveForLater(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	path, inbox := s.week()+"/p/"+string(id), s.week()+"/inbox"
	s.send(path+"/take", "take", "1", "back", inbox)
	if page := s.get(inbox); !strings.Contains(page, "Taken by you") || !strings.Contains(page, "Release") {
		t.Error("not taken")
	}
	s.send(path+"/take", "give", string(teodor), "back", inbox)
	if page := s.get(inbox + "?show=others"); !strings.Contains(page, "Taken by Teodor Anand") || strings.Contains(s.get(inbox), postElem(id)) {
		t.Error("not given")
	}
	if w := s.send(path+"/take", "give", string(maren), "back", inbox); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("given to a reader: %d", w.Code)
	}
	s.send(path+"/take", "take", "1", "back", inbox)
	s.send(path+"/answer", "later", "1", "body", "kept", "back", inbox)
	page := s.get(inbox)
	if !strings.Contains(page, `id="later"`) || strings.Contains(page, `id="`+postElem(id)+`"`) {
		t.Error("not put off")
	}
	if page := s.get(inbox + "?show=later"); !strings.Contains(page, "Move to inbox") || !strings.Contains(page, "kept") {
		t.Error("what was put off has lost its words, or its way back")
	}
	s.send(path+"/answer", "later", "0", "body", "kept", "back", inbox+"?show=later")
	if page := s.get(inbox); !strings.Contains(page, `id="`+postElem(id)+`"`) {
		t.Error("not back")
	}
}

// manyQuestions makes the reader an author, adds questions that wait, and returns them, the oldest first.
func manyQuestions(s *site, n int) []qa.PostID {
	s.t.Helper()
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	var ids []qa.PostID
	s.node.onDeviceOf(maren, s.event, func(d *node.Device) error {
		for i := range n {
			text := fmt.Sprintf("Question number %d of many: does the page stay small, however many people ask, and whatever they ask about?", i+1)
			id, err := d.Do(s.t.Context(), s.event, qa.Act{Kind: qa.ActPost, AtMillis: testNow.UnixMilli() - int64(n-i)*1000, Text: text})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids
}

// entriesOf lists the entries of a page of the inbox; the open one ends in "!".
func entriesOf(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<article class="entry post span( here)?" id="p-([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if m[1] != "" {
			m[2] += "!"
		}
		out = append(out, m[2])
	}
	return out
}

// TestInboxHasPages: the page of the inbox has the same size, however many questions wait.
func TestInboxHasPages(t *testing.T) {
	s := newSite(t, "")
	many := manyQuestions(s, 3*entriesOnPage)
	inbox := s.week() + "/inbox?sort=age"
	page := s.get(inbox)
	waiting := len(many) + 3 // with those of the sample
	if got := entriesOf(page); len(got) != entriesOnPage || !strings.HasSuffix(got[0], "!") || !strings.Contains(page, plural(waiting, "question")+" to answer") {
		t.Errorf("%d entries, the first %s", len(got), got[0])
	}
	if len(page) > 150_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	seen := map[string]bool{}
	for next := inbox; next != ""; {
		page := s.get(next)
		for _, id := range entriesOf(page) {
			seen[strings.TrimSuffix(id, "!")] = true
		}
		next = ""
		if m := regexp.MustCompile(`<a href="([^"]+)" rel="next"`).FindStringSubmatch(page); m != nil {
			next = html.UnescapeString(m[1])
		}
	}
	if len(seen) != waiting {
		t.Errorf("the pages have %d of %d questions", len(seen), waiting)
	}
	// A question is opened on its page, and after its answer the next one is open there.
	for _, c := range []struct{ answered, next qa.PostID }{{many[70], many[71]}, {many[entriesOnPage-4], many[entriesOnPage-3]}} {
		open := inbox + "&open=" + string(c.answered)
		page := s.get(open)
		if !slices.Contains(entriesOf(page), string(c.answered)+"!") || !strings.Contains(page, `name="back" value="`+html.EscapeString(s.week()+"/inbox?open="+string(c.answered)+"&sort=age")+`"`) {
			t.Errorf("the page of %s has %v", c.answered, entriesOf(page))
		}
		w := s.send(s.week()+"/p/"+string(c.answered)+"/answer", "body", "Yes.", "back", open)
		if got := entriesOf(s.get(w.Header().Get("Location"))); !slices.Contains(got, string(c.next)+"!") || slices.Contains(got, string(c.answered)) {
			t.Errorf("after the answer to %s: %s has %v", c.answered, w.Header().Get("Location"), got)
		}
	}
	// After the last one, the first is open.
	last := many[len(many)-1]
	w := s.send(s.week()+"/p/"+string(last)+"/answer", "body", "Yes.", "back", inbox+"&open="+string(last))
	if got := entriesOf(s.get(w.Header().Get("Location"))); len(got) == 0 || !strings.HasSuffix(got[0], "!") {
		t.Errorf("after the last: %v", got)
	}
	if got := s.get(inbox + "&page=99"); len(entriesOf(got)) == 0 {
		t.Error("a page after the last is empty")
	}
}

func TestInboxListsFewSavedForLater(t *testing.T) {
	s := newSite(t, "")
	for _, id := range manyQuestions(s, laterListed+1) {
		if err := s.node.SaveForLater(t.Context(), s.event, id, true, 0); err != nil {
			t.Fatal(err)
		}
	}
	page := s.get(s.week() + "/inbox")
	if got := strings.Count(page, "Question number"); got != laterListed || !strings.Contains(page, "/inbox?show=later") {
		t.Errorf("%d are listed", got)
	}
}

func TestInboxSearch(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	s.node.addPost(s.event, qa.Post{By: teodor, Parent: s.node.sample[pUnsent], AtMillis: testNow.UnixMilli()}, "Only the auditors of zanzibar may.")
	find := func(words, show string) []string {
		return entriesOf(s.get(s.week() + "/inbox?" + url.Values{"q": {words}, "show": {show}}.Encode()))
	}
	if got := find("who MAY close", ""); !slices.Equal(got, []string{string(id) + "!"}) {
		t.Errorf("by its words: %v", got)
	}
	if got := find("maren", ""); !slices.Contains(got, string(id)+"!") {
		t.Errorf("by its asker: %v", got)
	}
	if got := find("zanzibar", "answered"); !slices.Equal(got, []string{string(s.node.sample[pUnsent])}) {
		t.Errorf("by its answer: %v", got)
	}
	page := s.get(s.week() + "/inbox?q=zanzibar")
	if len(entriesOf(page)) != 0 || !strings.Contains(page, "Nothing found in this list") || !strings.Contains(page, `Answered <span class="count">1</span>`) {
		t.Error("another list has it, and the page does not say so")
	}
	// Answering goes on with what was found.
	w := s.send(s.week()+"/p/"+string(id)+"/answer", "body", "Nobody.", "back", s.week()+"/inbox?q=maren")
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, s.week()+"/inbox?") || !strings.Contains(to, "q=maren") {
		t.Errorf("to %s", to)
	}
}

// TestSnooze: a question saved for later until a time can be found meanwhile, and comes back at that time by itself, at the top,
// also after a restart.
func TestSnooze(t *testing.T) {
	s := newSite(t, "")
	asAuthor(s)
	many := manyQuestions(s, 3)
	path, inbox := s.week()+"/p/"+string(many[1]), s.week()+"/inbox"
	open := s.get(inbox + "?open=" + string(many[1]))
	option := regexp.MustCompile(`<option value="(\d+)">until tomorrow, 09:00</option>`).FindStringSubmatch(open)
	if option == nil {
		t.Fatal("the time cannot be chosen")
	}
	tomorrow := time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC)
	if option[1] != fmt.Sprint(tomorrow.UnixMilli()) {
		t.Errorf("tomorrow is %s", option[1])
	}
	w := s.send(path+"/answer", "later", "1", "until", option[1], "body", "first thoughts", "back", inbox)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := s.get(inbox)
	if slices.Contains(entriesOf(page), string(many[1])) || !strings.Contains(page, "back <time datetime=\"2026-11-12T09:00:00Z\">Thu 09:00</time>") || !strings.Contains(page, `data-comes-back="`+option[1]+`"`) {
		t.Error("it still waits, or the page does not say until when it is saved")
	}
	if got := s.get(inbox + "?show=later"); !strings.Contains(got, "Saved for later until <time") || !strings.Contains(got, "first thoughts") {
		t.Error("the list of saved ones does not say until when")
	}
	if got := s.get(inbox + "?show=later&q=number+2"); !slices.Contains(entriesOf(got), string(many[1])+"!") {
		t.Error("the search does not find it")
	}
	if kept, err := openDevice(s.node.store, keyOf('a')).SavedForLater(t.Context(), s.event); err != nil || kept[many[1]] != tomorrow.UnixMilli() {
		t.Errorf("after a restart %v is kept, %v", kept, err)
	}
	s.clock = tomorrow
	page = s.get(inbox)
	if got := entriesOf(page); len(got) == 0 || got[0] != string(many[1])+"!" || !strings.Contains(page, "Back in the inbox since <time") || strings.Contains(page, `data-comes-back="`+option[1]) {
		t.Errorf("at its time: %v", got)
	}
	// A page that was open for long offers times that are over.
	w = s.send(path+"/answer", "later", "1", "until", option[1], "body", "more thoughts", "back", inbox)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "is over") || !strings.Contains(w.Body.String(), "more thoughts") {
		t.Errorf("a time that is over: %d", w.Code)
	}
	// Without a time it stays until it is moved back.
	s.send(path+"/answer", "later", "1", "until", "", "body", "", "back", inbox)
	s.clock = tomorrow.AddDate(1, 0, 0)
	if page := s.get(inbox); slices.Contains(entriesOf(page), string(many[1])) || !strings.Contains(page, `data-comes-back=""`) {
		t.Error("it came back without a time")
	}
}

func TestSnoozeTimes(t *testing.T) {
	zone, err := qa.LoadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, zone) }
	for _, c := range []struct {
		now    time.Time
		answer time.Time
		want   []string
	}{
		{at(9, 8), at(13, 0), []string{"for an hour, until 09:00", "until this evening, 18:00", "until tomorrow, 09:00", "until Thursday 12 November, 09:00", "until Monday 16 November, 09:00"}},
		{at(12, 17), at(13, 0), []string{"for an hour, until 18:00", "until tomorrow, 09:00", "until Monday 16 November, 09:00"}},
		{at(15, 20), time.Time{}, []string{"for an hour, until 21:00", "until tomorrow, 09:00"}},
	} {
		var until int64
		if !c.answer.IsZero() {
			until = c.answer.UnixMilli()
		}
		var got []string
		for _, o := range (calendar{zone: zone, now: c.now}).snoozeTimes(until) {
			got = append(got, o.Words)
			if ms, _ := strconv.ParseInt(o.ID, 10, 64); o.ID != "" && ms <= c.now.UnixMilli() {
				t.Errorf("%v: %q is over", c.now, o.Words)
			}
		}
		if want := append([]string{"until I move it back"}, c.want...); !slices.Equal(got, want) {
			t.Errorf("%v: %q, want %q", c.now, got, want)
		}
	}
}

// TestInboxChanges: a page that asks what has changed gets just that.
func TestInboxChanges(t *testing.T) {
	s := newSite(t, "")
	parts := asAuthor(s)
	many := manyQuestions(s, 4)
	if err := s.node.SaveForLater(t.Context(), s.event, many[0], true, testNow.UnixMilli()-1); err != nil {
		t.Fatal(err)
	}
	asked := url.Values{"open": {string(parts)}, "back": {s.week() + "/inbox?open=" + string(parts)}}
	for _, m := range regexp.MustCompile(`data-post="([^"]+)" data-version="([^"]+)"`).FindAllStringSubmatch(s.get(s.week()+"/inbox?open="+string(parts)), -1) {
		asked.Add("entry", m[1]+" "+m[2])
	}
	changes := func() (entries []string, gone string) {
		t.Helper()
		page := s.raw(s.week() + "/inbox/changes?" + asked.Encode())
		return entriesOf(page), regexp.MustCompile(`data-gone="([^"]*)"`).FindStringSubmatch(page)[1]
	}
	if len(asked["entry"]) < 6 {
		t.Fatalf("%v", asked)
	}
	if entries, gone := changes(); len(entries) != 0 || gone != "" {
		t.Errorf("nothing has changed: %v, %q are gone", entries, gone)
	}
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActReact, Post: many[1], Emoji: qa.WantEmoji, On: true})
	s.send(s.week()+"/p/"+string(many[2])+"/answer", "body", "Yes.", "back", s.week()+"/inbox")
	entries, gone := changes()
	slices.Sort(entries)
	want := []string{string(many[1]), string(many[2])}
	slices.Sort(want)
	if !slices.Equal(entries, want) || gone != string(many[2])+" " {
		t.Errorf("a vote and an answer: %v, %q are gone", entries, gone)
	}
	if w := s.do(httptest.NewRequest("GET", s.week()+"/inbox/changes", nil)); w.Code != http.StatusOK {
		t.Errorf("without entries: %d", w.Code)
	}
}

// TestWeekOfManyQuestionsIsSmall: the page of a week with many questions has less than 150 KB.
func TestWeekOfManyQuestionsIsSmall(t *testing.T) {
	s := newSite(t, "")
	manyQuestions(s, 2*ThreadsOnPage)
	page := s.get(s.week() + "?page=2")
	if n := strings.Count(page, `<section class="thread`); n != ThreadsOnPage || len(page) > 150_000 {
		t.Errorf("%d threads in %d bytes", n, len(page))
	}
}
