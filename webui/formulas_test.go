package webui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
)

// TestFormulasAreASettingOfTheWeek: off at first; an organiser turns them on and off on the page with the settings.
func TestFormulasAreASettingOfTheWeek(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActPost, Text: `Is $\frac12$ of it mine? It costs $5 or $6, and $\foo$.`, AtMillis: testNow.UnixMilli()})
	const shown = `Is <math alttext="\frac12"><mfrac><mn>1</mn><mn>2</mn></mfrac></math> of it mine? It costs $5 or $6, and <code>$\foo$</code>.`
	const typed = `Is $\frac12$ of it mine?`
	settings := []string{"title", "The Patient Ledger", "authors", "Ilse Marrow, Teodor Anand"}
	mustContain(t, s.get(s.week()), typed)
	mustContain(t, s.get(s.week()+"/setup"), `name="math" value="1" aria-describedby="s-math-n">`)
	s.sent(s.week()+"/setup", append(settings, "math", "1")...)
	mustContain(t, s.get(s.week()), shown)
	mustContain(t, s.get(s.week()+"/setup"), `name="math" value="1" aria-describedby="s-math-n" checked>`)
	if act := s.lastAct(qa.ActEvent); act.Fields["math"] != "tex" {
		t.Errorf("%+v", act)
	}
	s.sent(s.week()+"/setup", settings...)
	mustContain(t, s.get(s.week()), typed)

	// What a later version may store there stays, and shows no formulas here.
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"math": "another notation"}})
	mustContain(t, s.get(s.week()), typed)
	s.sent(s.week()+"/setup", settings...)
	if e := s.node.shown(s.event).event; e.Math != "another notation" {
		t.Errorf("the setting is %q", e.Math)
	}
}

// missingConverter cannot be reached, as in a browser without a connection.
type missingConverter struct {
	node.Converter
	missing bool
	asked   int
}

func (c *missingConverter) Formula(ctx context.Context, tex string, display bool) (string, error) {
	if c.asked++; c.missing {
		return "", errors.New("there is no connection")
	}
	return c.Converter.Formula(ctx, tex, display)
}

// TestFormulasWithoutTheConverter: a page shows what was typed, does not ask again for each formula, and shows the formulas
// once the converter is there. It asks once for each formula.
func TestFormulasWithoutTheConverter(t *testing.T) {
	s := newSite(t, "")
	c := &missingConverter{Converter: convert.Direct{}, missing: true}
	s.converter = c
	s.serve(s.node)
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"math": "tex"}})
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActPost, Text: `$a$ or $b$ or $\foo$`, AtMillis: testNow.UnixMilli()})
	mustContain(t, s.get(s.week()), `<code>$a$</code> or <code>$b$</code>`)
	if c.asked != 1 {
		t.Errorf("the converter was asked %d times", c.asked)
	}
	c.missing = false
	s.clock = s.clock.Add(time.Minute)
	for range 2 {
		if page := s.get(s.week()); strings.Count(page, "<math ") != 2 || !strings.Contains(page, `<code>$\foo$</code>`) {
			t.Errorf("%d formulas", strings.Count(page, "<math "))
		}
	}
	if c.asked != 4 {
		t.Errorf("the converter was asked %d times", c.asked)
	}
}
