package webui

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/picture"
	"flyleaf/qa"
)

// postPage is the body of the page of one post: its thread, its earlier versions and a
// form to reply to it.
type postPage struct {
	Event    qa.Event
	Path     string
	Back     string
	Thread   threadView
	Here     string // HTML element of the post that the page is about
	Who      string
	Answered bool
	History  []version     // newest first; empty when the post was never edited
	Compared template.HTML // the two current versions of a post that was edited concurrently
	Compose  *composer
	Act      actForm
}

// composer is the form for a text on a page of its own: a reply or an edit.
type composer struct {
	Action, CSRF, Key, Cancel string
	Label, Button             string
	Draft                     node.Draft
	DraftSaved                string
	Error                     string
	Preview                   template.HTML
	Note                      string
	Name                      nameBox
	Picture                   pictureBox
}

func (s *server) loadPost(w http.ResponseWriter, r *http.Request) (v *weekView, t *qa.Thread, i int, ok bool) {
	if v, ok = s.load(w, r); !ok {
		return nil, nil, 0, false
	}
	if t, i, ok = v.find(qa.PostID(r.PathValue("post"))); !ok {
		s.postNotFound(w, r)
	}
	return v, t, i, ok
}

func (s *server) post(w http.ResponseWriter, r *http.Request) {
	if v, t, i, ok := s.loadPost(w, r); ok {
		s.showPost(w, r, http.StatusOK, v, t, i, nil)
	}
}

func postAt(t *qa.Thread, i int) *qa.PostView {
	if i < 0 {
		return &t.Question
	}
	return &t.Replies[i]
}

// showPost renders the page of a post. c, when not nil, is a reply that could not be
// saved, or a preview.
func (s *server) showPost(w http.ResponseWriter, r *http.Request, status int, v *weekView, t *qa.Thread, i int, c *composer) {
	p := postAt(t, i)
	page := postPage{
		Event: v.Event, Path: eventPath(v.Event.ID), Back: v.address(p.ID), Thread: v.thread(t), Here: postElem(p.ID), Who: v.writerName(p),
		Answered: t.Answered,
	}
	page.Thread.Open = false        // the page has a box of its own
	if !v.Event.Closed && !p.Void { // replies to a void post would not count
		if c == nil {
			c = &composer{Draft: v.drafts[string(p.ID)]}
		}
		c.Action, c.CSRF, c.Key = postPath(v.Event.ID, p.ID)+"/reply", v.csrf, string(p.ID)
		c.Label, c.Button, c.Cancel = v.replyLabel(p), "Reply", page.Back
		c.Name, c.DraftSaved = v.nameBox("n-reply", c.Name.Typed), v.ownCal.draftSaved(c.Draft)
		c.Picture = v.pictureBox("i-reply")
		page.Compose = c
	}
	if v.canRead(p) {
		page.History, page.Compared = v.history(p), compared(p)
	}
	l := s.layout(r, title(p, v), "week", nil)
	page.Act = actForm{CSRF: v.csrf, Back: postPath(v.Event.ID, p.ID)}
	v.nav(&l)
	l.Body, l.Event, l.Stream = page, page.Path, page.Path+"/stream"
	s.page(w, r, status, "post", l)
}

// title returns the title of a post's page: the first words of the post.
func title(p *qa.PostView, v *weekView) string {
	text := strings.Join(strings.Fields(picture.Words(p.Text())), " ")
	if !p.Shown() || text == "" {
		return "A post in " + v.Event.Title
	}
	return markdown.Line(text, 60) + " · " + v.Event.Title
}

// excerpt cuts a text to at most n characters, between two words if possible.
func excerpt(s string, n int) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) <= n {
		return string(runes)
	}
	cut := string(runes[:n])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.") + " …"
}

// maxCompared is how many of the newest versions of a post are compared with those before them.
const maxCompared = 20

// history lists the versions of a post, newest first, each with what it changed. Of versions that were written
// concurrently, each is compared with the last one before all of them.
func (v *weekView) history(p *qa.PostView) []version {
	if len(p.Revisions) < 2 {
		return nil
	}
	base := -1 // of the current versions, if there are several
	if len(p.Versions()) > 1 {
		base = slices.IndexFunc(p.Revisions, func(r qa.Revision) bool { return !r.Superseded }) - 1
	}
	var out []version
	for n, rev := range slices.Backward(p.Revisions) {
		before := n - 1
		if base >= 0 && !rev.Superseded {
			before = base
		}
		header := v.revisedAt(p, &rev).Words
		switch {
		case n == 0:
			header = "First version, " + header
		case !rev.Superseded:
			header = "Current version, " + header
		}
		shown := version{Header: header + v.deviceWords(&rev), ID: rev.ID, Words: v.wordsOf(p, rev.Text)}
		if before >= 0 && len(out) < maxCompared {
			shown.Changes = changes(p.Revisions[before].Text, rev.Text)
		}
		out = append(out, shown)
	}
	return out
}

// compared returns what the second of two concurrent versions says differently from the first; "" unless there are two.
func compared(p *qa.PostView) template.HTML {
	if v := p.Versions(); len(v) == 2 {
		return changes(v[0].Text, v[1].Text)
	}
	return ""
}

// changes returns two texts in one, as they were written: what was added and what was removed is marked.
func changes(old, now string) template.HTML {
	var b strings.Builder
	for _, p := range qa.DiffWords(picture.Words(old), picture.Words(now)) {
		text := template.HTMLEscapeString(p.Text)
		switch p.Kind {
		case qa.DiffAdded:
			text = "<ins>" + text + "</ins>"
		case qa.DiffRemoved:
			text = "<del>" + text + "</del>"
		}
		b.WriteString(text)
	}
	return template.HTML(b.String())
}

// bothVersions returns all current versions of a post as one text, with the first of their pictures.
func bothVersions(p *qa.PostView) string {
	var all []string
	var first picture.Picture
	for _, rev := range p.Versions() {
		words, pic, ok := picture.In(rev.Text)
		switch {
		case !ok:
			words = rev.Text
		case first.JPEG == nil:
			first = pic
		}
		all = append(all, words)
	}
	text := strings.Join(all, "\n\n---\n\n")
	if first.JPEG != nil {
		text = picture.Add(text, first)
	}
	return text
}

// editPage is the body of the pages on which readers edit or withdraw their own posts.
type editPage struct {
	Event   qa.Event
	Path    string
	Title   string
	Post    postView
	Compose composer
	// Compared are the two current versions of a post that was edited concurrently.
	Compared template.HTML
	Act      string // address of the form that withdraws
	CSRF     string
	Back     string
	On       string // "1" withdraws the post, "0" shows it again
}

// loadOwnPost loads a post for its writer. It refuses everybody else.
func (s *server) loadOwnPost(w http.ResponseWriter, r *http.Request) (v *weekView, t *qa.Thread, i int, ok bool) {
	if v, t, i, ok = s.loadPost(w, r); !ok {
		return
	}
	if !v.mine(postAt(t, i)) {
		s.problem(w, r, http.StatusForbidden, "Only its writer can change this post", "Nothing was changed. You can reply to it, or ask a moderator.")
		return nil, nil, 0, false
	}
	return
}

func (s *server) editor(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadOwnPost(w, r)
	if !ok {
		return
	}
	p := postAt(t, i)
	d, kept := v.drafts[editKey+string(p.ID)]
	if !kept {
		d.Text = p.Text()
		if r.URL.Query().Has("merge") {
			d.Text = bothVersions(p)
		}
		d.Text = picture.Without(d.Text)
	}
	s.showEditor(w, r, http.StatusOK, v, t, i, composer{Draft: d})
}

func (s *server) showEditor(w http.ResponseWriter, r *http.Request, status int, v *weekView, t *qa.Thread, i int, c composer) {
	p := postAt(t, i)
	c.Action, c.CSRF, c.Key = postPath(v.Event.ID, p.ID)+"/edit", v.csrf, editKey+string(p.ID)
	c.Label, c.Button, c.Cancel = "Text", "Save changes", v.address(p.ID)
	c.Picture, c.DraftSaved = v.pictureBox("i-edit"), v.ownCal.draftSaved(c.Draft)
	if _, pic, ok := picture.In(bothVersions(p)); ok {
		c.Picture.Kept = pic.Alt
	}
	c.Note = "The earlier version is kept, and everyone can see it. If you edit this post on another device at the same time, both versions are kept."
	page := editPage{Event: v.Event, Path: eventPath(v.Event.ID), Title: "Edit your post", Compose: c, Back: c.Cancel, Compared: compared(p)}
	l := s.layout(r, page.Title, "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, page.Path
	s.page(w, r, status, "edit", l)
}

func (s *server) edit(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadOwnPost(w, r)
	if !ok {
		return
	}
	p, d, ctx := postAt(t, i), draftFrom(r), r.Context()
	key := editKey + string(p.ID)
	fail := func(status int, words string) {
		if wantsJSON(r) {
			refuseForm(w, status, words, d)
			return
		}
		s.showEditor(w, r, status, v, t, i, composer{Draft: d, Error: words})
	}
	switch {
	case r.PostForm.Has("draft"):
		if err := s.node.SetDraft(ctx, v.Event.ID, key, d); err != nil {
			fail(statusOf(err), notSaved(err))
			return
		}
		formDone(w, r, v.address(p.ID), p.ID)
		return
	case r.PostForm.Has("discard"):
		if err := s.node.SetDraft(ctx, v.Event.ID, key, node.Draft{}); err != nil {
			fail(statusOf(err), notSaved(err))
			return
		}
		formDone(w, r, v.address(p.ID), p.ID)
		return
	case r.PostForm.Has("preview"):
		s.showEditor(w, r, http.StatusOK, v, t, i, composer{Draft: d, Preview: v.words(d.Text)})
		return
	case r.PostForm.Has("keep"): // the chosen one of concurrent versions is saved as a new version
		n := slices.IndexFunc(p.Revisions, func(rev qa.Revision) bool { return string(rev.ID) == r.PostForm.Get("keep") })
		if n < 0 {
			s.problem(w, r, http.StatusUnprocessableEntity, "This version is not here", "Nothing was changed. Reload the page and choose again.")
			return
		}
		d.Text = p.Revisions[n].Text
	case r.PostForm.Has("both"):
		d.Text = bothVersions(p)
	case strings.TrimSpace(d.Text) == "":
		fail(http.StatusUnprocessableEntity, "There is no text. To remove the post, use “Withdraw” instead.")
		return
	}
	text, err := d.Text, error(nil)
	if !r.PostForm.Has("keep") && !r.PostForm.Has("both") {
		text, err = s.withPicture(r, v, text, bothVersions(p))
	}
	if err == nil {
		_, err = s.node.Do(ctx, v.Event.ID, qa.Act{Kind: qa.ActEdit, Post: p.ID, Text: text})
	}
	if err != nil {
		d.Text = picture.Without(d.Text) // that of a version may have one, which the form keeps
		fail(statusOf(err), notSavedWords(err, &d))
		return
	}
	s.dropDraft(r, v.Event.ID, key)
	formDone(w, r, v.address(p.ID), p.ID)
}

func (s *server) withdrawal(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadOwnPost(w, r)
	if !ok {
		return
	}
	p := postAt(t, i)
	page := editPage{
		Event: v.Event, Path: eventPath(v.Event.ID), Title: "Withdraw this post?", Post: v.post(t, i),
		Act: postPath(v.Event.ID, p.ID) + "/withdraw", CSRF: v.csrf, Back: v.address(p.ID), On: "1",
	}
	if p.Withdrawn {
		page.Title, page.On = "Show this post again?", "0"
	}
	l := s.layout(r, page.Title, "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, page.Path
	s.page(w, r, http.StatusOK, "withdraw", l)
}

func (s *server) withdraw(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadOwnPost(w, r)
	if !ok {
		return
	}
	p := postAt(t, i)
	act, words := qa.Act{Kind: qa.ActWithdraw, Post: p.ID, On: r.PostForm.Get("on") != "0"}, "Shown again."
	if act.On {
		words = "Withdrawn."
	}
	undo, err := s.doUndoable(r, v, words, act)
	if err != nil {
		s.problem(w, r, statusOf(err), "Not saved", sentence(err.Error())+" The post was not changed. Go back and try again.")
		return
	}
	s.undoableDone(w, r, v.address(p.ID), p.ID, undo)
}
