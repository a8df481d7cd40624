package node

import (
	"fmt"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage/mem"
)

// TestVerifyingAgainChecksOnlyNewChanges: the page that shows a post's signatures verifies an
// event once, and afterwards only its new changes.
func TestVerifyingAgainChecksOnlyNewChanges(t *testing.T) {
	key, err := keys.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New()
	n, err := Open(t.Context(), Config{Store: store, Key: key, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	inv, err := n.CreateEvent(t.Context(), qa.Event{Title: "A week"}, "")
	if err != nil {
		t.Fatal(err)
	}
	event := inv.Event
	ask := func(text string) qa.PostID {
		id, err := n.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	var posts []qa.PostID
	for i := range 10 {
		posts = append(posts, ask(fmt.Sprint(i)))
	}
	look := func(post qa.PostID, changes int) {
		t.Helper()
		v, err := n.VerifyPost(t.Context(), event, post)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Changes) != changes || v.Bad != 0 || !v.Changes[0].Signed {
			t.Errorf("%+v", v)
		}
	}
	for _, p := range posts {
		look(p, 1)
	}
	if rows := n.verified.rows; rows != 11 {
		t.Errorf("%d changes were verified for ten pages of an event of 11", rows)
	}
	if _, err := n.Do(t.Context(), event, qa.Act{Kind: qa.ActEdit, Post: posts[3], Text: "edited"}); err != nil {
		t.Fatal(err)
	}
	look(posts[3], 2)
	look(ask("new"), 1)
	if rows := n.verified.rows; rows != 13 {
		t.Errorf("%d changes were verified, 13 exist", rows)
	}
}
