package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

var errEmpty = node.Errorf(node.Invalid, "there is no text yet")

func (s *server) ask(w http.ResponseWriter, r *http.Request) {
	s.posting.Lock() // before the week is read, see postOnce
	defer s.posting.Unlock()
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	ctx, d := r.Context(), draftFrom(r)
	switch {
	case r.PostForm.Has("draft"):
		if err := s.node.SetDraft(ctx, v.Event.ID, askKey, d); err != nil {
			s.notAsked(w, r, v, d, err)
			return
		}
		formDone(w, r, eventPath(v.Event.ID)+"#ask", "")
		return
	case r.PostForm.Has("discard"):
		if err := s.node.SetDraft(ctx, v.Event.ID, askKey, node.Draft{}); err != nil {
			s.notAsked(w, r, v, d, err)
			return
		}
		formDone(w, r, eventPath(v.Event.ID)+"#ask", "")
		return
	case r.PostForm.Has("preview"):
		anonymous := r.PostForm.Has("anonymous")
		s.showWeek(w, r, http.StatusOK, v, &askBox{Draft: d, Preview: v.words(d.Text), Ticked: anonymous, Name: typedName(r), Suggestions: s.suggestionsFor(v, d.Text, anonymous)})
		return
	}
	if strings.TrimSpace(d.Text) == "" {
		s.notAsked(w, r, v, d, errEmpty)
		return
	}
	act := qa.Act{Kind: qa.ActPost, Text: d.Text, OnBehalfOf: d.OnBehalfOf, Tags: tagsFrom(d.Tags)}
	err := s.saveName(r)
	if err == nil && !r.PostForm.Has("split") {
		act.Text, err = s.withPicture(r, v, d.Text, "")
	}
	if act.Anonymous = r.PostForm.Has("anonymous"); act.Anonymous && err == nil {
		err = checkAnonymous(act)
	}
	var id qa.PostID
	switch {
	case err != nil:
	case r.PostForm.Has("split"):
		id, err = s.askSeparately(r, v, act)
	default:
		id, err = s.postOnce(r, v, act)
	}
	if err != nil {
		s.notAsked(w, r, v, d, err)
		return
	}
	s.posted(w, r, v, "", askKey, id)
}

// sameFor is how long a post with the same words counts as the same post.
const sameFor = time.Minute

// postOnce posts, unless postedBefore finds the same post. The caller holds posting since before v was read.
func (s *server) postOnce(r *http.Request, v *weekView, act qa.Act) (qa.PostID, error) {
	if id := s.postedBefore(r, v, act); id != "" {
		return id, nil
	}
	return s.node.Do(r.Context(), v.Event.ID, act)
}

// postedBefore returns the reader's post with the same words and tags in the same place, if it was made within
// the last minute, or since the time in the field "tried", in ms; else "". A browser sends a form twice when
// somebody clicks twice, and when it ended the tab's program before the answer arrived. The page sends "tried"
// if it got no answer then.
func (s *server) postedBefore(r *http.Request, v *weekView, act qa.Act) qa.PostID {
	since := s.now().Add(-sameFor).UnixMilli() + 1
	if tried, err := strconv.ParseInt(r.PostForm.Get("tried"), 10, 64); err == nil {
		since = min(since, tried)
	}
	same := act
	same.Clean()
	for i := range v.Threads {
		t := &v.Threads[i]
		for k := -1; k < len(t.Replies); k++ {
			p := postAt(t, k)
			if v.mine(p) && !p.Withdrawn && p.Parent == same.Parent && p.Text() == same.Text && p.OnBehalfOf == same.OnBehalfOf &&
				slices.Equal(p.Tags, same.Tags) && v.anonymous(p) == same.Anonymous && p.AtMillis >= since && p.AtMillis <= s.now().UnixMilli() {
				return p.ID
			}
		}
	}
	return ""
}

// posted deletes the draft and redirects to the new post, which v does not contain yet.
func (s *server) posted(w http.ResponseWriter, r *http.Request, v *weekView, parent qa.PostID, key string, id qa.PostID) {
	s.dropDraft(r, v.Event.ID, key)
	v.threadIndex[id] = v.newPlace(parent, s.now().UnixMilli())
	formDone(w, r, v.address(id), id)
}

func (s *server) notAsked(w http.ResponseWriter, r *http.Request, v *weekView, d node.Draft, err error) {
	status, words := statusOf(err), notSavedWords(err, &d)
	if wantsJSON(r) {
		refuseForm(w, status, words, d)
		return
	}
	s.showWeek(w, r, status, v, &askBox{Draft: d, Error: words, Ticked: r.PostForm.Has("anonymous"), Name: typedName(r)})
}

// typedName returns the name that was typed in a form that comes back, without characters that names cannot have.
func typedName(r *http.Request) nameBox { return nameBox{Typed: qa.CleanLine(r.PostForm.Get("name"))} }

// tagsFrom reads "#sql, indexes" as two tags.
func tagsFrom(s string) []string {
	var out []string
	for _, t := range strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ';' }) {
		if t = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(t), "#")); t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (s *server) reply(w http.ResponseWriter, r *http.Request) {
	s.posting.Lock() // before the week is read, see postOnce
	defer s.posting.Unlock()
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	ctx, d, id := r.Context(), draftFrom(r), qa.PostID(r.PathValue("post"))
	if r.PostForm.Has("draft") {
		if err := s.node.SetDraft(ctx, v.Event.ID, string(id), d); err != nil {
			s.notReplied(w, r, v, t, i, d, err)
			return
		}
		formDone(w, r, v.address(t.Question.ID), "")
		return
	}
	if r.PostForm.Has("preview") {
		s.showPost(w, r, http.StatusOK, v, t, i, &composer{Draft: d, Preview: v.words(d.Text), Name: typedName(r)})
		return
	}
	err := errEmpty
	var made qa.PostID
	if strings.TrimSpace(d.Text) != "" {
		err = s.saveName(r)
	}
	var text string
	if err == nil {
		text, err = s.withPicture(r, v, d.Text, "")
	}
	if err == nil {
		made, err = s.postOnce(r, v, qa.Act{Kind: qa.ActPost, Parent: id, Text: text, OnBehalfOf: d.OnBehalfOf})
	}
	if err != nil {
		s.notReplied(w, r, v, t, i, d, err)
		return
	}
	s.posted(w, r, v, id, string(id), made)
}

func (s *server) notReplied(w http.ResponseWriter, r *http.Request, v *weekView, t *qa.Thread, i int, d node.Draft, err error) {
	status, words := statusOf(err), notSavedWords(err, &d)
	if wantsJSON(r) {
		refuseForm(w, status, words, d)
		return
	}
	s.showPost(w, r, status, v, t, i, &composer{Draft: d, Error: words, Name: typedName(r)})
}

// react handles the buttons under a post. The fields want, on and off name the state
// to set and do not toggle it, so pressing a button twice does no harm.
func (s *server) react(w http.ResponseWriter, r *http.Request) {
	event, id := qa.EventID(r.PathValue("event")), qa.PostID(r.PathValue("post"))
	act := qa.Act{Kind: qa.ActReact, Post: id}
	switch f := r.PostForm; {
	case f.Has("want"):
		act.Emoji, act.On = qa.WantEmoji, f.Get("want") == "1"
	case f.Has("on"):
		act.Emoji, act.On = f.Get("on"), true
	case f.Has("off"):
		act.Emoji = f.Get("off")
	}
	if act.Emoji == "" || len(act.Emoji) > schema.MaxEmoji {
		s.problem(w, r, http.StatusUnprocessableEntity, "This is not a reaction", "Nothing was changed. Go back and choose an emoji.")
		return
	}
	if _, err := s.node.Do(r.Context(), event, act); err != nil {
		s.problem(w, r, statusOf(err), "The reaction was not saved", sentence(err.Error())+" Nothing else has changed. Go back and try again.")
		return
	}
	formDone(w, r, s.backTo(r, eventPath(event)+"/go/"+url.PathEscape(string(id))), id) // the palette has no "back", to be short
}
