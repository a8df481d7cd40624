package webui

import (
	"context"
	"net/http"

	"flyleaf/qa"
)

func (s *server) setting(ctx context.Context, key string) string {
	v, err := s.node.Setting(ctx, key)
	if err != nil {
		return "" // the page must open all the same
	}
	// What an earlier version kept, and the weeks would not take any more.
	return qa.CleanText(v)
}

func (s *server) name(ctx context.Context) string { return qa.CleanLine(s.setting(ctx, SettingName)) }

func (s *server) theme(ctx context.Context) string {
	if t := s.setting(ctx, SettingTheme); t == "light" || t == "dark" {
		return t
	}
	return ""
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
