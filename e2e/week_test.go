package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// same waits until two devices list the same posts, which must satisfy ok.
func same(t *testing.T, event string, a, b *device, ok func([]post) error) {
	t.Helper()
	eventually(t, "both devices show the same", func() error {
		la, lb := a.list(event), b.list(event)
		if err := ok(la); err != nil {
			return err
		}
		if !reflect.DeepEqual(la, lb) {
			ja, _ := json.Marshal(la)
			jb, _ := json.Marshal(lb)
			return fmt.Errorf("one shows %s, the other %s", ja, jb)
		}
		return nil
	})
}

func count(want int) func([]post) error {
	return func(l []post) error {
		n := 0
		for _, q := range l {
			n += 1 + len(q.Replies)
		}
		if n != want {
			return fmt.Errorf("%d posts instead of %d", n, want)
		}
		return nil
	}
}

// TestOfflineThenMerge is the main use: two devices write while the relay is down. When it is
// up again, both show the same without any action.
func TestOfflineThenMerge(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	reader, author := newDevice(t), newDevice(t)
	reader.run("identity", "name", "Tino")
	author.run("identity", "name", "Ilse Marrow")
	week := author.createWeek(relay.url())
	first := author.run("ask", "--event", week.Event, "Shall we begin?")
	author.run("sync", "--event", week.Event)
	reader.run("join", week.Invitation)
	reader.run("sync", "--event", week.Event)
	if code := relay.stop(); code != 0 {
		t.Fatalf("the relay ended with %d", code)
	}

	reader.serve()
	author.serve()
	question := reader.run("ask", "--event", week.Event, "--on-behalf-of", "Grandmother", "--tag", "bread", "Is the bakery a **real** one?")
	author.run("reply", "--event", week.Event, first, "Yes, let us.")
	author.run("post", "edit", "--event", week.Event, first, "Shall we begin, then?")
	author.run("post", "react", "--event", week.Event, first, "🙏")
	for _, d := range []*device{reader, author} {
		if s := d.status(week.Event); s.Pending == 0 || s.Relay.State == "synced" {
			t.Fatalf("the relay is down, and the status says %+v", s)
		}
	}

	relay.up()
	same(t, week.Event, reader, author, count(3))
	l := reader.list(week.Event)
	if l[0].Text != "Shall we begin, then?" || len(l[0].Replies) != 1 || l[0].Reactions[0].Emoji != "🙏" {
		t.Errorf("the edit, the reply or the reaction is missing: %+v", l[0])
	}
	if l[1].ID != question || l[1].Name != "Grandmother" || l[1].OnBehalfOf != "Grandmother" {
		t.Errorf("the question asked for somebody else reads %+v", l[1])
	}
	for _, d := range []*device{reader, author} {
		eventually(t, "everything is on the relay", func() error {
			if s := d.status(week.Event); s.Pending != 0 || s.Relay.State != "synced" {
				return fmt.Errorf("%+v", s)
			}
			return nil
		})
	}
}

// TestConcurrentEditsAreBothKept edits one post on two devices of its writer. The second device
// is a copy of the data directory, which must work too.
func TestConcurrentEditsAreBothKept(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a := newDevice(t)
	week := a.createWeek(relay.url())
	question := a.run("ask", "What is a ledger?")
	a.run("sync")
	b := newDevice(t)
	copyDir(t, a.dir, b.dir)
	a.run("post", "edit", question, "What is a ledger, really?")
	b.run("post", "edit", question, "What is a good ledger?")
	a.run("sync")
	b.run("sync")
	a.run("sync")
	same(t, week.Event, a, b, count(1))
	if v := a.list(week.Event)[0].Versions; len(v) != 2 {
		t.Fatalf("%d versions are shown, not both: %+v", len(v), v)
	}
	// A third edit that includes both resolves the conflict.
	b.run("post", "edit", question, "What is a good ledger, really?")
	b.run("sync")
	a.run("sync")
	same(t, week.Event, a, b, count(1))
	if l := a.list(week.Event); len(l[0].Versions) != 0 || l[0].Text != "What is a good ledger, really?" {
		t.Fatalf("the resolved post is %+v", l[0])
	}
}

// TestKillEachOfThree kills both devices and the relay repeatedly with SIGKILL, and checks that
// every post that was reported as saved exists.
func TestKillEachOfThree(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a, b := newDevice(t), newDevice(t)
	week := a.createWeek(relay.url())
	a.run("sync")
	b.run("join", week.Invitation)
	b.run("sync")
	var said []string
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		pa, _ := a.serve()
		pb, _ := b.serve()
		for k := range 3 {
			text := fmt.Sprintf("round %d, question %d", i, k)
			a.run("ask", text)
			said = append(said, text)
			text += ", from b"
			b.run("ask", text)
			said = append(said, text)
			if k == i%3 {
				relay.kill()
			}
		}
		pa.kill()
		pb.kill()
		relay.kill()
		for _, d := range []*device{a, b} {
			if stale, errs, code := d.try("list", "--json"); code != 0 {
				t.Fatalf("after a kill: %s%s", stale, errs)
			}
		}
		relay.up()
	}
	a.run("sync")
	b.run("sync")
	a.run("sync")
	same(t, week.Event, a, b, count(len(said)))
	all, _ := json.Marshal(a.list(week.Event))
	for _, text := range said {
		if !strings.Contains(string(all), fmt.Sprintf("%q", text)) {
			t.Errorf("%q was reported as saved but is lost", text)
		}
	}
}

// TestRelayThatLostItsDisk: any device can fill a new relay.
func TestRelayThatLostItsDisk(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a, b := newDevice(t), newDevice(t)
	week := a.createWeek(relay.url())
	a.run("ask", "Will this survive?")
	a.run("sync")
	heads := a.status(week.Event).Heads
	relay.kill()
	relay.dir = t.TempDir()
	relay.up()
	a.run("sync")
	b.run("join", week.Invitation)
	b.run("sync")
	same(t, week.Event, a, b, count(1))
	if got := b.status(week.Event).Heads; !reflect.DeepEqual(got, heads) || len(heads) == 0 {
		t.Errorf("heads %v became %v", heads, got)
	}
}

// TestSyncReportsAnUnreachableRelay: exit code 3, quickly and with a reason.
func TestSyncReportsAnUnreachableRelay(t *testing.T) {
	t.Parallel()
	relay := newRelay(t) // not started
	a := newDevice(t)
	week := a.createWeek(relay.url())
	a.run("ask", "Is anybody there?")
	_, errs, code := a.try("sync", "--timeout", "1s")
	if code != 3 || errs == "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	s := a.status(week.Event)
	if s.Pending == 0 || s.Relay.State != "offline" || s.Relay.Why == "" {
		t.Errorf("the status says %+v", s)
	}
}
