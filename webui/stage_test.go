package webui

import (
	"testing"

	"flyleaf/qa"
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
	mustContain(t, page, "Question 1 of 3 to answer", `<b>3</b> want this`, "/invite/all.svg", "Is there a good way to close a ledger?")
	// The room reads names, not "You", and an address only if a browser opens it.
	mustContain(t, page, "Wren Castellane</b> <i>asks")
	mustNotContain(t, page, "Ilse Marrow</b> <i>answers", `rel="prev"`, "<code>")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPost, Parent: most, Text: "Close it **gently**."})
	page = s.get(s.week() + "/stage?q=" + string(most))
	mustContain(t, page, "Question 1 of 3 to answer", "<strong>gently</strong>", "Ilse Marrow</b> <i>answers", `rel="next"`)
	mustContain(t, s.get(s.week()+"/stage"), "Question 1 of 2 to answer")
	s.node.doAs(reader, s.event, qa.Act{Kind: qa.ActWithdraw, Post: most, On: true})
	mustNotContain(t, s.get(s.week()+"/stage?q="+string(most)), "gently")
	mustContain(t, s.get(s.week()), s.week()+"/stage")
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
