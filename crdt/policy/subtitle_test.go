package policy_test

import (
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/schema"
)

// TestSubtitleIsHeldToTheRowOfX: programs that know no subtitle take whatever may stand in
// an x. A device that refused some of it would differ from them for good. A key of
// `event` that they do not know they would refuse.
func TestSubtitleIsHeldToTheRowOfX(t *testing.T) {
	for _, gate := range []uint64{1, schema.RulesVersion} {
		p := newParty(t, policytest.Options{RulesVersion: gate})
		for _, s := range []string{"A subtitle", "", "two\nlines", strings.Repeat("x", schema.MaxXValue)} {
			p.do(p.organiser, func(d *policytest.Draft) { d.Str("event/x/subtitle", s) })
		}
		for path, want := range map[string]policy.Code{"event/subtitle": policy.CodeKey, "event/x/subtitle": policy.CodeLimit} {
			d := p.organiser.Clone().Draft()
			d.Str(path, strings.Repeat("x", schema.MaxXValue+1))
			if err := p.r.Apply(d.Sign()); err == nil || policy.RefusalOf(err).Code != want {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
