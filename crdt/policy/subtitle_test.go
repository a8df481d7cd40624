package policy_test

import (
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/schema"
)

// TestSubtitleFollowsTheRowOfX: programs that do not know the subtitle accept every valid value of
// an x key. A device that refused some of them would disagree with them for good. (An unknown key
// of `event` they would refuse.)
func TestSubtitleFollowsTheRowOfX(t *testing.T) {
	for _, version := range []uint64{1, schema.RulesVersion} {
		p := newScene(t, policytest.Options{RulesVersion: version})
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
