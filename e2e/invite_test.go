package e2e

import (
	"fmt"
	"strings"
	"testing"
)

type joined struct {
	Fetched bool   `json:"fetched"`
	Why     string `json:"why"`
	Role    string `json:"role"`
	State   string `json:"state"`
}

// TestInvitationMakesAnAuthor: the link is used once, the organiser's device answers
// by itself, and the author's answers count.
func TestInvitationMakesAnAuthor(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, author, late := newDevice(t), newDevice(t), newDevice(t)
	author.run("name", "Ilse Marrow")
	week := organiser.found(relay.url())
	question := organiser.run("ask", "What comes first?")
	link := organiser.run("invite", "--role", "author", "--label", "Ilse")
	organiser.run("sync")

	if j := decode[joined](author, "join", link); !j.Fetched || j.State != "claimed" || j.Role != "author" {
		t.Fatalf("%+v", j)
	}
	if out := author.run("roles"); !strings.Contains(out, "Waiting for the organiser's device") {
		t.Error(out)
	}
	organiser.serve()
	eventually(t, "the organiser's device answers", func() error {
		author.run("sync")
		if out := author.run("roles"); !strings.Contains(out, "author") || strings.Contains(out, "Waiting") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	answer := author.run("reply", question, "The day on which two people write.")
	author.run("sync")
	eventually(t, "the answer counts", func() error {
		l := organiser.list(week.Event)
		if len(l) != 1 || !l[0].Answered || len(l[0].Replies) != 1 || !l[0].Replies[0].Author {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if out := organiser.run("invite", "list"); !strings.Contains(out, "granted by Ilse Marrow") {
		t.Error(out)
	}
	if out := organiser.run("verify", "--post", answer); !strings.Contains(out, "replies") || !strings.Contains(out, "signed, permitted") {
		t.Error(out)
	}

	late.run("join", link)
	eventually(t, "the second one learns that it is used up", func() error {
		late.run("sync")
		if out := late.run("roles"); !strings.Contains(out, "Somebody else has used this invitation") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}
