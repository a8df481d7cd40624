package webui

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/markdown"
	"flyleaf/qa"
	"flyleaf/schema"
)

// queuePage is the body of the page with all posts and edits that wait for a moderator.
type queuePage struct {
	Event              qa.Event
	Path, Queue, CSRF  string
	Lede               string
	Entries            []queueEntry
	More               int          // number of posts that wait and are not on this page
	Hidden             []queueEntry // hidden posts; those whose writers answered the reason come first
	MoreHidden         int
	Reason             string
	Done, Error, Empty string
}

// queueEntry is a post that waits.
type queueEntry struct {
	ID                  qa.PostID
	Elem, Field         string
	Who, Verb, Why      string
	HiddenBy, Reason    string // of a hidden post
	LookalikeNote       string
	Label               string // names the post in the labels of buttons and links, for screen readers
	Words               template.HTML
	Appeal              string // what the writer of a hidden post answers
	Before              string // the text that an edit is to replace; "" unless an edit waits
	When                moment
	Address, Moderation string
	Chosen              bool
}

// maxQueue is the maximum number of posts on the page, and so how many can be decided about at once.
const maxQueue = 100

// queuePath returns the address of the page.
func queuePath(event qa.EventID) string { return eventPath(event) + "/queue" }

func (s *server) queue(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forModerators)
	if !ok {
		return
	}
	page, q := queuePage{}, r.URL.Query()
	for _, done := range []struct{ key, words string }{{"approved", "approved"}, {"hidden", "hidden"}, {"shown", "shown again"}} {
		if n, err := strconv.Atoi(q.Get(done.key)); err == nil && n > 0 {
			page.Done = plural(n, "post") + " " + done.words + "."
		} else if err == nil {
			page.Done = "Nothing was changed: another moderator has decided about what you chose."
		}
	}
	s.showQueue(w, r, http.StatusOK, v, page, nil)
}

// showQueue fills in the rest of page and renders it. chosen are the posts that the reader had chosen.
func (s *server) showQueue(w http.ResponseWriter, r *http.Request, status int, v *weekView, page queuePage, chosen []string) {
	page.Event, page.Path, page.Queue, page.CSRF = v.Event, eventPath(v.Event.ID), queuePath(v.Event.ID), v.csrf
	v.eachWaiting(func(t *qa.Thread, i int) {
		if len(page.Entries) == maxQueue {
			page.More++
			return
		}
		page.Entries = append(page.Entries, v.queueEntry(t, i, chosen))
	})
	page.Hidden, page.MoreHidden = v.hiddenEntries(chosen)
	switch n := len(page.Entries) + page.More; {
	case n > 0:
		page.Lede = plural(n, "post waits", "posts wait") + " for a moderator."
	case v.Event.Approve:
		page.Empty = "Nothing waits. New posts of readers appear here before anyone else sees them."
	default:
		page.Empty = "Nothing waits. Posts need no approval in this week, unless they arrive after it was closed."
	}
	l := s.layout(r, "To approve, "+v.Event.Title, "queue", page)
	v.nav(&l)
	l.Event, l.Stream = page.Path, page.Path+"/stream"
	s.page(w, r, status, "queue", l)
}

func (v *weekView) queueEntry(t *qa.Thread, i int, chosen []string) queueEntry {
	p := postAt(t, i)
	e := queueEntry{
		ID: p.ID, Elem: postElem(p.ID), Field: "w-" + string(p.ID), Who: upperFirst(v.writerName(p)), Verb: v.verb(t, i), Label: v.label(p),
		LookalikeNote: upperFirstLetter(v.lookalikes().Post(p).String()), Words: v.wordsOf(p, p.Text()), When: v.writtenAt(p),
		Address: v.address(p.ID), Moderation: postPath(v.Event.ID, p.ID) + "/moderate", Chosen: slices.Contains(chosen, string(p.ID)),
	}
	switch {
	case p.NeedsApproval:
		e.Why = "New"
	case p.EditNeedsApproval:
		e.Why = "Edited"
	case p.AfterClosing:
		e.Why = "Late"
	default:
		e.Why = "Edited late"
	}
	if before := v.Event.PublishedText(&p.Post); before != p.Text() {
		e.Before = markdown.Line(before, 240)
	}
	return e
}

// hiddenEntries returns the first hidden posts of the week, those with an answer to the reason before the others, and
// how many more there are.
func (v *weekView) hiddenEntries(chosen []string) (out []queueEntry, more int) {
	for _, answered := range []bool{true, false} {
		v.eachPost(isHidden, func(t *qa.Thread, i int) {
			p := postAt(t, i)
			if (p.Appeal() != "") != answered {
				return
			}
			if len(out) == maxQueue {
				more++
				return
			}
			e := v.queueEntry(t, i, chosen)
			by := "a moderator"
			if p.Marks.HiddenBy != "" {
				by = v.nameOrYou(p.Marks.HiddenBy)
			}
			e.Why, e.Before, e.Appeal, e.HiddenBy, e.Reason = "Hidden", "", p.Appeal(), by, p.Marks.Hidden
			out = append(out, e)
		})
	}
	return out, more
}

func isHidden(p *qa.PostView) bool { return p.Marks.Hidden != "" && !p.Withdrawn && !p.Void }

// eachWaiting calls fn with every post that waits for a moderator.
func (v *weekView) eachWaiting(fn func(t *qa.Thread, i int)) {
	v.eachPost((*qa.PostView).WaitsForModerator, fn)
}

// eachPost calls fn with every post for which is returns true: the question of a thread (i = -1), or its reply i.
func (v *weekView) eachPost(is func(*qa.PostView) bool, fn func(t *qa.Thread, i int)) {
	for k := range v.Threads {
		t := &v.Threads[k]
		for i := -1; i < len(t.Replies); i++ {
			if is(postAt(t, i)) {
				fn(t, i)
			}
		}
	}
}

// decide approves or hides the chosen posts, or shows them again, in one transaction. It leaves out posts about which
// somebody else has decided meanwhile.
func (s *server) decide(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forModerators)
	if !ok {
		return
	}
	form := r.PostForm
	chosen := form["post"]
	if form.Get("approve") == "all" {
		chosen = form["shown"]
	}
	act := qa.Act{Kind: qa.ActMark, Mark: schema.KeyApproved, On: true}
	done := "approved"
	hide := form.Has("hide")
	if hide {
		done = "hidden"
		act = qa.Act{Kind: qa.ActMark, Mark: schema.KeyHidden, Text: strings.Join(strings.Fields(form.Get("reason")), " ")}
	}
	is := (*qa.PostView).WaitsForModerator
	show := form.Has("show")
	if show {
		done, is = "shown", isHidden
		act = qa.Act{Kind: qa.ActMark, Mark: schema.KeyHidden}
	}
	var acts []qa.Act
	v.eachPost(is, func(t *qa.Thread, i int) {
		if id := postAt(t, i).ID; slices.Contains(chosen, string(id)) {
			act.Post = id
			acts = append(acts, act)
		}
	})
	fail := func(status int, words string) {
		s.showQueue(w, r, status, v, queuePage{Error: words + " Nothing was changed.", Reason: form.Get("reason")}, chosen)
	}
	switch {
	case !hide && !show && !form.Has("approve"):
		fail(http.StatusUnprocessableEntity, "Neither “approve” nor “hide” is chosen.")
		return
	case len(chosen) == 0:
		fail(http.StatusUnprocessableEntity, "No post is chosen.")
		return
	case hide && act.Text == "":
		fail(http.StatusUnprocessableEntity, "Not saved. "+sentence(errNoReason.Error()))
		return
	}
	words := map[string]string{"approved": "approved", "hidden": "hidden", "shown": "shown again"}[done]
	undo, err := s.doUndoable(r, v, plural(len(acts), "post")+" "+words+".", acts...)
	if err != nil {
		fail(statusOf(err), "Not saved. "+sentence(err.Error()))
		return
	}
	to := url.Values{done: {strconv.Itoa(len(acts))}}
	s.undoableDone(w, r, queuePath(v.Event.ID)+"?"+to.Encode(), "", undo)
}

// toApprove counts the posts that wait for the reader as a moderator, and the answers to why a post was hidden. It
// reports whether pages link to them.
func (v *weekView) toApprove() (n int, linked bool) {
	if !v.can.Moderate {
		return 0, false
	}
	v.eachPost(func(p *qa.PostView) bool { return p.WaitsForModerator() || isHidden(p) && p.Appeal() != "" }, func(*qa.Thread, int) { n++ })
	return n, n > 0 || v.Event.Approve
}
