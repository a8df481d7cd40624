package webui

import (
	"context"
	"net/http"
)

// settingTheme is "", "light" or "dark".
const settingTheme = "theme"

// theme returns the theme that the reader chose. It returns "" when the setting cannot be
// read, because the page must open anyway.
func (s *server) theme(ctx context.Context) string {
	if t, err := s.node.Setting(ctx, settingTheme); err == nil && (t == "light" || t == "dark") {
		return t
	}
	return ""
}

func (s *server) setTheme(w http.ResponseWriter, r *http.Request) {
	theme := r.PostForm.Get("theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	if err := s.node.SetSetting(r.Context(), settingTheme, theme); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "The theme was not changed", sentence(err.Error())+" Nothing else has changed.")
		return
	}
	formDone(w, r, localPathOr(r.PostForm.Get("back"), "/"), "")
}

func localPathOr(p, otherwise string) string {
	if p == "" {
		return otherwise
	}
	return localPath(p)
}
