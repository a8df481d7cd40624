package webui

import (
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

// The presenter view goes through the questions to answer, most wanted first. The question on stage stays
// there when it is answered.
func TestStage(t *testing.T) {
	s := newSite(t, "")
	most := qa.PostID(s.id(pMine)) // the reader's own question has no votes yet
	for _, who := range []qa.Identity{obi, maren, noor} {
		s.node.doAs(who, s.event, qa.Act{Kind: qa.ActReact, Post: most, Emoji: qa.WantEmoji, On: true})
	}
	s.sent("/you", "name", "Wren Castellane")
	page := s.get(s.week() + "/stage")
	mustContain(t, page, "Question 1 of 3, most wanted first", `<b>3</b> want this`, "/invite/all.svg", "Is there a good way to close a ledger?")
	// The room reads names, not "You", and an address only if a browser opens it.
	mustContain(t, page, "Wren Castellane</b> <i>asks")
	mustNotContain(t, page, "Ilse Marrow</b> <i>answers", `rel="prev"`, "<code>")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPost, Parent: most, Text: "Close it **gently**."})
	page = s.get(between(t, page, `data-whole="`, `"`)) // as the script does, although the address names no question
	mustContain(t, page, "Question 1 of 3, most wanted first", "<strong>gently</strong>", "Ilse Marrow</b> <i>answers", `rel="next"`)
	mustContain(t, s.get(s.week()+"/stage"), "Question 1 of 2, most wanted first")
	s.node.doAs(reader, s.event, qa.Act{Kind: qa.ActWithdraw, Post: most, On: true})
	mustNotContain(t, s.get(s.week()+"/stage?q="+string(most)), "gently")
	mustContain(t, s.get(s.week()), s.week()+"/stage")
}

// The presenter may be a moderator, who sees posts and edits that wait for approval. The room does not.
func TestStageShowsWhatIsPublished(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	waits := s.node.addPost(s.event, qa.Post{By: obi}, "Buy lamps?")
	edited := s.node.addPost(s.event, qa.Post{By: maren}, "May a lamp be lit?")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActMark, Post: edited, Mark: "approved", On: true})
	s.node.doAs(maren, s.event, qa.Act{Kind: qa.ActReact, Post: edited, Emoji: qa.WantEmoji, On: true})
	s.node.editViews(s.event, func(w *shownWeek) {
		for i := range w.posts {
			if p := &w.posts[i]; p.ID == edited {
				p.AfterApproval, p.Marks.Approved = false, false
				p.Revisions = []qa.Revision{{Text: p.Text(), Superseded: true}, {Text: "Buy more lamps?", AfterApproval: true}}
			}
		}
	})
	mustContain(t, s.get(s.week()), "Buy lamps?", "Buy more lamps?")
	for _, q := range []qa.PostID{"", edited, waits} {
		page := s.get(s.week() + "/stage?q=" + string(q))
		mustNotContain(t, page, "Buy")
	}
	mustContain(t, s.get(s.week()+"/stage?q="+string(edited)), "May a lamp be lit?")
}

// A room that cannot ask is not asked to.
func TestStageInvitesOnlyThoseWhoCanAsk(t *testing.T) {
	s := newSite(t, "")
	for name, edit := range map[string]func(*qa.Event){
		"closed":  func(e *qa.Event) { e.Closed = true },
		"invited": func(e *qa.Event) { e.Access = schema.AccessInvited },
	} {
		t.Run(name, func(t *testing.T) {
			s.node.editViews(s.event, func(w *shownWeek) { w.event.Closed, w.event.Access = false, ""; edit(&w.event) })
			page := s.get(s.week() + "/stage")
			mustContain(t, page, "Question 1 of")
			mustNotContain(t, page, "Ask from your seat", "/invite/all.svg")
		})
	}
}

// Without questions to answer, the presenter view still invites people.
func TestStageWithoutQuestions(t *testing.T) {
	s := newSite(t, "")
	inv, err := s.node.CreateEvent(t.Context(), qa.Event{Title: "An empty week"}, "")
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, s.get(eventPath(inv.Event)+"/stage"), "No question waits for an answer.", "Ask from your seat")
}
