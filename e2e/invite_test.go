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

// TestInvitationMakesAnAuthor: the link works once, the organiser's device grants the role
// automatically, and the author's answers count.
func TestInvitationMakesAnAuthor(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, author, late := newDevice(t), newDevice(t), newDevice(t)
	author.run("identity", "name", "Ilse Marrow")
	week := organiser.createWeek(relay.url())
	question := organiser.run("ask", "What comes first?")
	organiser.run("sync")
	link := organiser.run("event", "invite", "--role", "author", "--label", "Ilse") // synced with the relay at once

	if j := decode[joined](author, "join", link); !j.Fetched || j.State != "claimed" || j.Role != "author" {
		t.Fatalf("%+v", j)
	}
	if out := author.run("event", "roles"); !strings.Contains(out, "Waiting for the organiser's device") {
		t.Error(out)
	}
	organiser.serve()
	eventually(t, "the organiser's device answers", func() error {
		author.run("sync")
		if out := author.run("event", "roles"); !strings.Contains(out, "author") || strings.Contains(out, "Waiting") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	organiser.run("sync")
	if out := organiser.run("event", "roles"); !strings.Contains(out, "Ilse Marrow") {
		t.Errorf("before the author has written anything, the organiser sees no name: %s", out)
	}
	answer := author.run("reply", question, "The day on which two people write.")
	author.run("sync")
	eventually(t, "the answer counts", func() error {
		l := organiser.list(week.Event)
		if len(l) != 1 || !l[0].Answered || len(l[0].Replies) != 1 || !l[0].Replies[0].Author {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if out := organiser.run("event", "invite", "list"); !strings.Contains(out, "granted by Ilse Marrow") {
		t.Error(out)
	}
	if out := organiser.run("verify", "--post", answer); !strings.Contains(out, "replied to") || !strings.Contains(out, "signed, permitted") {
		t.Error(out)
	}

	late.run("join", link)
	eventually(t, "the second one learns that it is used up", func() error {
		late.run("sync")
		if out := late.run("event", "roles"); !strings.Contains(out, "Somebody else used this invitation") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}

// TestInvitedEvent: the relay does not serve the event to somebody without a role. A person who
// joins with an invitation can read and write.
func TestInvitedEvent(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, guest, outsider := newDevice(t), newDevice(t), newDevice(t)
	week := decode[made](organiser, "event", "new", "--title", "Among ourselves", "--relay", relay.url(), "--access", "invited")
	organiser.run("ask", "Are we alone?")
	link := organiser.run("event", "invite", "--role", "member")
	organiser.run("sync")

	outsider.run("join", week.Invitation)
	if _, errs, code := outsider.try("sync", "--timeout", "2s"); code == 0 {
		t.Errorf("the relay serves an outsider: %s", errs)
	}
	if l := outsider.list(week.Event); len(l) != 0 {
		t.Errorf("an outsider reads %+v", l)
	}

	organiser.serve()
	guest.run("join", link)
	eventually(t, "the guest reads and is admitted", func() error {
		if _, errs, code := guest.try("sync", "--timeout", "5s"); code != 0 {
			return fmt.Errorf("exit code %d: %s", code, errs)
		}
		if out := guest.run("event", "roles"); !strings.Contains(out, "member") || strings.Contains(out, "Waiting") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	guest.run("ask", "Now we are three.")
	guest.run("sync")
	eventually(t, "the organiser has it", func() error { return count(2)(organiser.list(week.Event)) })
}
