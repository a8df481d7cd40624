package site

import (
	"strings"
	"testing"

	"flyleaf/publish"
	"flyleaf/qa"
)

// TestFormulasArePublished: a week that has formulas shows them on its page and in its feeds; other weeks show what was typed.
func TestFormulasArePublished(t *testing.T) {
	for _, on := range []bool{true, false} {
		w := sample()
		e := w.Event
		e.SetMath(on)
		week := qa.NewWeek(e, []qa.Post{said(1, maren, "", monday.UnixMilli(), `Is $\frac12$ mine?`)}, []qa.Person{{ID: maren, Name: "Maren Holt"}})
		_, files := build(t, config, []Week{{Key: "week", Published: publish.Publish(week)}})
		found := map[string]bool{}
		for path, body := range files {
			for _, part := range []string{"<mfrac><mn>1</mn>", "&lt;mfrac&gt;&lt;mn&gt;1", `\u003cmfrac\u003e\u003cmn\u003e1`} {
				if strings.Contains(body, part) {
					found[path[strings.LastIndexByte(path, '.'):]] = true
				}
			}
		}
		if found[".html"] != on || found[".atom"] != on || found[".json"] != on {
			t.Errorf("formulas %v: they are in %v", on, found)
		}
	}
}
