package policy_test

import (
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
)

// Strings that look odd and are texts: scripts and emoji need what joins them.
var oddTexts = []string{
	"", "a\u200bb", "می\u200cخواهم", "👩\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
	"क्\u200dष", "שלום", "e\u0301", "\ue000", "…", "ก\u200bข", "\U000e0041a",
}

// TestTextsThatAreTaken: version 2 takes what people write in their scripts; in a
// text that has lines also line breaks, tabs and the marks of a direction.
func TestTextsThatAreTaken(t *testing.T) {
	p := newParty(t, policytest.Options{})
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
	p.do(p.founder, func(d *policytest.Draft) { d.Str("event/title", "") }) // taken back
}

// TestVersion1TakesWhatItTook: an event of version 1 takes every string that it took
// when it was founded, so that what was written by an earlier program still opens.
func TestVersion1TakesWhatItTook(t *testing.T) {
	p := newParty(t, policytest.Options{RulesVersion: 1})
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
				t.Errorf("%q is a line", s)
			}
		}
	}
}
