package e2e

import (
	"fmt"
	"strings"
	"testing"
)

type notTaken struct {
	Hash     string `json:"hash"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Deferred bool   `json:"deferred"`
	ByRelay  bool   `json:"byRelay"`
	Act      struct {
		Text string `json:"text"`
	} `json:"act"`
}

// TestPostsOfABlockedPersonAreDeferred: the relay does not accept the posts of a blocked
// person. The person is told and keeps the texts. Unblocking lets the posts through.
func TestPostsOfABlockedPersonAreDeferred(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, reader := newDevice(t), newDevice(t)
	reader.run("identity", "name", "Tino")
	week := organiser.createWeek(relay.url())
	organiser.run("sync")
	reader.run("join", week.Invitation)
	reader.run("ask", "May I ask?")
	reader.run("sync")
	organiser.run("sync")
	organiser.run("mod", "block", "Tino", "too many questions")
	organiser.run("sync")

	reader.run("ask", "And one more?")
	// The command asks the relay.
	if out := reader.run("post", "refused"); !strings.Contains(out, "not accepted by the relay, blocked") || !strings.Contains(out, "    And one more?") {
		t.Error(out)
	}
	relay.kill()
	if out := reader.run("post", "refused"); !strings.Contains(out, "1 change of yours is only on this device") {
		t.Error(out)
	}
	relay.up()
	reader.serve()
	reader.run("ask", "And another?")
	var held []notTaken
	eventually(t, "the reader is told", func() error {
		held = decode[[]notTaken](reader, "post", "refused")
		if len(held) != 2 {
			return fmt.Errorf("%+v", held)
		}
		return nil
	})
	for i, text := range []string{"And one more?", "And another?"} {
		if h := held[i]; h.Code != "blocked" || !h.Deferred || !h.ByRelay || h.Reason == "" || h.Act.Text != text {
			t.Errorf("%+v", h)
		}
	}
	if out := reader.run("post", "refused"); !strings.Contains(out, "not accepted by the relay, blocked") || !strings.Contains(out, "    And one more?") {
		t.Error(out)
	}
	if out := reader.run("post", "refused", "--discard", held[1].Hash[:12]); !strings.Contains(out, "And another?") || !strings.Contains(out, "Discarded.") {
		t.Error(out)
	}

	organiser.run("sync")
	if err := count(1)(organiser.list(week.Event)); err != nil {
		t.Error(err)
	}
	organiser.run("mod", "block", "--undo", "Tino")
	organiser.serve()
	eventually(t, "what was held back arrives by itself", func() error {
		l := organiser.list(week.Event)
		if err := count(3)(l); err != nil {
			return err
		}
		if l[1].Text != "And one more?" || !l[2].Withdrawn {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	eventually(t, "nothing is refused any more", func() error {
		if held := decode[[]notTaken](reader, "post", "refused"); len(held) > 0 {
			return fmt.Errorf("%+v", held)
		}
		return nil
	})
}
