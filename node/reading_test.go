package node

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage/mem"
)

// unreadTexts returns the texts of the unread posts that the user sees, in the order of the page.
func unreadTexts(t *testing.T, d *Device, event qa.EventID) (texts []string) {
	t.Helper()
	state, err := d.ReadState(t.Context(), event)
	must(t, err)
	w := weekOf(t, d, event)
	me, err := d.Keys(t.Context(), event)
	must(t, err)
	n := state.News(&w, me)
	for _, p := range slices.Concat(n.Yours, n.Answers, n.Questions, n.Others) {
		texts = append(texts, p.Post.Text())
	}
	return texts
}

func countsOf(t *testing.T, d *Device, event qa.EventID) qa.NewsCounts {
	t.Helper()
	all, err := d.News(t.Context())
	must(t, err)
	return all[event]
}

func sameTexts(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("unread %q, want %q", got, want)
	}
}

// readers returns two devices that share a week, and the week. The second device has opened it.
func readers(t *testing.T) (founder, reader *Device, event qa.EventID) {
	founder = device(t)
	event = createEvent(t, founder, "A week")
	reader = device(t, keyFor(t, 7))
	ask(t, founder, event, qa.Act{Text: "Before the visit"})
	carry(t, founder, reader, event)
	must(t, reader.Visit(t.Context(), event))
	return founder, reader, event
}

func keyFor(t *testing.T, seed byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromSeed(slices.Repeat([]byte{seed}, 32))
	must(t, err)
	return k
}

// do carries out an act that creates no post.
func do(t *testing.T, d *Device, event qa.EventID, act qa.Act) {
	t.Helper()
	_, err := d.Do(t.Context(), event, act)
	must(t, err)
}

func TestUnreadIsWhatArrivedAfterTheVisit(t *testing.T) {
	founder, reader, event := readers(t)
	sameTexts(t, unreadTexts(t, reader, event))
	mine := ask(t, reader, event, qa.Act{Text: "Mine"})
	carry(t, reader, founder, event)
	// The clocks of the writers do not matter: one is years behind.
	old := ask(t, founder, event, qa.Act{Text: "By a slow clock", AtMillis: 1_000_000_000_000})
	me, err := founder.Identity(t.Context())
	must(t, err)
	do(t, founder, event, qa.Act{Kind: qa.ActRole, Identity: me, Role: qa.RoleAuthor, On: true})
	ask(t, founder, event, qa.Act{Parent: mine, Text: "An answer"})
	carry(t, founder, reader, event)
	sameTexts(t, unreadTexts(t, reader, event), "An answer", "By a slow clock")
	if c := countsOf(t, reader, event); c != (qa.NewsCounts{Answered: 1, AnswersToYou: 1, Questions: 1}) {
		t.Errorf("%+v", c)
	}
	// A post that was read stays read, what arrives later is unread, and a new process knows both.
	must(t, reader.MarkRead(t.Context(), event, []qa.PostID{old}, 0))
	sameTexts(t, unreadTexts(t, reader, event), "An answer")
	ask(t, founder, event, qa.Act{Text: "Later"})
	carry(t, founder, reader, event)
	sameTexts(t, unreadTexts(t, reader, event), "An answer", "Later")
	again := deviceOn(t, reader.store, keyFor(t, 7))
	sameTexts(t, unreadTexts(t, again, event), "An answer", "Later")
}

func TestMarkingAllAsReadKeepsWhatThePageDidNotShow(t *testing.T) {
	founder, reader, event := readers(t)
	ask(t, founder, event, qa.Act{Text: "One"})
	ask(t, founder, event, qa.Act{Text: "Two"})
	carry(t, founder, reader, event)
	page, err := reader.ReadState(t.Context(), event)
	must(t, err)
	ask(t, founder, event, qa.Act{Text: "Three"})
	carry(t, founder, reader, event)
	must(t, reader.MarkRead(t.Context(), event, nil, page.UpTo))
	sameTexts(t, unreadTexts(t, reader, event), "Three")
}

func TestAPostIsUnreadWhenItIsApproved(t *testing.T) {
	founder, reader, event := readers(t)
	other := device(t, keyFor(t, 8))
	do(t, founder, event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	carry(t, founder, other, event)
	waiting := ask(t, other, event, qa.Act{Text: "Waits"})
	carry(t, other, reader, event)
	carry(t, other, founder, event)
	sameTexts(t, unreadTexts(t, reader, event))
	page, err := reader.ReadState(t.Context(), event)
	must(t, err)
	must(t, reader.MarkRead(t.Context(), event, nil, page.UpTo))
	do(t, founder, event, qa.Act{Kind: qa.ActMark, Post: waiting, Mark: "approved", On: true})
	carry(t, founder, reader, event)
	sameTexts(t, unreadTexts(t, reader, event), "Waits")
	// It waited before the reader opened the week for the first time.
	late := device(t, keyFor(t, 9))
	second := ask(t, other, event, qa.Act{Text: "Waits too"})
	carry(t, other, founder, event)
	carry(t, founder, late, event)
	must(t, late.Visit(t.Context(), event))
	do(t, founder, event, qa.Act{Kind: qa.ActMark, Post: second, Mark: "approved", On: true})
	carry(t, founder, late, event)
	sameTexts(t, unreadTexts(t, late, event), "Waits too")
}

func TestAWeekThatWasNotOpenedHasNothingUnread(t *testing.T) {
	founder := device(t)
	event := createEvent(t, founder, "A week")
	ask(t, founder, event, qa.Act{Text: "A question"})
	reader := device(t, keyFor(t, 7))
	carry(t, founder, reader, event)
	sameTexts(t, unreadTexts(t, reader, event))
	if all, err := reader.News(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", slices.Collect(maps.Keys(all)), err)
	}
	must(t, reader.MarkRead(t.Context(), event, nil, 1)) // changes nothing
	ask(t, founder, event, qa.Act{Text: "Another"})
	carry(t, founder, reader, event)
	sameTexts(t, unreadTexts(t, reader, event))
}

// The state that is stored is bounded: only the newest unread posts are kept.
func TestTheReadStateIsBounded(t *testing.T) {
	store := mem.New()
	d := deviceOn(t, store, keyFor(t, 7))
	founder := device(t)
	event := createEvent(t, founder, "A week")
	carry(t, founder, d, event)
	must(t, d.Visit(t.Context(), event))
	var acts []qa.Act
	for i := range MaxUnread + 2 {
		acts = append(acts, qa.Act{Kind: qa.ActPost, Text: fmt.Sprintf("Question %d", i)})
	}
	must(t, founder.DoAll(t.Context(), event, acts))
	carry(t, founder, d, event)
	if n := len(unreadTexts(t, d, event)); n != MaxUnread+2 {
		t.Errorf("%d unread", n)
	}
	w := weekOf(t, d, event)
	must(t, d.MarkRead(t.Context(), event, []qa.PostID{w.Threads[MaxUnread+1].Question.ID}, 0))
	unread := unreadTexts(t, d, event)
	if len(unread) != MaxUnread || unread[0] != "Question 1" {
		t.Errorf("%d unread, the first is %q", len(unread), unread[0])
	}
}
