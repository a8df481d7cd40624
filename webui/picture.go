package webui

import (
	"html/template"
	"net/http"
	"slices"

	"flyleaf/node"
	"flyleaf/picture"
	"flyleaf/qa"
)

// pictureBox is the part of a form for a post in which a picture is chosen.
type pictureBox struct {
	Elem string // "" if the week has no pictures
	Kept string // what the post has already, in words
}

func (v *weekView) pictureBox(elem string) (b pictureBox) {
	if v.Event.HasPictures() {
		b.Elem = elem
	}
	return b
}

// withPicture returns the text of a post with the picture that was chosen in its form, or else that of the text old.
func (s *server) withPicture(r *http.Request, v *weekView, words, old string) (string, error) {
	if r.PostForm.Has("nopicture") {
		old = ""
	}
	file, err := typedPicture(r, "picture")
	if err != nil {
		return "", err
	}
	return node.TextWithPicture(r.Context(), s.converter, &v.Event, words, old, file, r.PostForm.Get("alt"))
}

// wordsOf renders a text of a post, with its picture if the week has pictures.
func (v *weekView) wordsOf(p *qa.PostView, text string) template.HTML {
	words, pic, ok := picture.In(text)
	at := slices.IndexFunc(p.Revisions, func(r qa.Revision) bool { return r.Text == text })
	if !ok || !v.Event.HasPictures() || at < 0 {
		return v.words(text)
	}
	return v.words(words) + pic.HTML(postPath(v.Event.ID, p.ID)+"/picture/"+string(p.Revisions[at].ID))
}

// canRead reports whether the reader sees the words of a post.
func (v *weekView) canRead(p *qa.PostView) bool {
	return p.Shown() || v.mine(p) || v.can.Moderate && !p.Withdrawn && !p.Void
}

// picture serves the picture of one version of a post.
func (s *server) picture(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	p := postAt(t, i)
	for _, rev := range p.Revisions {
		if _, pic, ok := picture.In(rev.Text); ok && string(rev.ID) == r.PathValue("version") && v.Event.HasPictures() && v.canRead(p) {
			sendPicture(w, "image/jpeg", pic.JPEG)
			return
		}
	}
	s.problem(w, r, http.StatusNotFound, "This picture is not shown", "The post has no such picture, or it is not shown any more.")
}

// sendPicture sends a picture that never changes.
func sendPicture(w http.ResponseWriter, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	_, _ = w.Write(b) // fails only when the browser has disconnected
}
