package webui

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
)

// syncPageBody is the body of the page with the sync status.
type syncPageBody struct {
	Clock           string // says that this device's clock is wrong; "" when it is right
	Title, Lede     string
	Checked         moment
	Unsent          []unsentPost
	MoreUnsent      int // number of unsent posts that are not listed
	Others          int // number of unsent changes that are about no post
	Weeks           []weekState
	MoreWeeks       int // number of weeks that are not listed
	MoreWeeksUnsent int // number of these weeks that have unsent changes
	Refusals        []refusal
	CSRF            string
	Browser         bool // see Config.Browser
}

// unsentPost is a post about which the reader has written something that waits to be sent.
type unsentPost struct {
	What               string // "Your vote on": what waits; "" for the post itself
	Excerpt, URL, Week string
	Delivery           delivery
	When               moment
	Why                string
}

// weekState is the sync status of one week.
type weekState struct {
	Title, Path string
	Posts       string
	Pending     string
	Relay       string
	Bold, Rest  string
	Since       *moment
	Delivery    delivery
}

// maxWeekStates is the maximum number of listed weeks. Weeks with unsent changes come first.
const maxWeekStates = 30

// maxUnsent is the maximum number of listed unsent posts.
const maxUnsent = 50

func (s *server) syncPage(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	all, err := s.node.Overview(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	p := syncPageBody{CSRF: s.guard.form, Browser: s.browser}
	cal := calendar{zone: s.zone, now: s.now()}
	p.Checked = moment{Words: s.now().In(s.zone).Format("15:04:05"), Machine: s.now().UTC().Format("2006-01-02T15:04:05Z")}
	pending := 0
	slices.SortStableFunc(all, func(a, b qa.Status) int { return oneIf(b.Waiting() > 0) - oneIf(a.Waiting() > 0) })
	for _, st := range all {
		pending += st.Waiting()
		if len(p.Weeks) >= maxWeekStates {
			p.MoreWeeks++
			p.MoreWeeksUnsent += oneIf(st.Waiting() > 0)
			if err := s.listUnsent(ctx, st, &p, false); err != nil {
				s.readFailed(w, r, err)
				return
			}
			continue
		}
		state := weekState{
			Title: st.Title, Path: eventPath(st.Event), Posts: plural(st.Posts, "post") + ", " + plural(st.Changes, "change"),
			Relay: st.Relay.URL, Delivery: delivery{State: stateRelay, Words: "Your posts are on the relay"},
		}
		if st.Title == "" {
			state.Title = "A week that has not arrived yet"
		}
		switch {
		case st.Waiting() > 0:
			state.Delivery = delivery{State: stateDevice, Words: plural(st.Waiting(), "change") + " only on this device"}
		case st.Relay.State == qa.RelayNone || st.Relay.State == "":
			state.Delivery = delivery{State: stateDraft, Words: "Only on this device"}
		case st.Changes == 0:
			state.Delivery = delivery{State: stateDraft, Words: "Nothing has arrived yet"}
		}
		state.Bold, state.Rest = relayNow(st.Relay)
		if st.Relay.SinceMillis != 0 {
			since := cal.moment(st.Relay.SinceMillis)
			state.Since = &since
		}
		p.Weeks = append(p.Weeks, state)
		if err := s.listUnsent(ctx, st, &p, true); err != nil {
			s.readFailed(w, r, err)
			return
		}
	}
	p.Title, p.Lede = syncHeading(all, pending)
	for i := range all {
		if words := all[i].Relay.ClockWarning(); words != "" {
			p.Clock = sentence(words)
		}
	}
	l := s.layout(r, "Sync status", "sync", p)
	l.RefreshWhole, l.Sync = true, syncSummaryOf(node.Summarize(all))
	s.page(w, r, http.StatusOK, "sync", l)
}

// listUnsent lists the reader's changes to an event that were not accepted and, if posts is
// true, those that wait to be sent. It reads the week only when there
// is something to list.
func (s *server) listUnsent(ctx context.Context, st qa.Status, p *syncPageBody, posts bool) error {
	refused, err := s.node.Refusals(ctx, st.Event)
	if err != nil {
		refused = nil // the page must open anyway
	}
	posts = posts && st.Waiting() > 0
	if len(refused) == 0 && !posts {
		return nil
	}
	week, err := s.node.Week(ctx, st.Event)
	if err != nil {
		return err
	}
	v := s.newWeekView(week, nil)
	p.Refusals = append(p.Refusals, v.refusals(refused, s.guard.form)...)
	if !posts {
		return nil
	}
	unsent, err := s.node.Undelivered(ctx, st.Event)
	if err != nil {
		return err
	}
	p.Others += unsent[""].Changes
	v.rejectedByPost = byPost(refused)
	for i := range week.Threads {
		t := &week.Threads[i]
		v.listIfUnsent(&t.Question, st, unsent[t.Question.ID], p)
		for j := range t.Replies {
			v.listIfUnsent(&t.Replies[j], st, unsent[t.Replies[j].ID], p)
		}
	}
	return nil
}

// listIfUnsent adds a post to the list if the reader has written something about it that waits to be sent.
func (v *weekView) listIfUnsent(post *qa.PostView, st qa.Status, unsent qa.Unsent, p *syncPageBody) {
	if unsent.Changes == 0 {
		return
	}
	if len(p.Unsent) == maxUnsent {
		p.MoreUnsent++
		return
	}
	state, why := delivery{State: stateDevice, Words: deliveryWords[stateDevice]}, sentence(relayWhy(st.Relay))
	if n, ok := v.rejectedByPost[post.ID]; ok {
		state, why = delivery{State: stateRefused, Words: deliveryWords[stateRefused]}, sentence(n.Reason)
	}
	p.Unsent = append(p.Unsent, unsentPost{
		What:    unsentWords(unsent),
		Excerpt: markdown.Line(post.Text(), 100), URL: eventPath(st.Event) + "/go/" + string(post.ID), Week: v.Event.Title,
		Delivery: state, When: v.cal.moment(post.ShownMillis()), Why: why,
	})
}

// unsentWords says what about a post waits to be sent; "" for the post itself.
func unsentWords(u qa.Unsent) string {
	if u.Text {
		return ""
	}
	var what []string
	for _, w := range []struct {
		is    bool
		words string
	}{{u.Vote, "vote"}, {u.Reaction, "reaction"}, {u.Mark, "mark"}} {
		if w.is {
			what = append(what, w.words)
		}
	}
	return "Your " + and(what) + " on"
}

// syncHeading returns the page's heading: the worst state of all weeks.
func syncHeading(all []qa.Status, pending int) (title, lede string) {
	sum := node.Summarize(all)
	t := withoutClock(sum)
	switch {
	case len(all) == 0:
		return "Nothing here yet", "There are no weeks on this device. Join one or set one up under “Your weeks”."
	case pending == 1:
		return "1 change only on this device", "It is saved on this device. Until the relay has it too, losing the device would lose it."
	case pending > 1:
		return fmt.Sprintf("%d changes only on this device", pending), "They are saved on this device. Until the relay has them too, losing the device would lose them."
	}
	if sum.WithoutRelay > 0 {
		return t.Words, "Weeks without a relay are only on this device, so losing the device would lose them. Save them as files, or have an organiser add a relay."
	}
	return t.Words, "Everything you wrote is saved on this device and on the relay."
}

func (s *server) tryNow(w http.ResponseWriter, r *http.Request) {
	if err := s.node.ReconnectNow(r.Context()); err != nil {
		s.readFailed(w, r, err)
		return
	}
	formDone(w, r, "/sync", "")
}
