package webui

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

// asRole returns a site whose reader holds a role.
func asRole(t *testing.T, role qa.Role) *site {
	t.Helper()
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, role)
	return s
}

func (s *site) post(n int) string { return s.week() + "/p/" + s.id(n) }

func TestModeratorDecidesAboutAPost(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	page := article(t, s.get(s.week()), s.id(pQuestion))
	mustContain(t, page, s.post(pQuestion)+"/moderate")
	mustContain(t, s.get(s.post(pQuestion)+"/moderate?q=grandmother"), ">Hide<", ">Pin<", "Mark as duplicate", "Block this person")

	s.sent(s.post(pQuestion)+"/mark", "hidden", "1", "reason", "  not   about the book ")
	act := s.lastAct(qa.ActMark)
	if act.Mark != "hidden" || act.Text != "not about the book" || string(act.Post) != s.id(pQuestion) {
		t.Errorf("act = %+v", act)
	}
	a := article(t, s.get(s.week()), s.id(pQuestion))
	mustContain(t, a, "Hidden by you", "<q>not about the book</q>", "Wed 10:27", s.week()+"/log", "Show the text", "I run the books")
	s.sent(s.post(pQuestion)+"/mark", "hidden", "0")
	if act := s.lastAct(qa.ActMark); act.Text != "" {
		t.Errorf("lifting: %+v", act)
	}
	mustNotContain(t, article(t, s.get(s.week()), s.id(pQuestion)), "Hidden by")

	for _, mark := range []string{"pinned", "approved", "answered"} {
		for _, on := range []string{"1", "0"} {
			s.sent(s.post(pMine)+"/mark", mark, on)
			if act := s.lastAct(qa.ActMark); act.Mark != mark || act.On != (on == "1") {
				t.Errorf("%s %s: %+v", mark, on, act)
			}
		}
	}
	s.sent(s.post(pMine)+"/mark", "pinned", "1", "back", s.week()+"?show=mine")
	page = s.get(s.week())
	if strings.Index(page, `id="t-`+s.id(pMine)+`"`) > strings.Index(page, `id="t-`+s.id(pQuestion)+`"`) {
		t.Error("a pinned question does not stand first")
	}
	mustContain(t, page, `<h2 class="day" id="d-pinned">Pinned</h2>`, `<span class="badge">Pinned</span>`)

	s.sent(s.post(pBehalf)+"/mark", "duplicateOf", "1", "of", s.id(pMine))
	if act := s.lastAct(qa.ActMark); act.Mark != "duplicateOf" || act.Text != s.id(pMine) {
		t.Errorf("act = %+v", act)
	}
	mustContain(t, article(t, s.get(s.week()), s.id(pBehalf)), "Duplicate of", "/go/"+s.id(pMine))
	s.sent(s.post(pBehalf)+"/mark", "duplicateOf", "0", "of", s.id(pMine))
	if act := s.lastAct(qa.ActMark); act.Text != "" {
		t.Errorf("act = %+v", act)
	}
}

func TestModerationThatIsRefused(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	for name, fields := range map[string][]string{
		"no reason":         {"hidden", "1", "reason", "  "},
		"of itself":         {"duplicateOf", "1", "of", s.id(pQuestion)},
		"of a reply":        {"duplicateOf", "1", "of", s.id(pAnswer)},
		"of nothing":        {"duplicateOf", "1", "of", "none"},
		"no button at all":  {"reason", "x"},
		"an unknown button": {"removed", "1"},
	} {
		w := s.send(s.post(pQuestion)+"/mark", fields...)
		if w.Code < 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
		mustContain(t, w.Body.String(), "Not saved", "The post was not changed", `role="alert"`)
		if slices.Contains(fields, "duplicateOf") {
			mustContain(t, w.Body.String(), "Only a question can be a duplicate, and only of another question of the same week")
		}
	}
	if len(s.node.acts()) != 0 {
		t.Errorf("acts = %+v", s.node.acts())
	}
	s.node.setFail(&qa.FieldError{Field: "post/marks/hidden", Got: 400, Max: 300, Err: qa.ErrTooLong})
	w := s.send(s.post(pQuestion)+"/mark", "hidden", "1", "reason", "words that are kept")
	mustContain(t, w.Body.String(), `value="words that are kept"`, "is too long")
}

func TestReadersCannotModerate(t *testing.T) {
	for _, role := range []qa.Role{"", qa.RoleMember, qa.RoleAuthor} {
		s := newSite(t, "")
		if role != "" {
			s.node.giveReaderRole(s.event, role)
		}
		mustNotContain(t, s.get(s.week()), "/moderate", "Approve")
		for _, path := range []string{"/mark", "/block"} {
			if w := s.send(s.post(pQuestion)+path, "hidden", "1", "reason", "x", "on", "1", "why", "x"); w.Code != http.StatusForbidden {
				t.Errorf("%q posts to %s: %d", role, path, w.Code)
			}
		}
		if w := s.do(httptest.NewRequest("GET", s.post(pQuestion)+"/moderate", nil)); w.Code != http.StatusForbidden {
			t.Errorf("%q reads the page: %d", role, w.Code)
		}
		if len(s.node.acts()) != 0 {
			t.Errorf("%q: %+v", role, s.node.acts())
		}
	}
	// The asker and authors may mark a question as answered.
	s := newSite(t, "")
	mustContain(t, article(t, s.get(s.week()), s.id(pMine)), "Mark as answered", s.post(pMine)+"/mark")
	mustNotContain(t, article(t, s.get(s.week()), s.id(pQuestion)), "as answered")
	s.sent(s.post(pMine)+"/mark", "answered", "1")
	s.node.deliver(s.event)
	mustContain(t, article(t, s.get(s.week()), s.id(pMine)), "Mark as unanswered", `data-state="answered"`)
	if w := s.send(s.post(pBehalf)+"/mark", "answered", "1"); w.Code != http.StatusForbidden {
		t.Errorf("another's question: %d", w.Code)
	}
	s = asRole(t, qa.RoleAuthor)
	s.sent(s.post(pDuplicate)+"/mark", "answered", "1")
}

func TestBlockAndUnblock(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	s.sent(s.post(pDuplicate)+"/block", "on", "1", "why", "advertises")
	if act := s.lastAct(qa.ActBlock); act.Identity != obi || act.Text != "advertises" {
		t.Errorf("act = %+v", act)
	}
	mustContain(t, s.get(s.week()+"/people"), "Obi Tamsin", "advertises", "Unblock")
	mustContain(t, s.get(s.post(pDuplicate)+"/moderate"), "Unblock", "advertises")
	s.sent(s.week()+"/unblock", "identity", string(obi))
	if act := s.lastAct(qa.ActBlock); act.Identity != obi || act.Text != "" {
		t.Errorf("act = %+v", act)
	}
	mustNotContain(t, s.get(s.week()+"/people"), "advertises")

	before := len(s.node.acts())
	for name, path := range map[string]string{"oneself": s.post(pMine), "without a reason": s.post(pDuplicate), "an organiser": s.post(pBehalf)} {
		why := "x"
		if name == "without a reason" {
			why = " "
		}
		if w := s.send(path+"/block", "on", "1", "why", why); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if len(s.node.acts()) != before {
		t.Errorf("acts = %+v", s.node.acts()[before:])
	}
}

// TestApprovalInARunningWeek: approval that is turned on in a running week holds for posts and edits from then on.
// Other people see neither until a moderator approves them.
func TestApprovalInARunningWeek(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	page := s.get(s.week())
	mustContain(t, page, "already forgery", "Lock the sheet.<")
	mustNotContain(t, page, "Waiting for approval", "To approve")

	q := s.node.addPost(s.event, qa.Post{By: obi}, "May a bank keep such a ledger?")
	s.node.doAs(obi, s.event,
		qa.Act{Kind: qa.ActPost, Parent: qa.PostID(s.id(pQuestion)), Text: "Buy lamps at night"},
		qa.Act{Kind: qa.ActEdit, Post: qa.PostID(s.id(pDuplicate)), Text: "Buy more lamps"},
	)
	s.sent(s.week()+"/ask", "body", "Is mine seen?")
	page = s.get(s.week())
	mustNotContain(t, page, "May a bank", "lamps", "Approve<span", "To approve")
	mustContain(t, page, "already forgery", "Is mine seen?", "Waiting for approval", "Only you and moderators")
	if w := s.do(httptest.NewRequest("GET", eventPath(s.event)+"/p/"+string(q), nil)); w.Code != http.StatusNotFound {
		t.Errorf("the page of a post that waits, of somebody else: %d", w.Code)
	}
	mustNotContain(t, s.get(s.week()+"/fragment?post="+string(q)), "May a bank")

	s.node.giveReaderRole(s.event, qa.RoleModerator) // so the reader's own question does not wait any more
	page = s.get(s.week())
	mustContain(t, page, `To approve <span class="count">3</span>`)
	mustContain(t, article(t, page, string(q)), "May a bank", "Waiting for approval", "Approve<span")
	mustContain(t, article(t, page, s.id(pDuplicate)), "Buy more lamps", "Edit waits for approval", "Approve<span")
	s.sent(eventPath(s.event)+"/p/"+string(q)+"/mark", "approved", "1")
	mustContain(t, s.get(s.week()), `To approve <span class="count">2</span>`)
	s.sent(s.post(pDuplicate)+"/mark", "hidden", "1", "reason", "an advertisement")
	hidden := article(t, s.get(s.week()), s.id(pDuplicate))
	mustContain(t, hidden, "an advertisement")
	mustNotContain(t, hidden, "Approve<span")
	mustNotContain(t, s.get(s.post(pDuplicate)+"/moderate"), "Approve", "Withdraw approval")
}

// TestViewsWithoutTheTimeOfApproval: views of an earlier version do not say since when posts need approval. They are
// made again, so that nothing is shown that waits and nothing is hidden that does not.
func TestViewsWithoutTheTimeOfApproval(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	s.node.addPost(s.event, qa.Post{By: obi}, "May a bank keep such a ledger?")
	s.node.editViews(s.event, func(w *shownWeek) {
		w.event.ApproveSince = ""
		for i := range w.posts {
			w.posts[i].AfterApproval = false
			for k := range w.posts[i].Revisions {
				w.posts[i].Revisions[k].AfterApproval = false
			}
		}
	})
	page := s.get(s.week())
	mustContain(t, page, "already forgery")
	mustNotContain(t, page, "May a bank")
}

// TestLatePostsAndEditsWaitForAModerator: late posts and edits need approval even in a week
// without approval. The page says what is published until then, and approving empties the list.
func TestLatePostsAndEditsWaitForAModerator(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	s.node.editViews(s.event, func(w *shownWeek) {
		w.event.Closed = true
		w.posts[pDuplicate].Late = true
		q := &w.posts[pQuestion]
		q.Revisions = []qa.Revision{{Text: q.Text(), Superseded: true}, {Text: "Buy lamps at night", Late: true}}
	})
	for post, says := range map[int]string{
		pDuplicate: "Written before the writer’s device knew that the week was closed. Until a moderator approves it, it is shown at the end of the page",
		pQuestion:  "Edited before the writer’s device knew that the week was closed. Until a moderator approves the edit, the earlier text is published.",
	} {
		page := s.get(s.post(post) + "/moderate")
		mustContain(t, page, says, "Approve</button>")
		mustNotContain(t, page, "Withdraw approval")
	}
	mustContain(t, s.get(s.week()), `To approve <span class="count">2</span>`)
	for _, post := range []int{pDuplicate, pQuestion} {
		s.sent(s.post(post)+"/mark", "approved", "1")
		mustContain(t, s.get(s.post(post)+"/moderate"), "Withdraw approval")
	}
	mustNotContain(t, s.get(s.week()), "To approve")
}

func TestLogTellsEverybody(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get(s.week()+"/log"), "made Ilse Marrow an author.") // what the sample's founder did
	inv, err := s.node.CreateEvent(t.Context(), qa.Event{Title: "A week of the reader's"}, "")
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, s.get(eventPath(inv.Event)+"/log"), "No entries yet")
	q, dup := qa.PostID(s.id(pQuestion)), qa.PostID(s.id(pDuplicate))
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	s.node.doNotInEffect(s.event, qa.Act{Kind: qa.ActBlock, Identity: obi, Text: "floods"})
	s.node.doAs(noor, s.event,
		qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "a mistake"},
		qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden"},
		qa.Act{Kind: qa.ActMark, Post: q, Mark: "pinned", On: true},
		qa.Act{Kind: qa.ActMark, Post: dup, Mark: "duplicateOf"})
	if _, err := s.node.Do(t.Context(), s.event, qa.Act{Kind: qa.ActMark, Post: dup, Mark: "duplicateOf", Text: string(q)}); err != nil {
		t.Fatal(err)
	}
	s.node.inviteAs(noor, s.event, qa.RoleMember)
	revoked := s.node.inviteAs(noor, s.event, qa.RoleAuthor)
	s.node.onDeviceOf(noor, s.event, func(d *node.Device) error { return d.RevokeInvite(t.Context(), s.event, revoked.Key) })
	s.node.doAs(noor, s.event,
		qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}},
		qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": false}},
		qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	s.node.editViews(s.event, func(w *shownWeek) {
		w.log = []qa.LogEntry{
			{Kind: qa.LogPinned, By: noor, AtMillis: testNow.UnixMilli(), On: true, Post: "not-here", InEffect: true},
			{Kind: "novelty", By: noor, AtMillis: testNow.UnixMilli(), InEffect: true},
		}
	})
	page := s.get(s.week() + "/log")
	for _, words := range []string{
		`<b>Noor Adeyemi</b> hid <a href="` + s.week() + "/go/" + s.id(pHidden) + `">a post</a>: <q>an advertisement, third time</q>.`,
		`unhid <a href="` + s.week() + "/go/" + s.id(pQuestion) + `">a post</a> by Maren Holt.`,
		"pinned <a", "<b>You</b> marked <a", "as a duplicate of <a", "a post</a> by Maren Holt.", "made Ilse Marrow an author.", "removed Teodor Anand as moderator.", "made an invitation for a member.", "revoked or used up an author invitation.",
		"Not applied", "blocked Obi Tamsin: <q>floods</q>.", "closed the event.", "let posts appear without approval.", "pinned a post that is not on this device.",
		"something that this version does not know", `<time datetime="2026-11-11T10:27:00Z">Wed 10:27</time>`,
	} {
		if !strings.Contains(page, words) {
			t.Errorf("the log lacks %q\n%s", words, page)
		}
	}
	if strings.Contains(page, "novelty") || strings.Index(page, "closed the event") > strings.Index(page, "an advertisement") {
		t.Error("the newest does not stand first")
	}

	var many []qa.Act
	for i := range 2*linesOnPage + 10 {
		many = append(many, qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "number " + strconv.Itoa(i)})
	}
	s.node.doAs(noor, s.event, many...)
	s.node.editViews(s.event, func(w *shownWeek) { w.log = nil })
	page = s.get(s.week() + "/log")
	if n := strings.Count(page, "<q>"); n != linesOnPage {
		t.Errorf("%d lines on a page", n)
	}
	mustContain(t, page, `page=2" rel="next"`)
	mustContain(t, s.get(s.week()+"/log?page=3"), "an advertisement", `page=2" rel="prev"`)
	mustContain(t, s.get(s.week()+"/log?page=99999"), "an advertisement")
}

func TestHiddenPostsSayWhenAndByWhom(t *testing.T) {
	s := newSite(t, "")
	at := testNow.Add(-90 * 60 * 1e9).UnixMilli()
	s.node.editViews(s.event, func(w *shownWeek) {
		w.posts[pWithdrawn].WithdrawnAtMillis = at
		w.posts[pHidden].Marks.HiddenBy, w.posts[pHidden].Marks.HiddenAtMillis = noor, at
		w.posts[pMine].Marks.Hidden, w.posts[pMine].Marks.HiddenBy = "please ask one thing at a time", noor
	})
	page := s.get(s.week())
	mustContain(t, article(t, page, s.id(pWithdrawn)), "Withdrawn by its writer, <time", "Wed 08:57")
	mustContain(t, article(t, page, s.id(pHidden)), "Hidden by Noor Adeyemi, <time", "Wed 08:57", "an advertisement, third time")
	mine := article(t, page, s.id(pMine))
	mustContain(t, mine, "Hidden by Noor Adeyemi: <q>please ask one thing at a time</q>", "You can still see your text", "a good way to close a ledger", s.week()+"/log")
}

// TestQueueDecidesAboutMany: moderators see everything that waits on one page, and approve or hide many posts at once.
func TestQueueDecidesAboutMany(t *testing.T) {
	s := newSite(t, "")
	if w := s.do(httptest.NewRequest("GET", s.week()+"/queue", nil)); w.Code != http.StatusForbidden {
		t.Errorf("a reader opens the queue: %d", w.Code)
	}
	if w := s.send(s.week()+"/queue", "approve", "1", "post", s.id(pMine)); w.Code != http.StatusForbidden {
		t.Errorf("a reader decides: %d", w.Code)
	}
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	mustContain(t, s.get(s.week()+"/queue"), "Nothing waits. Posts need no approval in this week")
	mustNotContain(t, s.get(s.week()), s.week()+"/queue")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	mustContain(t, s.get(s.week()+"/queue"), "Nothing waits. New posts of readers appear here")
	mustContain(t, s.get(s.week()), s.week()+`/queue">To approve</a>`)
	var ids []string
	for _, text := range []string{"one", "two", "three"} {
		ids = append(ids, string(s.node.addPost(s.event, qa.Post{By: obi}, text)))
	}
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActEdit, Post: qa.PostID(s.id(pDuplicate)), Text: "Buy lamps"})
	mustContain(t, s.get(s.week()), s.week()+`/queue">To approve <span class="count">4</span></a>`)
	page := s.get(s.week() + "/queue")
	mustContain(t, page, "4 posts wait for a moderator.", "<p>one</p>", "<p>three</p>", "Buy lamps", "Shown until then: <q>Can I fix a typo", "Approve all 4 on this page")

	// What is refused changes nothing and keeps what was chosen and typed.
	for name, fields := range map[string][]string{
		"nothing chosen": {"approve", "1"},
		"no decision":    {"post", ids[0]},
		"no reason":      {"hide", "1", "post", ids[0], "reason", " "},
	} {
		w := s.send(s.week()+"/queue", fields...)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Nothing was changed") {
			t.Errorf("%s: %d", name, w.Code)
		}
		if name == "no reason" {
			mustContain(t, w.Body.String(), `value="`+ids[0]+`" checked`, "Write a reason")
		}
	}
	if len(s.node.acts()) != 0 {
		t.Fatalf("acts = %+v", s.node.acts())
	}

	to := s.sent(s.week()+"/queue", "approve", "1", "post", ids[0], "post", ids[2], "post", s.id(pQuestion))
	mustContain(t, s.get(to), "2 posts approved.", "2 posts wait for a moderator.", "<p>two</p>")
	for _, act := range s.node.acts() {
		if act.Mark != "approved" || !act.On || act.Post == qa.PostID(s.id(pQuestion)) {
			t.Errorf("a post that does not wait, or another act: %+v", act)
		}
	}
	to = s.sent(s.week()+"/queue", "hide", "1", "post", s.id(pDuplicate), "reason", "  an   advertisement ")
	mustContain(t, s.get(to), "1 post hidden.", "1 post waits for a moderator.")
	if act := s.lastAct(qa.ActMark); act.Mark != "hidden" || act.Text != "an advertisement" {
		t.Errorf("act = %+v", act)
	}
	to = s.sent(s.week()+"/queue", "approve", "all", "shown", ids[1])
	mustContain(t, s.get(to), "1 post approved.", "Nothing waits.")
	to = s.sent(s.week()+"/queue", "approve", "1", "post", ids[0]) // which another moderator has approved
	mustContain(t, s.get(to), "another moderator has decided about what you chose")
	mustNotContain(t, s.get(s.week()+"/queue?approved=x"), "Nothing was changed")
}

// TestDuplicateOffersSimilarQuestions: to mark a duplicate, similar questions are offered first, and all are found by a search.
func TestDuplicateOffersSimilarQuestions(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	original := s.node.addPost(s.event, qa.Post{By: maren}, "Does a **lighthouse** keeper need a ledger?")
	duplicate := s.node.addPost(s.event, qa.Post{By: obi}, "Should keepers of a lighthouse write a ledger?")
	path := s.week() + "/p/" + string(duplicate)
	choices := func(page string) []string {
		_, form, _ := strings.Cut(page, `id="duplicate"`)
		form, _, _ = strings.Cut(form, "</section>")
		var out []string
		for part := range strings.SplitSeq(form, `name="of" value="`) {
			if id, _, ok := strings.Cut(part, `"`); ok && !strings.Contains(id, "<") {
				out = append(out, id)
			}
		}
		return out
	}
	page := s.get(path + "/moderate")
	mustContain(t, page, "Similar: choose the original question", "Maren Holt: Does a lighthouse keeper need a ledger?", "Mark as duplicate")
	if got := choices(page); len(got) == 0 || got[0] != string(original) || slices.Contains(got, string(duplicate)) || len(got) > similarQuestions {
		t.Errorf("%q", got)
	}
	page = s.get(path + "/moderate?q=grandmother")
	if got := choices(page); !slices.Equal(got, []string{s.id(pBehalf)}) {
		t.Errorf("found %q", got)
	}
	mustContain(t, page, `value="grandmother"`, "Found: choose the original question")
	mustContain(t, s.get(path+"/moderate?q=submarine"), "No other question contains these words.")
	s.sent(path+"/mark", "duplicateOf", "1", "of", s.id(pBehalf))
	page = s.get(path + "/moderate")
	if got := choices(page); got[0] != s.id(pBehalf) || !strings.Contains(page, `value="`+s.id(pBehalf)+`" checked`) {
		t.Errorf("the chosen one is not listed first: %q", got)
	}
	mustContain(t, page, "Change original", "Not a duplicate")
}

// TestHiddenPostsAreShownAgainTogether: moderators show several hidden posts again at once.
func TestHiddenPostsAreShownAgainTogether(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	another := s.node.addPost(s.event, qa.Post{By: obi}, "words that were hidden by mistake")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActMark, Post: another, Mark: "hidden", Text: "by mistake"})
	mustContain(t, s.get(s.week()+"/log"), s.week()+`/queue">Hidden posts`)
	page := s.get(s.week() + "/queue")
	mustContain(t, page, "Hidden posts", "Hidden by Noor Adeyemi: <q>by mistake</q>", "words that were hidden by mistake", "an advertisement, third time", "words that are hidden")
	mustNotContain(t, page, "The writer answers")

	w := s.send(s.week()+"/queue", "show", "1")
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("nothing chosen: %d", w.Code)
	}
	to := s.sent(s.week()+"/queue", "show", "1", "post", string(another), "post", s.id(pHidden), "post", s.id(pQuestion))
	page = s.get(to)
	mustContain(t, page, "2 posts shown again.")
	mustNotContain(t, page, "Hidden posts")
	for _, act := range s.node.acts() {
		if act.Mark != "hidden" || act.Text != "" || act.Post == qa.PostID(s.id(pQuestion)) {
			t.Errorf("a post that is not hidden, or another act: %+v", act)
		}
	}
	mustContain(t, s.get(s.week()), "words that are hidden")
}

// TestAppeal: the writer of a hidden post reads who hid it and why, and answers. Moderators see the answer, and find it
// among what waits for them, until one of them shows the post again or gives another reason. Nobody else sees it.
func TestAppeal(t *testing.T) {
	s := newSite(t, "")
	post := qa.PostID(s.id(pMine))
	hide := func(reason string) {
		s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActMark, Post: post, Mark: "hidden", Text: reason})
	}
	path := s.week() + "/p/" + string(post) + "/appeal"
	if w := s.do(httptest.NewRequest("GET", path, nil)); w.Code != http.StatusConflict {
		t.Errorf("the post is not hidden: %d", w.Code)
	}
	hide("please ask one thing at a time")
	mustContain(t, article(t, s.get(s.week()), string(post)), "Hidden by Noor Adeyemi", "please ask one thing at a time", path+`">Ask for it to be shown again</a>`)
	mustNotContain(t, article(t, s.get(s.week()), s.id(pHidden)), "/appeal")
	if w := s.do(httptest.NewRequest("GET", s.week()+"/p/"+s.id(pHidden)+"/appeal", nil)); w.Code != http.StatusForbidden {
		t.Errorf("somebody else’s post: %d", w.Code)
	}
	mustContain(t, s.get(path), "Why your post is hidden", "please ask one thing at a time", "a good way to close a ledger", "Send the answer")
	if w := s.send(path, "text", "  "); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "There is no text yet") {
		t.Errorf("an empty answer: %d", w.Code)
	}
	w := s.send(path, "text", strings.Repeat("x", 2000))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "What you typed is still here.") || !strings.Contains(w.Body.String(), "xxxxx</textarea>") {
		t.Errorf("too long: %d", w.Code)
	}
	s.sent(path, "text", "It *is* one thing.\r\nPlease read it again.")
	mustContain(t, article(t, s.get(s.week()), string(post)), "You answered: <q>It *is* one thing.\nPlease read it again.</q>", "Change your answer")
	mustContain(t, s.get(path), "Change the answer", "It *is* one thing.")

	seenBy := func(who qa.Identity, address string) string {
		t.Helper()
		var page string
		s.node.onDeviceOf(who, s.event, func(d *node.Device) error {
			other := &site{t: t, event: s.event}
			other.serve(d)
			page = other.get(address)
			return nil
		})
		return page
	}
	mustNotContain(t, seenBy(obi, s.week()), "It *is* one thing.")
	mustContain(t, article(t, seenBy(noor, s.week()), string(post)), "Its writer answers: <q>It *is* one thing.")
	mustContain(t, seenBy(noor, s.week()), `To approve <span class="count">1</span>`)
	mustContain(t, seenBy(noor, s.week()+"/queue"), "The writer answers: <q>It *is* one thing.")
	mustContain(t, seenBy(noor, s.week()+"/p/"+string(post)+"/moderate"), "Its writer answers", "To keep it hidden, answer with a new reason", "Keep hidden")

	// Another reason decides about the answer; the writer can answer that one.
	hide("it is two things, see below")
	mustNotContain(t, seenBy(noor, s.week()+"/queue"), "The writer answers", `class="count">1`)
	page := article(t, s.get(s.week()), string(post))
	mustContain(t, page, "it is two things, see below", "Ask for it to be shown again")
	mustNotContain(t, page, "You answered")
	s.sent(path, "text", "Then I withdraw the second.")
	mustContain(t, seenBy(noor, s.week()+"/queue"), "The writer answers: <q>Then I withdraw the second.")
	hide("") // shown again
	mustNotContain(t, s.get(s.week()), "Then I withdraw", "/appeal")
}

// TestAppealOfAnAnonymousQuestion: it is signed with the question's key, so it does not show who asked.
func TestAppealOfAnAnonymousQuestion(t *testing.T) {
	s := newSite(t, "")
	s.node.deliver(s.event)
	s.sent(s.week()+"/ask", "body", "Is it foolish to begin at sixty?", "anonymous", "1")
	s.node.deliver(s.event)
	week, err := s.node.Week(t.Context(), s.event)
	if err != nil {
		t.Fatal(err)
	}
	var post qa.PostView
	for i := range week.Threads {
		if q := week.Threads[i].Question; q.Text() == "Is it foolish to begin at sixty?" {
			post = q
		}
	}
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActMark, Post: post.ID, Mark: "hidden", Text: "not about the book"})
	s.sent(s.week()+"/p/"+string(post.ID)+"/appeal", "text", "It is about chapter two.")
	found, err := s.node.VerifyPost(t.Context(), s.event, post.ID)
	if err != nil {
		t.Fatal(err)
	}
	if last := found.Changes[len(found.Changes)-1]; last.By != post.By || post.By == reader {
		t.Errorf("the answer is signed by %s, the question by %s, and the reader is %s", last.By, post.By, reader)
	}
}
