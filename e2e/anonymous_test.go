package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestAnonymousQuestion: nobody can tell who asked, but the asker can still edit and withdraw
// the question.
func TestAnonymousQuestion(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, reader := newDevice(t), newDevice(t)
	reader.run("identity", "name", "Tino")
	week := organiser.createWeek(relay.url())
	organiser.run("sync")
	reader.run("join", week.Invitation)
	reader.run("sync")
	reader.run("ask", "Under my own name?")

	// Changes that have not been sent yet would reveal who asks next.
	if _, errs, code := reader.try("ask", "--anonymous", "And who am I?"); code != 5 || !strings.Contains(errs, "reached the relay") {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	reader.run("sync")
	question := reader.run("ask", "--anonymous", "And who am I?")
	reader.run("sync")
	reader.run("post", "edit", question, "And who am I really?")
	reader.run("sync")
	organiser.run("sync")
	eventually(t, "the organiser has the question", func() error {
		l := organiser.list(week.Event)
		if len(l) != 2 || l[1].Text != "And who am I really?" {
			return fmt.Errorf("%+v", l)
		}
		me := reader.run("identity", "show")
		if l[0].By != me || l[1].By == me || strings.HasPrefix(l[1].ID, me[:16]) || l[1].Name == "Tino" {
			t.Fatalf("asked by %s, as %q; the reader is %s", l[1].By, l[1].Name, me)
		}
		return nil
	})
	if _, errs, code := reader.try("reply", "--anonymous", reader.list(week.Event)[0].ID, "As nobody?"); code != 5 || !strings.Contains(errs, "your own anonymous question") {
		t.Errorf("an anonymous reply to another post: exit code %d, %s", code, errs)
	}
	reply := reader.run("reply", "--anonymous", question, "Says who asked.")
	if reply[:16] != question[:16] {
		t.Errorf("the reply %s is not by the asker of %s", reply, question)
	}
	reader.run("sync")
	reader.run("post", "withdraw", question)
	if out := organiser.run("verify"); !strings.Contains(out, "each signed by its writer and permitted") {
		t.Error(out)
	}
	if _, errs, code := organiser.try("post", "withdraw", question); code != 5 {
		t.Errorf("the organiser withdrew it: exit code %d, %s", code, errs)
	}
}
