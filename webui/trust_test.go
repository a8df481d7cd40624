package webui

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/schema"
)

func refuse(s *site, n qa.NotAccepted) {
	s.node.editViews(s.event, func(w *shownWeek) { w.refusals = append(w.refusals, n) })
}

func TestRefusedWordsAreKeptAndShown(t *testing.T) {
	s := newSite(t, "")
	mustNotContain(t, s.get("/sync"), `id="not-accepted"`)
	s.node.editViews(s.event, func(w *shownWeek) {
		w.people[noor] = qa.Person{ID: noor, Name: "Noor Adeyemi", Link: "mailto:noor@example.org"}
	})
	mine := qa.PostID(s.id(pUnsent))
	refuse(s, qa.NotAccepted{Hash: strings.Repeat("ab", 32), Code: "closed", Reason: "the week was closed before this was written", Act: qa.Act{Kind: qa.ActPost, Text: "Words <b>that</b> are kept"}, AtMillis: testNow.UnixMilli()})
	refuse(s, qa.NotAccepted{Hash: strings.Repeat("cd", 32), Code: "quota", Reason: "this person has written too much today", Deferred: true, ByRelay: true, Post: mine, Act: qa.Act{Kind: qa.ActPost, Text: "On page 140"}})
	refuse(s, qa.NotAccepted{Hash: strings.Repeat("ef", 32), Code: "schema", Reason: "it has a key that is not known", ByRelay: true, Act: qa.Act{Kind: qa.ActEdit, Text: "An edit"}})

	page := s.get("/sync")
	mustContain(t, page, `id="not-accepted"`, "Your question in", "The week was closed before this was written.", "Words &lt;b&gt;that&lt;/b&gt; are kept</textarea>",
		"/refused/"+strings.Repeat("ab", 32), "Discard", `<a href="mailto:noor@example.org"`, ">noor@example.org</a>", "closed "+strings.Repeat("ab", 32),
		"sent again automatically", "another relay may accept it", "Your edit of a post", s.week()+"/go/"+string(mine))
	if n := strings.Count(page, "<button>Discard"); n != 1 {
		t.Errorf("%d can be taken back, want only the one that no device takes", n)
	}
	week := s.get(s.week())
	mustContain(t, week, "3 of your changes here were not accepted", `href="/sync#not-accepted"`)
	a := article(t, week, s.id(pUnsent))
	mustContain(t, a, `data-state="refused"`, "Not accepted by the relay", "This person has written too much today", `href="/sync#`+refusalElem(strings.Repeat("cd", 32))+`"`)
	mustNotContain(t, a, "Sent automatically")
	mustContain(t, page, `id="`+refusalElem(strings.Repeat("cd", 32))+`"`)

	if to := s.sent(s.week() + "/refused/" + strings.Repeat("ab", 32)); to != "/sync" {
		t.Errorf("leads to %s", to)
	}
	mustNotContain(t, s.get("/sync"), "are kept</textarea>")
	w := s.send(s.week() + "/refused/nothing")
	if w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
	mustContain(t, w.Body.String(), "Your text is still kept")
}

func TestEveryActHasWords(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range []qa.Act{
		{Kind: qa.ActPost},
		{Kind: qa.ActPost, Parent: "x"},
		{Kind: qa.ActEdit},
		{Kind: qa.ActWithdraw, On: true},
		{Kind: qa.ActWithdraw},
		{Kind: qa.ActReact, Emoji: qa.WantEmoji},
		{Kind: qa.ActReact, Emoji: "👍"},
		{Kind: qa.ActPerson, Person: &qa.Person{}},
		{Kind: qa.ActMark},
		{Kind: qa.ActRole},
		{Kind: qa.ActClaim},
		{Kind: qa.ActBlock},
		{Kind: qa.ActEvent},
		{Kind: qa.ActMerge},
	} {
		words := actWords(a)
		if words == "" || seen[words] {
			t.Errorf("%s: %q says nothing of its own", a.Kind, words)
		}
		seen[words] = true
	}
	if got := textOf(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Wren", About: "keeps bees"}}); got != "Wren\nkeeps bees" {
		t.Errorf("%q", got)
	}
	if got := textOf(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"description": "long"}}); got != "long" {
		t.Errorf("%q", got)
	}
}

func TestProfile(t *testing.T) {
	s := newSite(t, "")
	s.sent("/you", "name", "Wren", "about", "Keeps bees.\r\nAnd a ledger.", "link", "https://example.org/wren", "publishAs", "initials")
	mustContain(t, s.get("/you"), "Keeps bees.\nAnd a ledger.</textarea>", `value="https://example.org/wren"`, `<option value="initials" selected>`, reader.Short()+"</dd>")
	before := len(s.node.acts())
	for _, fields := range [][]string{
		{"name", "W", "link", "javascript:alert(1)"},
		{"name", "W", "link", "http:/e/x"},
		{"name", "W", "publishAs", "never"},
		{"name", "W", "about", strings.Repeat("x", schema.MaxAbout+1)},
		{"name", "W", "link", "https://" + strings.Repeat("x", schema.MaxPersonLink)},
	} {
		w := s.send("/you", fields...)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%.60v: %d", fields, w.Code)
		}
		mustContain(t, w.Body.String(), "Not saved", `value="W"`)
	}
	if s.node.setting("name") != "Wren" || len(s.node.acts()) != before {
		t.Error("something was changed")
	}
}

func TestPhraseIsShownOnlyWhenAskedFor(t *testing.T) {
	s := newSite(t, testToken)
	s.letIn()
	mustContain(t, s.get("/you"), "Show the words", "flyleaf identity import")
	words, err := s.node.RecoveryPhrase(t.Context())
	if err != nil || len(words) != 24 {
		t.Fatalf("%d words, %v", len(words), err)
	}
	secret := "<li>" + words[7] + "</li>"
	mustNotContain(t, s.get("/you"), secret)
	if w := s.do(httptest.NewRequest("GET", "/you/phrase", nil)); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), secret) {
		t.Errorf("GET shows it: %d", w.Code)
	}
	good := s.csrf
	s.csrf = "wrong"
	if w := s.send("/you/phrase"); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), secret) {
		t.Errorf("without the token: %d", w.Code)
	}
	s.csrf = good
	w := s.send("/you/phrase")
	if w.Code != http.StatusOK || !strings.Contains(strings.Join(strings.Fields(w.Body.String()), ""), "<li>"+strings.Join(words, "</li><li>")+"</li>") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	if c := w.Header().Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control = %q", c)
	}
	s.node.setFail(errors.New("the key file is locked"))
	w = s.send("/you/phrase")
	mustContain(t, w.Body.String(), "The key file is locked. Nothing was changed.")
}

func TestAskWithoutAName(t *testing.T) {
	s := newSite(t, "")
	// One of the reader's changes is not on the relay yet; it would show who asked.
	mustContain(t, s.get(s.week()), "once everything you wrote here is on the relay")
	mustNotContain(t, s.get(s.week()), `name="anonymous"`)
	s.node.deliver(s.event)
	mustContain(t, s.get(s.week()), `name="anonymous"`, "The relay still sees your connection")

	s.node.setSetting("name", "Wren")
	to := s.sent(s.week()+"/ask", "body", "Is it a sin to like the villain?", "anonymous", "1")
	if act := s.lastAct(qa.ActPost); !act.Anonymous || len(s.node.acts()) != 1 {
		t.Errorf("the name was said on the way: %+v", s.node.acts())
	}
	_, elem, _ := strings.Cut(to, "#p-")
	a := article(t, s.get(s.week()), elem)
	mustContain(t, a, "<b>You</b> <i>asked without your name</i>", "Edit", "Only on this device")
	mustContain(t, s.get(s.week()+"?show=mine"), "villain")

	w := s.send(s.week()+"/ask", "body", "And this?", "anonymous", "1", "onBehalfOf", "Priya")
	if w.Code < 400 {
		t.Errorf("anonymous and for somebody else: %d", w.Code)
	}
	mustContain(t, w.Body.String(), "shows your name", "And this?</textarea>")
	s.node.deliver(s.event)
	s.node.editViews(s.event, func(w *shownWeek) { w.event.Access = "invited" })
	mustNotContain(t, s.get(s.week()), `name="anonymous"`, "You can ask without your name once")
}

func TestBadgeLeadsToTheProof(t *testing.T) {
	s := newSite(t, "")
	id := qa.PostID(s.id(pAnswer))
	mustContain(t, article(t, s.get(s.week()), s.id(pAnswer)), `href="`+s.post(pAnswer)+`/proof"`)
	// The real post: each of its changes is checked from its bytes.
	mustContain(t, s.get(s.post(pAnswer)+"/proof"), "Every change to this post is signed", "<b>Valid</b>, by the key of Ilse Marrow", string(ilse))
	real, err := s.node.VerifyPost(t.Context(), s.event, id)
	if err != nil || len(real.Changes) != 1 {
		t.Fatalf("%+v, %v", real, err)
	}
	good := real.Changes[0]
	page := s.get(s.post(pAnswer) + "/proof")
	mustContain(t, page, good.Hash, fmt.Sprintf("%s, change %d", good.Actor, good.Seq))
	mustNotContain(t, page, "grave", "Do not rely")

	// Who made the writer an author, when, and in which change: with its proof, and that of its writer's role.
	role := real.Changes[0].Author
	if role == nil || role.GrantedBy != noor || len(real.Grants) == 0 || real.Grants[0].Hash != role.GrantedIn {
		t.Fatalf("the role of the writer: %+v, %+v", role, real.Grants)
	}
	mustContain(t, page, "Why it has the author’s badge", "<b>Author</b>, given to Ilse Marrow by Noor Adeyemi", `<a href="#c-`+role.GrantedIn+`">`+role.GrantedIn+"</a>",
		`<section class="proof-of" id="c-`+role.GrantedIn+`">`, "<b>Valid</b>, by the key of Noor Adeyemi", "<b>As organiser</b>, founder of the week")
	mustNotContain(t, s.get(s.post(pQuestion)+"/proof"), "the author’s badge")
	mustNotContain(t, page, "has been removed since")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActRole, Identity: ilse, Role: qa.RoleAuthor})
	mustContain(t, s.get(s.post(pAnswer)+"/proof"), "given to Ilse Marrow by Noor Adeyemi", "The role has been removed since.")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActRole, Identity: ilse, Role: qa.RoleAuthor, On: true}, qa.Act{Kind: qa.ActRole, Identity: obi, Role: qa.RoleAuthor, On: true})
	mustContain(t, s.get(s.post(pReply)+"/proof"), "given to Obi Tamsin by Noor Adeyemi", "The role was given after this was written.", "Every change to this post is signed")
	// A grant with a damaged signature.
	s.node.store.forge(role.GrantedIn)
	mustContain(t, s.get(s.post(pAnswer)+"/proof"), "Do not rely on this post.", "<b>Not valid.</b>")
	s.node.store.forge("")

	s.node.doAs(teodor, s.event, qa.Act{Kind: qa.ActMark, Post: qa.PostID(s.id(pQuestion)), Mark: "assigned", On: true})
	mustContain(t, s.get(s.post(pQuestion)+"/proof"), "<b>As author</b>, given by Noor Adeyemi, Wed 10:27", "by the key of Teodor Anand")

	// A view without a change.
	var invented qa.PostID
	s.node.editViews(s.event, func(w *shownWeek) {
		p := w.posts[pAnswer]
		p.ID, p.Op.Counter = p.ID+"0", p.Op.Counter*10
		w.posts = append(w.posts, p)
		invented = p.ID
	})
	mustContain(t, s.get(s.week()+"/p/"+string(invented)+"/proof"), "has no changes of this post", "Not checked.")

	bad := func(words string) {
		t.Helper()
		page := s.get(s.post(pAnswer) + "/proof")
		mustContain(t, page, words, "Something is wrong with this post", "notice grave")
		mustNotContain(t, page, "Checked just now")
	}
	s.node.store.forge(good.Hash)
	bad("<b>Not valid.</b>")
	// The device would exclude such a change.
	forbidden := good
	forbidden.Code, forbidden.Reason = "role", "its writer is no author"
	s.node.editViews(s.event, func(w *shownWeek) {
		w.verified = map[qa.PostID]qa.Verification{id: {Event: s.event, Changes: []qa.VerifiedChange{good, forbidden}}}
	})
	bad("<b>Not allowed.</b> Its writer is no author.")
}

func TestPresenceOfAuthorsIsShown(t *testing.T) {
	s := newSite(t, "")
	q, mine, unsent := qa.PostID(s.id(pDuplicate)), qa.PostID(s.id(pMine)), qa.PostID(s.id(pUnsent))
	s.node.editViews(s.event, func(w *shownWeek) {
		w.presence = []qa.Presence{
			{Kind: qa.PresenceAnswering, By: teodor, Post: q},
			{Kind: qa.PresenceAnswering, By: ilse, Post: q},
			{Kind: qa.PresenceAnswering, By: teodor, Post: q},
			{Kind: qa.PresenceSeen, By: ilse, Post: mine},
			{Kind: qa.PresenceSeen, By: ilse, Post: unsent},
		}
	})
	page := s.get(s.week())
	mustContain(t, article(t, page, s.id(pDuplicate)), "Ilse Marrow and Teodor Anand are answering")
	mustNotContain(t, article(t, page, s.id(pMine)), "answering")
	mustContain(t, article(t, page, s.id(pMine)), `data-state="seen"`, "Delivered to Ilse", "may not have been read")
	mustContain(t, article(t, page, s.id(pForked)), `data-state="relay"`)
	// A receipt for a post that no relay has says nothing about the text that is only on this device.
	mustContain(t, article(t, s.get(s.week()), s.id(pUnsent)), `data-state="device"`, "Only on this device")
	// A later change by an author, which has the post in its past, proves that the author has it.
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Wilhelmina-Alexandrina Marrow"}})
	mustContain(t, article(t, s.get(s.week()), s.id(pUnsent)), `data-state="seen"`, "Not on the relay yet")
	s.node.deliver(s.event)
	mustContain(t, article(t, s.get(s.week()), s.id(pUnsent)), "Delivered to an author")
}

// TestWritingIsAnnounced: the node sends it on if the reader is an author.
func TestWritingIsAnnounced(t *testing.T) {
	s := newSite(t, "")
	now := testNow
	s.h = New(Config{Node: s.node, Hosts: []string{testHost}, Now: func() time.Time { return now }, Zone: time.UTC})
	writes := func(key, body string) {
		t.Helper()
		if w := s.send(s.week()+"/draft", "key", key, "body", body); w.Code >= 300 {
			t.Fatalf("%d", w.Code)
		}
	}
	post := s.id(pQuestion)
	writes(post, "I think")
	writes(post, "I think that")
	writes("ask", "a question")
	writes(post, " ")
	if len(s.node.announced) != 1 || s.node.announced[0] != (qa.Presence{Kind: qa.PresenceAnswering, By: reader, Post: qa.PostID(post)}) {
		t.Errorf("announced %+v", s.node.announced)
	}
	now = now.Add(announceEvery)
	writes(post, "I think that it")
	if len(s.node.announced) != 2 {
		t.Errorf("announced %+v", s.node.announced)
	}
}

func TestImportedReactionsAreNoVotes(t *testing.T) {
	s := newSite(t, "")
	s.node.editViews(s.event, func(w *shownWeek) {
		w.posts[pMine].X = map[string]string{"reactions": `[{"emoji":"🐝","count":7,"by":["Ada","Bo"]},{"emoji":"🍯","count":1}]`}
		w.posts[pSecond].X = map[string]string{"reactions": `[{"emoji":"<b>","count":-1}]`}
	})
	page := s.get(s.week())
	a := article(t, page, s.id(pMine))
	mustContain(t, a, `<span title="from Ada and Bo, before this post was imported">🐝 7</span>`, `<span title="from 1 person, before this post was imported">🍯 1</span>`, "<b>0</b>")
	mustNotContain(t, a, `value="🐝"`)
	mustNotContain(t, article(t, page, s.id(pSecond)), "imported-reactions")
}
