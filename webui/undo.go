package webui

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// maxUndos is how many acts can be undone at the same time.
const maxUndos = 64

// undoList has the acts that were done last on the pages of this run of the program. A page knows one by its ID, so no
// address can make a page offer anything else.
type undoList struct {
	mu   sync.Mutex
	list []undoable // newest last
}

// undoable is what was done by one form.
type undoable struct {
	id         string
	Words      string // what was done: "Hidden."
	event      qa.EventID
	done, undo []qa.Act
}

// undoOffer is what a page says about what was just done.
type undoOffer struct{ ID, Words, Back string }

func (u *undoList) add(d undoable) string {
	d.id = rand.Text()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, d)
	u.list = u.list[max(0, len(u.list)-maxUndos):]
	return d.id
}

func (u *undoList) find(id string) (undoable, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.list, func(d undoable) bool { return d.id == id })
	if i < 0 {
		return undoable{}, false
	}
	return u.list[i], true
}

func (u *undoList) drop(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = slices.DeleteFunc(u.list, func(d undoable) bool { return d.id == id })
}

// doUndoable carries out acts, all or none, and returns the ID under which they can be undone; "" if they cannot.
func (s *server) doUndoable(r *http.Request, v *weekView, words string, acts ...qa.Act) (id string, err error) {
	undo, err := node.UndoActs(r.Context(), s.node, &v.Week, acts) // before they change the week
	if err != nil {
		return "", err
	}
	if err := s.node.DoAll(r.Context(), v.Event.ID, acts); err != nil || len(undo) == 0 {
		return "", err
	}
	return s.undos.add(undoable{Words: words, event: v.Event.ID, done: acts, undo: undo}), nil
}

// undoableDone is formDone for a form that can be undone: the page then says what was done, and offers to undo it.
func (s *server) undoableDone(w http.ResponseWriter, r *http.Request, to string, post qa.PostID, id string) {
	if done, ok := s.undos.find(id); !ok {
		formDone(w, r, to, post)
	} else if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"location": to, "post": string(post), "elem": postElem(post), "undo": id, "done": done.Words})
	} else {
		formDone(w, r, withUndo(to, id), post)
	}
}

// withUndo returns an address with the ID of what was just done; "" takes it out.
func withUndo(to, id string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	q := u.Query()
	q.Del("undo")
	if id != "" {
		q.Set("undo", id)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// The pages of what cannot be undone, or is undone, have these instead of an ID.
const (
	undone  = "done"
	changed = "changed"
)

// undoOfferFor returns what a page says about what was just done; nil for nothing.
func (s *server) undoOfferFor(r *http.Request) *undoOffer {
	id := r.URL.Query().Get("undo")
	switch id {
	case "":
		return nil
	case undone:
		return &undoOffer{Words: "Undone."}
	case changed:
		return &undoOffer{Words: "Somebody has changed this since, so nothing was undone."}
	}
	if done, ok := s.undos.find(id); ok {
		return &undoOffer{id, done.Words, withUndo(r.URL.RequestURI(), "")}
	}
	return nil
}

// undo undoes what was done by an earlier form.
func (s *server) undo(w http.ResponseWriter, r *http.Request) {
	id, back := r.PostForm.Get("id"), localPath(r.PostForm.Get("back"))
	done, ok := s.undos.find(id)
	if !ok {
		s.problem(w, r, http.StatusGone, "This cannot be undone from here any more", "Flyleaf has been restarted, or it is undone already. Nothing was changed. You can still change it where you did it.")
		return
	}
	n, err := node.Undo(r.Context(), s.node, done.event, done.done, done.undo)
	if err != nil {
		s.problem(w, r, statusOf(err), "Not undone", sentence(err.Error())+" Nothing was changed.")
		return
	}
	s.undos.drop(id)
	result := undone
	if n == 0 {
		result = changed
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"undone": result})
		return
	}
	formDone(w, r, withUndo(back, result), "")
}

// marked says what a button of the moderation page, or the inbox, has done.
func marked(act *qa.Act) string {
	words := markedWords[act.Mark]
	if act.On || act.Text != "" {
		return words[0]
	}
	return words[1]
}

// markedWords says of each mark what was done: set, and removed.
var markedWords = map[string][2]string{
	schema.KeyHidden:      {"Hidden.", "Shown again."},
	schema.KeyPinned:      {"Pinned.", "Unpinned."},
	schema.KeyApproved:    {"Approved.", "Approval withdrawn."},
	schema.KeyAnswered:    {"Marked as answered.", "Marked as unanswered."},
	schema.KeyDuplicateOf: {"Marked as duplicate.", "Not a duplicate any more."},
	schema.KeyAssigned:    {"Taken by you.", "Released."},
	schema.KeyCandidate:   {"Marked as candidate.", "Not a candidate any more."},
}
