package qa

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/schema"
)

func TestReactionsFit(t *testing.T) {
	many := make([]CarriedReaction, 40)
	for i := range many {
		many[i] = CarriedReaction{Emoji: fmt.Sprintf("e%d", i), Count: 9, By: []string{strings.Repeat("n", 50)}}
	}
	s, left := ReactionsX(many)
	if len(s) > schema.MaxXValue || left == 0 || len(Carried(map[string]string{XReactions: s})) != 40-left {
		t.Errorf("%d bytes, %d left: %s", len(s), left, s)
	}
	if s, left := ReactionsX(nil); s != "" || left != 0 {
		t.Errorf("%q, %d", s, left)
	}
	for _, bad := range []string{"[]x", `{"emoji":"a"}`, `[{"emoji":"","count":1}]`, `[{"emoji":"a","count":-1}]`} {
		if got := Carried(map[string]string{XReactions: bad}); got != nil {
			t.Errorf("%s gives %+v", bad, got)
		}
	}
}
