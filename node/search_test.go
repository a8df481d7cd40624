package node

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

func TestSearchFindsVisiblePosts(t *testing.T) {
	host, me := device(t), device(t)
	one, two := createEvent(t, host, "One"), createEvent(t, host, "Two")
	ask(t, host, one, qa.Act{Text: "Where does the ledger lie?"})
	ask(t, host, one, qa.Act{Text: "Where does the pencil lie?"})
	gone := ask(t, host, two, qa.Act{Text: "Was the ledger withdrawn?"})
	_, err := host.Do(t.Context(), two, qa.Act{Kind: qa.ActWithdraw, Post: gone, On: true})
	must(t, err)
	carry(t, host, me, two)
	ask(t, me, two, qa.Act{Text: "A ledger of mine"})
	carry(t, me, host, two)

	search := func(q Query) string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 10
		}
		hits, total, err := NewWeekCache(host).Search(t.Context(), q)
		must(t, err)
		var out []string
		for _, h := range hits {
			out = append(out, h.Week.Event.Title+": "+h.Post.Text())
		}
		if total > len(hits) {
			out = append(out, "and more")
		}
		return strings.Join(out, " | ")
	}
	all := search(Query{Words: "ledger"})
	if !strings.Contains(all, "One: Where does the ledger lie?") || !strings.Contains(all, "Two: A ledger of mine") || strings.Contains(all, "withdrawn") {
		t.Errorf("found %s", all)
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Words: "ledger", Event: two}, "Two: A ledger of mine"},
		{Query{Words: "ledger", By: me.replica.Identity()}, "Two: A ledger of mine"},
		{Query{By: me.replica.Identity()}, "Two: A ledger of mine"},
		{Query{By: host.replica.Identity(), Event: two}, ""},
		{Query{Words: "where", Event: one, Limit: 1}, "and more"},
		{Query{}, ""},
	} {
		if got := search(c.q); got != c.want && (c.want != "and more" || !strings.HasSuffix(got, c.want)) {
			t.Errorf("%+v: found %q, want %q", c.q, got, c.want)
		}
	}
}

func TestNothingToUndoIsReported(t *testing.T) {
	d := device(t)
	event := createEvent(t, d, "A week")
	post := ask(t, d, event, qa.Act{Text: "A question?"})
	me := d.replica.Identity()
	for what, act := range map[string]qa.Act{
		"not withdrawn":     {Kind: qa.ActWithdraw, Post: post},
		"not reacted":       {Kind: qa.ActReact, Post: post, Emoji: "🙏"},
		"not pinned":        {Kind: qa.ActMark, Post: post, Mark: "pinned"},
		"not taken":         {Kind: qa.ActMark, Post: post, Mark: "assigned"},
		"not hidden":        {Kind: qa.ActMark, Post: post, Mark: "hidden"},
		"not closed":        {Kind: qa.ActEvent, Fields: map[string]any{"closed": false}},
		"not blocked":       {Kind: qa.ActBlock, Identity: me},
		"not have the role": {Kind: qa.ActRole, Identity: me, Role: qa.RoleAuthor},
	} {
		if why, err := NothingToUndo(t.Context(), d, event, &act); err != nil || !strings.Contains(why, what) {
			t.Errorf("%s: %q, %v", what, why, err)
		}
	}
	done := qa.Act{Kind: qa.ActMark, Post: post, Mark: "pinned", On: true}
	if why, err := NothingToUndo(t.Context(), d, event, &done); err != nil || why != "" {
		t.Errorf("an act that undoes nothing: %q, %v", why, err)
	}
	_, err := d.Do(t.Context(), event, done)
	must(t, err)
	done.On = false
	if why, err := NothingToUndo(t.Context(), d, event, &done); err != nil || why != "" {
		t.Errorf("something to undo: %q, %v", why, err)
	}
}
