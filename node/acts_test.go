package node

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

// TestAQuestionIsGivenToAnotherAuthor: the author who gives a question away no longer answers it.
func TestAQuestionIsGivenToAnotherAuthor(t *testing.T) {
	d := device(t)
	event := createEvent(t, d, "The Patient Ledger")
	me, err := d.Identity(t.Context())
	must(t, err)
	other, err := device(t).Identity(t.Context())
	must(t, err)
	question, err := d.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: "May nothing ever be changed?"})
	must(t, err)
	assigned := func(to qa.Identity) ([]qa.Identity, error) {
		week, err := d.Week(t.Context(), event)
		must(t, err)
		acts, err := AssignActs(&week, me, week.Post(question), to)
		if err == nil {
			err = d.DoAll(t.Context(), event, acts)
		}
		week, e := d.Week(t.Context(), event)
		must(t, e)
		return week.Post(question).Marks.Assigned, err
	}
	if now, err := assigned(other); KindOf(err) != Invalid || len(now) > 0 {
		t.Errorf("no author: %v, %v", now, err)
	}
	for _, id := range []qa.Identity{me, other} {
		_, err := d.Do(t.Context(), event, qa.Act{Kind: qa.ActRole, Identity: id, Role: qa.RoleAuthor, On: true})
		must(t, err)
	}
	_, err = d.Do(t.Context(), event, qa.Act{Kind: qa.ActMark, Post: question, Mark: schema.KeyAssigned, On: true})
	must(t, err)
	if now, err := assigned(other); err != nil || !slices.Equal(now, []qa.Identity{other}) {
		t.Errorf("%v, %v", now, err)
	}
}
