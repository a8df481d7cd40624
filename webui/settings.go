package webui

import (
	"context"
	"net/http"
	"strings"

	"flyleaf/qa"
)

// youPage is the body of the page about the reader.
type youPage struct {
	CSRF, Name, Error string
	Identity          qa.Identity
	Saved             bool
}

func (s *server) setting(ctx context.Context, key string) string {
	v, err := s.node.Setting(ctx, key)
	if err != nil {
		return "" // the page must open all the same
	}
	return v
}

func (s *server) name(ctx context.Context) string { return s.setting(ctx, SettingName) }

func (s *server) theme(ctx context.Context) string {
	if t := s.setting(ctx, SettingTheme); t == "light" || t == "dark" {
		return t
	}
	return ""
}

func (s *server) you(w http.ResponseWriter, r *http.Request) {
	s.showYou(w, r, http.StatusOK, youPage{Name: s.name(r.Context()), Saved: r.URL.Query().Has("saved")})
}

func (s *server) showYou(w http.ResponseWriter, r *http.Request, status int, p youPage) {
	p.CSRF, p.Identity = s.guard.form, s.node.Identity()
	s.page(w, status, "you", s.layout(r, "You", "you", p))
}

// setName keeps the name for this device and says it in every event that
// already knows the reader; the others learn it with the first post.
func (s *server) setName(w http.ResponseWriter, r *http.Request) {
	ctx, name := r.Context(), strings.Join(strings.Fields(r.PostForm.Get("name")), " ")
	if len(name) > qa.MaxName {
		s.showYou(w, r, http.StatusUnprocessableEntity, youPage{Name: name, Error: "This name is too long. What you typed is still there; shorten it."})
		return
	}
	if err := s.node.SetSetting(ctx, SettingName, name); err != nil {
		s.showYou(w, r, http.StatusInternalServerError, youPage{Name: name, Error: "Not saved. " + sentence(err.Error()) + " What you typed is still there."})
		return
	}
	if err := s.tellName(ctx, name); err != nil {
		s.showYou(w, r, http.StatusInternalServerError, youPage{Name: name, Error: "The name is saved on this device, but not every week could be told: " +
			sentence(err.Error()) + " It is said again with your next post there."})
		return
	}
	done(w, r, localPathOr(r.PostForm.Get("back"), "/you?saved"), "")
}

func (s *server) tellName(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	events, err := s.node.Events(ctx)
	if err != nil {
		return err
	}
	me := s.node.Identity()
	for _, e := range events {
		if e.Title == "" || e.Closed {
			continue
		}
		week, err := s.node.Week(ctx, e.ID)
		if err != nil {
			return err
		}
		if known, ok := week.People[me]; !ok || known.Name == name {
			continue
		}
		act := qa.Act{Kind: qa.ActPerson, AtMillis: s.now().UnixMilli(), Person: &qa.Person{ID: me, Name: name}}
		if _, err := s.node.Do(ctx, e.ID, act); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) setTheme(w http.ResponseWriter, r *http.Request) {
	theme := r.PostForm.Get("theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	if err := s.node.SetSetting(r.Context(), SettingTheme, theme); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "The paper was not changed", sentence(err.Error())+" Nothing else has changed.")
		return
	}
	done(w, r, localPathOr(r.PostForm.Get("back"), "/"), "")
}

func localPathOr(p, otherwise string) string {
	if p == "" {
		return otherwise
	}
	return localPath(p)
}
