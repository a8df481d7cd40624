package policy_test

import (
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
)

// oddTexts look unusual and are valid: scripts and emoji need joiners.
var oddTexts = []string{
	"", "a\u200bb", "می\u200cخواهم", "👩\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
	"क्\u200dष", "שלום", "e\u0301", "\ue000", "…", "ก\u200bข", "\U000e0041a",
}

// TestValidTexts: rules of version 2 accept text in all scripts. Texts of several lines may also
// contain line breaks, tabs and direction marks.
func TestValidTexts(t *testing.T) {
	p := newScene(t, policytest.Options{})
	me := "people/" + string(p.founder.ID())
	for _, s := range oddTexts {
		p.do(p.founder, func(d *policytest.Draft) {
			d.Post("", s)
			d.Str("event/title", s)
			d.Path(me).Str(me+"/name", s)
		})
	}
	for _, s := range []string{"a\n\tb", "שלום\u200f!", "a\u2028b", "\u061cب"} {
		p.do(p.founder, func(d *policytest.Draft) {
			d.Post("", s)
			d.Str("event/description", s)
		})
	}
	p.do(p.founder, func(d *policytest.Draft) { d.Str("event/title", "") }) // reset to empty
}

// TestVersion1AcceptsEveryString: an event of version 1 accepts every string, as when it was
// created, so that events of earlier programs still open.
func TestVersion1AcceptsEveryString(t *testing.T) {
	p := newScene(t, policytest.Options{RulesVersion: 1})
	if p.r.Policy.HasNewerRules() {
		t.Fatal("version 1 is shown read-only")
	}
	for _, texts := range []map[string]string{policytest.InvalidTexts, policytest.InvalidLines} {
		for _, s := range texts {
			p.do(p.founder, func(d *policytest.Draft) {
				id := d.Post("", s)
				d.Str("posts/"+string(id)+"/onBehalfOf", s)
				d.Str("event/title", s)
				d.React(id, "x"+s, true)
			})
			if qa.IsLine(s) {
				t.Errorf("%q was accepted as a line", s)
			}
		}
	}
}
