package webui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flyleaf/markdown"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// moderatePage is the body of the page on which a moderator decides about one post. Each
// decision has its own form.
type moderatePage struct {
	Event                             qa.Event
	CSRF, Back                        string
	Mark, Block, Log                  string // addresses of the two forms and of the log
	Post                              postView
	Words                             string // beginning of the post's text
	Who                               string
	Question                          bool
	Hidden                            bool
	Reason                            string
	Pinned, Answered                  bool
	ByAuthor                          bool // an author has answered the question
	Approving, Awaiting, AfterClosing bool
	EditedAfterClosing, EditAwaiting  bool
	DuplicateOf                       qa.PostID
	Questions                         []choice     // of which this one may be a duplicate
	SearchedFor                       string       // "": Questions are similar ones
	MoreQuestions                     int          // that were found and are not among Questions
	Address                           string       // of this page
	Writer                            people.Found // the person whom the block would affect, even if the post is shown under another name
	Wrote                             moment       // time of the writer's first post
	WriterName                        string
	Blockable, Blocked                bool
	BlockReason                       string
	Error, BlockError                 string
}

// choice is one entry of a list to choose from.
type choice struct {
	ID, Words string
	Chosen    bool
}

// permissions says what the reader's roles allow in a week. Pages use it to decide what to
// offer. Every device validates the change itself.
type permissions struct{ Organise, Moderate, Answer bool }

func permissionsOf(e qa.Event, me qa.Identity) permissions {
	return permissions{e.HasRole(me, qa.RoleOrganiser), e.HoldsAny(me, schema.Moderators), e.HasRole(me, qa.RoleAuthor)}
}

// mayMark reports whether the reader may set a mark on a post.
func (v *weekView) mayMark(t *qa.Thread, i int, mark string) bool {
	r := schema.MapMarks.Row(mark)
	if r == nil || mark == schema.KeyAnswered && i >= 0 { // only a question is marked as answered
		return r == nil && v.can.Moderate
	}
	return v.Event.MayWrite(v.me, r, v.mine(postAt(t, i)))
}

// audience is whom a page or a form is for.
type audience struct {
	words string
	has   func(permissions) bool
}

var (
	forAuthors    = audience{"authors", func(p permissions) bool { return p.Answer }}
	forModerators = audience{"moderators and organisers", func(p permissions) bool { return p.Moderate }}
	forOrganisers = audience{"organisers", func(p permissions) bool { return p.Organise }}
	forChoosers   = audience{"authors and organisers", func(p permissions) bool { return p.Answer || p.Organise }}
)

// loadFor is load for an audience. Others get an error page.
func (s *server) loadFor(w http.ResponseWriter, r *http.Request, who audience) (v *weekView, ok bool) {
	v, ok = s.load(w, r)
	return v, ok && s.admits(w, r, v, who)
}

// loadPostFor is loadPost for an audience. Others get an error page.
func (s *server) loadPostFor(w http.ResponseWriter, r *http.Request, who audience) (v *weekView, t *qa.Thread, i int, ok bool) {
	v, t, i, ok = s.loadPost(w, r)
	return v, t, i, ok && s.admits(w, r, v, who)
}

// admits reports whether the reader belongs to an audience. If not, it has sent a response.
func (s *server) admits(w http.ResponseWriter, r *http.Request, v *weekView, who audience) bool {
	if who.has(v.can) {
		return true
	}
	s.notAllowed(w, r, who)
	return false
}

func (s *server) notAllowed(w http.ResponseWriter, r *http.Request, who audience) {
	s.problem(w, r, http.StatusForbidden, "Only "+who.words+" can do this",
		"You do not have that role in this week. Nothing was changed. An organiser can give you the role.")
}

func (s *server) moderation(w http.ResponseWriter, r *http.Request) {
	if v, t, i, ok := s.loadPostFor(w, r, forModerators); ok {
		s.showModeration(w, r, http.StatusOK, v, t, i, moderatePage{})
	}
}

// showModeration fills in the rest of page and renders it. Fields that page already has
// were typed by the reader, and are shown again.
func (s *server) showModeration(w http.ResponseWriter, r *http.Request, status int, v *weekView, t *qa.Thread, i int, page moderatePage) {
	p, path := postAt(t, i), postPath(v.Event.ID, postAt(t, i).ID)
	page.Event, page.CSRF, page.Back, page.Log = v.Event, v.csrf, v.address(p.ID), eventPath(v.Event.ID)+"/log"
	page.Address, page.Mark, page.Block = path+"/moderate", path+"/mark", path+"/block"
	page.Post, page.Who, page.Question = v.post(t, i), v.writerName(p), i < 0
	page.Words = markdown.Line(p.Text(), 240)
	page.Hidden, page.Pinned, page.Answered = p.Marks.Hidden != "", p.Marks.Pinned, p.Marks.Answered
	page.ByAuthor = t.Answered && !p.Marks.Answered
	page.Awaiting, page.AfterClosing, page.EditedAfterClosing = p.NeedsApproval, p.AfterClosing, p.EditedAfterClosing
	page.EditAwaiting = p.EditNeedsApproval
	// An approval can be withdrawn, even where none is needed any more.
	page.Approving = p.HasApproval()
	page.DuplicateOf = p.Marks.DuplicateOf
	if page.Reason == "" {
		page.Reason = p.Marks.Hidden
	}
	if page.Question {
		page.SearchedFor = strings.TrimSpace(r.URL.Query().Get("q"))
		var err error
		if page.Questions, page.MoreQuestions, err = s.originals(r.Context(), v, p, page.SearchedFor); err != nil {
			s.readFailed(w, r, err)
			return
		}
	}
	page.Writer, page.WriterName = people.Of(&v.Week, p.By)[0], v.nameOrYou(p.By)
	page.Wrote = v.writtenAt(page.Writer.First) // never empty: there is at least p
	block, blocked := qa.Blocks(s.log(r.Context(), v.Event.ID))[p.By]
	page.Blocked = blocked || p.Blocked
	page.Blockable = !v.mine(p) && v.Event.MayBlock(p.By)
	if page.BlockReason == "" {
		page.BlockReason = block.Text
	}
	l := s.layout(r, "Moderate a post", "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, eventPath(v.Event.ID)
	s.page(w, r, status, "moderate", l)
}

// The numbers of originals that the page offers: similar questions, and those that a search finds.
const (
	similarQuestions = 5
	foundQuestions   = 20
)

// originals lists the questions of which a question may be a duplicate: those that contain the words, or without words
// the similar ones; and the one that is chosen now. more is the number of questions that were found and left out.
func (s *server) originals(ctx context.Context, v *weekView, p *qa.PostView, words string) (out []choice, more int, err error) {
	var threads []*qa.Thread
	if words == "" {
		threads = s.similar.Find(&v.Week, p.Text(), p.ID, similarQuestions)
	} else {
		about, err := s.threadsAbout(ctx, v, words)
		if err != nil {
			return nil, 0, err
		}
		for k := range v.Threads {
			if t := &v.Threads[k]; about[k] && t.Question.ID != p.ID && t.Original() {
				threads = append(threads, t)
			}
		}
		more = max(0, len(threads)-foundQuestions)
		threads = threads[:len(threads)-more]
	}
	chosen := p.Marks.DuplicateOf
	if t, i, ok := v.find(chosen); ok && i < 0 && !slices.ContainsFunc(threads, func(t *qa.Thread) bool { return t.Question.ID == chosen }) {
		threads = append([]*qa.Thread{t}, threads...)
	}
	for _, t := range threads {
		q := &t.Question
		out = append(out, choice{ID: string(q.ID), Words: markdown.Line(upperFirst(v.writerName(q))+": "+q.Text(), 140), Chosen: q.ID == chosen})
	}
	return out, more, nil
}

var errNoReason = errors.New("write a reason; everyone can read it")

// markFrom returns the act of the button that was pressed. The button's name is the mark.
func markFrom(form url.Values) (act qa.Act, err error) {
	act.Kind = qa.ActMark
	for _, r := range schema.MapMarks.Values() {
		if !form.Has(r.Key) {
			continue
		}
		act.Mark = r.Key
		on := form.Get(r.Key) == "1"
		switch r.Type {
		case schema.Text:
			if !on {
				return act, nil
			}
			if act.Text = strings.Join(strings.Fields(form.Get("reason")), " "); act.Text == "" {
				err = errNoReason
			}
		case schema.PostID:
			if on {
				act.Text = form.Get("of")
			}
		default:
			act.On = on
		}
		return act, err
	}
	return act, &qa.FieldError{Field: "mark", Err: qa.ErrMissing}
}

func (s *server) mark(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	act, err := markFrom(r.PostForm)
	if !v.mayMark(t, i, act.Mark) {
		s.notAllowed(w, r, forModerators)
		return
	}
	p := postAt(t, i)
	act.Post = p.ID
	var undo string
	if err == nil {
		undo, err = s.doUndoable(r, v, marked(&act), act)
	}
	if err != nil {
		words := "Not saved. " + sentence(err.Error()) + " The post was not changed."
		if wantsJSON(r) || !v.can.Moderate {
			s.problem(w, r, statusOf(err), "Not saved", sentence(err.Error())+" The post was not changed. Go back and try again.")
			return
		}
		status := statusOf(err)
		if errors.Is(err, errNoReason) {
			status = http.StatusUnprocessableEntity
		}
		s.showModeration(w, r, status, v, t, i, moderatePage{Error: words, Reason: r.PostForm.Get("reason")})
		return
	}
	s.undoableDone(w, r, s.backTo(r, v.address(p.ID)), p.ID, undo)
}

// block blocks the writer of a post, or unblocks them.
func (s *server) block(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPostFor(w, r, forModerators)
	if !ok {
		return
	}
	p := postAt(t, i)
	act, err := blockFrom(r.PostForm, p.By)
	var undo string
	if err == nil {
		undo, err = s.doUndoable(r, v, blocked(&act), act)
	}
	if err != nil {
		if wantsJSON(r) {
			s.problem(w, r, statusOf(err), "Not saved", sentence(err.Error())+" Nothing was changed.")
			return
		}
		s.showModeration(w, r, http.StatusUnprocessableEntity, v, t, i, moderatePage{
			BlockError: "Not saved. " + sentence(err.Error()) + " Nothing was changed.", BlockReason: r.PostForm.Get("why"),
		})
		return
	}
	s.undoableDone(w, r, s.backTo(r, v.address(p.ID)), p.ID, undo)
}

// blocked says what a block or its end has done.
func blocked(act *qa.Act) string {
	if act.Text == "" {
		return "Unblocked."
	}
	return "Blocked."
}

func blockFrom(form url.Values, whom qa.Identity) (qa.Act, error) {
	act := qa.Act{Kind: qa.ActBlock, Identity: whom}
	if form.Get("on") == "0" {
		return act, nil
	}
	if act.Text = strings.Join(strings.Fields(form.Get("why")), " "); act.Text == "" {
		return act, errNoReason
	}
	return act, nil
}

// backTo returns the address that the form came from, or otherwise.
func (s *server) backTo(r *http.Request, otherwise string) string {
	back := r.PostForm.Get("back")
	if back == "" {
		return otherwise
	}
	return localPath(back) + "#" + postElem(qa.PostID(r.PathValue("post")))
}
