package webui

import (
	"context"
	"net/http"
	"slices"

	"flyleaf/qa"
)

// logPage is the body of the moderation log, which everybody may read.
type logPage struct {
	Event qa.Event
	Path  string
	Queue string // address of the page with hidden posts; "" when the reader may not open it
	Lines []logLine
	paging
}

// logLine is one entry of the moderation log, as a sentence.
type logLine struct {
	Who      string
	Did      []phraseView
	When     moment
	NoEffect bool
	Void     bool // two versions of the change were signed
}

// phraseView is a part of a sentence about a change.
type phraseView struct {
	Words string // plain words
	Post  string // words for a post, such as "a post"
	URL   string // address of the post; "" when the post is not on this device
	Whose string // the post's writer; "" when the sentence does not name the writer
	Name  string // a person's name
	Quote string // quoted text
	When  moment
}

// linesOnPage is the maximum number of log entries on a page.
const linesOnPage = 100

// log returns the moderation log, or nil when it cannot be read: the page that asks must
// open anyway.
func (s *server) log(ctx context.Context, event qa.EventID) []qa.LogEntry {
	all, err := s.node.Log(ctx, event)
	if err != nil {
		return nil
	}
	return all
}

func (s *server) showLog(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	all, err := s.node.Log(r.Context(), v.Event.ID)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	slices.Reverse(all)
	page := logPage{Event: v.Event, Path: eventPath(v.Event.ID)}
	if v.can.Moderate {
		page.Queue = queuePath(v.Event.ID)
	}
	page.paging = newPaging(len(all), linesOnPage, r.URL.Query().Get("page"), -1, func(n int) string { return pageAddress(page.Path+"/log", nil, n) })
	from, until := page.on(len(all), linesOnPage)
	for _, e := range all[from:until] {
		page.Lines = append(page.Lines, v.logLine(e))
	}
	l := s.layout(r, "Moderation log", "week", nil)
	v.nav(&l)
	l.Body, l.Event, l.Stream, l.RefreshWhole = page, page.Path, page.Path+"/stream", true
	s.page(w, r, http.StatusOK, "log", l)
}

func (v *weekView) logLine(e qa.LogEntry) logLine {
	d := e.Did()
	return logLine{Who: upperFirst(v.nameOrYou(e.By)), Did: v.phrases(&d, ""), When: v.cal.moment(e.AtMillis), NoEffect: !e.InEffect, Void: e.Void}
}

// phrases returns the sentence that describes a change. self is the post that the page is
// about; "" for none.
func (v *weekView) phrases(d *qa.ChangeDescription, self qa.PostID) []phraseView {
	var out []phraseView
	for _, p := range d.Phrases() {
		line := phraseView{Words: p.Words, Quote: p.Quote}
		switch {
		case p.Post != "" && p.Post == self:
			line.Post = "the post"
		case p.Post != "":
			line.Post = "a post that is not on this device"
			if t, i, ok := v.find(p.Post); ok {
				line.Post, line.URL = "a post", v.linkTo(p.Post).URL
				if post := postAt(t, i); post.Shown() && !v.anonymous(post) { // the log does not name the writer of a hidden or anonymous post
					line.Whose = v.nameOrYou(post.By)
				}
			}
		case p.Person != "":
			line.Name = v.nameOrYou(p.Person)
		case p.Millis != 0:
			line.When = v.cal.moment(p.Millis)
		}
		out = append(out, line)
	}
	return out
}

// nameOrYou returns the name of a person, or "you" for the reader.
func (v *weekView) nameOrYou(id qa.Identity) string {
	if slices.Contains(v.keys, id) {
		return "you"
	}
	return v.personName(id)
}

// roleWords names a role with its article.
func roleWords(r qa.Role) string {
	switch r {
	case qa.RoleOrganiser, qa.RoleAuthor:
		return "an " + string(r)
	}
	return "a " + string(r)
}
