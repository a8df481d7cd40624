package webui

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"flyleaf/markdown"
	"flyleaf/qa"
)

// suggestedFor returns the people that a box offers after "@" and what was typed.
func (s *site) suggestedFor(typed string) (out []suggestedPerson) {
	s.t.Helper()
	var answer struct{ People []suggestedPerson }
	w := s.do(httptest.NewRequest("GET", s.week()+"/mentions?q="+typed, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		s.t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return answer.People
}

// TestMentions: whoever is mentioned is shown by the name that they have in the week, as a link, and people of the same
// name are told apart.
func TestMentions(t *testing.T) {
	s := newSite(t, "")
	people := s.suggestedFor("mar")
	if len(people) != 2 || people[0].Name != "Ilse Marrow" || people[0].Note != "author" || people[1].Name != "Maren Holt" || people[1].Note != "" {
		t.Fatalf("%+v", people)
	}
	if all := s.suggestedFor(""); len(all) != 5 {
		t.Errorf("%+v", all)
	}
	if none := s.suggestedFor("aren"); len(none) != 0 {
		t.Errorf("in the middle of a word: %+v", none)
	}
	post := s.node.addPost(s.event, qa.Post{By: obi}, "I agree with "+people[1].Text+".")
	link := `<a class="mention" href="` + s.week() + "/go/" + s.id(pQuestion) + `" title="` + maren.Short() + `">@Maren Holt</a>`
	mustContain(t, article(t, s.get(s.week()), string(post)), "I agree with "+link+".")
	mustContain(t, s.raw(s.week()), "@<bdi>Maren Holt</bdi></a>")

	// The words of a mention cannot say another name, and who is not in the week is only named.
	liar := s.node.addPost(s.event, qa.Post{By: obi}, markdown.Mention("Ilse Marrow", string(maren))+" and "+markdown.Mention("A. <b>Stranger", string(person('9'))))
	page := article(t, s.get(s.week()), string(liar))
	mustContain(t, page, link+" and @A. &lt;b&gt;Stranger")
	mustNotContain(t, page, "@Ilse")

	// A new name is shown in earlier texts, too. Two people with this name have their short IDs with it.
	s.node.doAs(maren, s.event, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Obi Tamsin"}})
	mustContain(t, article(t, s.get(s.week()), string(post)), `@Obi Tamsin <span class="hash">`+maren.Short()+`</span></a>`)
	people = s.suggestedFor("obi")
	if len(people) != 2 || people[0].Note == people[1].Note || !strings.Contains(people[0].Note+people[1].Note, maren.Short()) || people[0].Text == people[1].Text {
		t.Errorf("%+v", people)
	}

	// Nobody is offered who is blocked.
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActBlock, Identity: obi, Text: "sells watches"})
	if people = s.suggestedFor("obi"); len(people) != 1 {
		t.Errorf("%+v", people)
	}
}
