package webui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"flyleaf/internal/smallsort"
	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// syncPageBody is the body of the page with the sync status.
type syncPageBody struct {
	Clock           string // says that this device's clock is wrong; "" when it is right
	Title, Lede     string
	Checked         moment
	Far             []farStep // how far the reader's posts have come; empty when there are none
	FarPosts        int       // how many posts these are
	Posts           int       // on this device, in all weeks
	Events          int
	Device          *otherDevice // nil: no other device of the reader is known
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

// farStep is one step of the way of the reader's posts, with how many have come so far.
type farStep struct {
	Many         int
	State, Words string
}

// otherDevice is what the page says about the reader's other devices.
type otherDevice struct {
	Last    moment
	Missing int // number of changes of this device that it did not have when it wrote last
}

// unsentPost is a post about which the reader has written something that waits to be sent.
type unsentPost struct {
	What               string // "Your vote on": what waits; "" for the post itself
	Excerpt, URL, Week string
	Delivery           delivery
	When               moment
	Why                string
	Tries              string // how often connecting was tried; "" if it was not
}

// weekState is the sync status of one week.
type weekState struct {
	Title, Path string
	Posts       string
	Pending     string
	Relay       string
	Bold, Rest  string
	Tries       string
	File        string // address of the week as a file; "" when there is nothing to save
	Since       *moment
	Delivery    delivery
}

// maxWeekStates is the maximum number of listed weeks. Weeks with unsent changes come first.
const maxWeekStates = 30

// maxFarWeeks is the maximum number of weeks whose posts are counted as Far: those that are synced now.
const maxFarWeeks = 12

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
	pending, far := 0, &farCount{}
	smallsort.StableFunc(all, func(a, b qa.Status) int { return oneIf(b.Waiting() > 0) - oneIf(a.Waiting() > 0) })
	for _, st := range all {
		pending += st.Waiting()
		p.Posts += st.Posts
		p.Events++
		if len(p.Weeks) >= maxWeekStates {
			p.MoreWeeks++
			p.MoreWeeksUnsent += oneIf(st.Waiting() > 0)
			if err := s.listUnsent(ctx, st, &p, false, nil); err != nil {
				s.readFailed(w, r, err)
				return
			}
			continue
		}
		state := weekState{
			Title: st.Title, Path: eventPath(st.Event), Posts: plural(st.Posts, "post") + ", " + plural(st.Changes, "change"),
			Relay: st.Relay.URL, Delivery: delivery{State: stateRelay, Words: "Your posts are on the relay"},
		}
		if st.Changes > 0 {
			state.File = "/files/export?week=" + url.QueryEscape(string(st.Event))
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
		state.Tries = triesWords(st.Relay, cal)
		if st.Relay.SinceMillis != 0 {
			since := cal.moment(st.Relay.SinceMillis)
			state.Since = &since
		}
		p.Weeks = append(p.Weeks, state)
		if err := s.listUnsent(ctx, st, &p, true, far); err != nil {
			s.readFailed(w, r, err)
			return
		}
	}
	p.Title, p.Lede = syncHeading(all, pending)
	p.Far, p.FarPosts = far.steps(), far.posts
	if far.device.LastMillis != 0 {
		p.Device = &otherDevice{cal.moment(far.device.LastMillis), far.device.Missing}
	}
	for i := range all {
		if words := all[i].Relay.ClockWarning(); words != "" {
			p.Clock = sentence(words)
		}
	}
	l := s.layout(r, "Sync status", "sync", p)
	l.RefreshWhole, l.Sync = true, syncSummaryOf(node.Summarize(all))
	s.page(w, r, http.StatusOK, "sync", l)
}

// farCount counts how far the reader's posts have come, and what is known of the reader's other devices.
type farCount struct {
	weeks                          int
	posts, relay, author, answered int
	device                         qa.OtherDevice
}

// counts reports whether the posts of a week are counted: of one that is synced now.
func (f *farCount) counts(st *qa.Status) bool {
	idle := st.Relay.State == qa.RelayIdle || st.Relay.State == qa.RelayNone || st.Relay.State == ""
	return f != nil && f.weeks < maxFarWeeks && !idle && st.Posts > 0
}

// add counts the posts of one week.
func (f *farCount) add(v *weekView) {
	f.weeks++
	for i := range v.Threads {
		t := &v.Threads[i]
		for k := -1; k < len(t.Replies); k++ {
			p := postAt(t, k)
			if !v.mine(p) || p.IsImported() || !p.Shown() {
				continue
			}
			at, _ := v.whereIs(p, k < 0 && t.Answered)
			f.posts++
			f.relay += oneIf(at.OnRelay())
			f.author += oneIf(at.Seen() || at.State() == qa.DeliveryAnswer)
			f.answered += oneIf(at.State() == qa.DeliveryAnswer)
		}
	}
	if d := v.where.Device; d != nil {
		f.device.LastMillis = max(f.device.LastMillis, d.LastMillis)
		f.device.Missing += d.Missing
	}
}

func (f *farCount) steps() []farStep {
	if f.posts == 0 {
		return nil
	}
	return []farStep{
		{f.posts, "on this device", "saved before anything else is shown"},
		{f.relay, "on the relay", "on its disk, as far as this device knows: losing the device no longer loses them"},
		{f.author, "delivered to an author", "on an author’s device; they may not have been read"},
		{f.answered, "answered", "by an author, or marked as answered"},
	}
}

// listUnsent lists the reader's changes to an event that were not accepted and, if posts is
// true, those that wait to be sent; far, if not nil, counts how far the reader's posts have come. It reads the week
// only when there is something to list or to count.
func (s *server) listUnsent(ctx context.Context, st qa.Status, p *syncPageBody, posts bool, far *farCount) error {
	refused, err := s.node.Refusals(ctx, st.Event)
	if err != nil {
		refused = nil // the page must open anyway
	}
	posts = posts && st.Waiting() > 0
	counted := far.counts(&st)
	if len(refused) == 0 && !posts && !counted {
		return nil
	}
	week, err := s.node.Week(ctx, st.Event)
	if err != nil {
		return err
	}
	keys, err := s.node.Keys(ctx, st.Event)
	if err != nil {
		return err
	}
	v := s.newWeekView(week, keys)
	v.relay = st.Relay
	p.Refusals = append(p.Refusals, v.refusals(refused, s.guard.form)...)
	if v.unsent, err = s.node.Undelivered(ctx, st.Event); err != nil {
		return err
	}
	if counted {
		if v.where, err = s.node.Whereabouts(ctx, st.Event); err != nil {
			return err
		}
		v.presence = s.presenceByPost(ctx, st.Event)
		far.add(v)
	}
	if !posts {
		return nil
	}
	p.Others += v.unsent[""].Changes
	v.rejectedByPost = byPost(refused)
	for i := range v.Threads {
		t := &v.Threads[i]
		v.listIfUnsent(&t.Question, st, p)
		for j := range t.Replies {
			v.listIfUnsent(&t.Replies[j], st, p)
		}
	}
	return nil
}

// listIfUnsent adds a post to the list if the reader has written something about it that waits to be sent.
func (v *weekView) listIfUnsent(post *qa.PostView, st qa.Status, p *syncPageBody) {
	unsent := v.unsent[post.ID]
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
		Delivery: state, When: v.cal.moment(post.ShownMillis()), Why: why, Tries: triesWords(st.Relay, v.cal),
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
	return "Your " + people.And(what) + " on"
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
	return t.Words, "Everything you wrote on this device is saved here and on the relay."
}

func (s *server) tryNow(w http.ResponseWriter, r *http.Request) {
	if err := s.node.ReconnectNow(r.Context()); err != nil {
		s.readFailed(w, r, err)
		return
	}
	formDone(w, r, "/sync", "")
}
