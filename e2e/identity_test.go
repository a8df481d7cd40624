package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoDevicesOfOnePerson: they have one vote and one name, and can both edit the person's
// posts.
func TestTwoDevicesOfOnePerson(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	laptop, phone := newDevice(t), newDevice(t)
	laptop.run("identity", "name", "Tino")
	week := laptop.createWeek(relay.url())
	question := laptop.run("ask", "Shall we begin?")
	laptop.run("post", "react", question)
	laptop.run("sync")

	file := filepath.Join(t.TempDir(), "me.key")
	laptop.run("identity", "export", "-o", file)
	phone.run("identity", "import", file)
	phone.run("join", week.Invitation)
	phone.run("sync")
	if name := phone.run("identity", "name"); name != "Tino" {
		t.Errorf("the phone's name is %q", name)
	}
	phone.run("post", "react", question)
	phone.run("post", "edit", question, "Shall we begin now?")
	second := phone.run("ask", "And where?")
	phone.run("event", "grant", strings.Repeat("ab", 32), "author") // the founder's rights apply on both devices
	phone.run("sync")
	laptop.run("sync")
	laptop.run("post", "edit", second, "And where to?")
	laptop.run("sync")
	phone.run("sync")
	same(t, week.Event, laptop, phone, func(l []post) error {
		if len(l) != 2 || l[0].Text != "Shall we begin now?" || l[1].Text != "And where to?" || l[0].By != l[1].By || l[0].Name != "Tino" {
			return fmt.Errorf("%+v", l)
		}
		if r := l[0].Reactions; len(r) != 1 || r[0].Count != 1 {
			return fmt.Errorf("one person's vote counts as %+v", r)
		}
		return nil
	})
}

// TestTwoDevicesVoteAtOnce: a person's two devices react concurrently, and the reaction is
// removed on one of them.
func TestTwoDevicesVoteAtOnce(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, laptop, phone := newDevice(t), newDevice(t), newDevice(t)
	week := organiser.createWeek(relay.url())
	question := organiser.run("ask", "Shall we begin?")
	organiser.run("sync")
	file := filepath.Join(t.TempDir(), "me.key")
	laptop.run("identity", "export", "-o", file)
	phone.run("identity", "import", file)
	for _, d := range []*device{laptop, phone} {
		d.run("join", week.Invitation)
		d.run("sync")
	}
	for _, d := range []*device{laptop, phone} { // without syncing in between
		d.run("identity", "name", "Tino")
		d.run("post", "react", question)
		d.run("post", "react", question, "🙏")
	}
	votes := func(want string) {
		t.Helper()
		for range 2 { // first both send, then both receive
			for _, d := range []*device{laptop, phone, organiser} {
				d.run("sync")
			}
		}
		for _, d := range []*device{laptop, phone, organiser} {
			var got []string
			for _, r := range d.list(week.Event)[0].Reactions {
				got = append(got, fmt.Sprint(r.Emoji, r.Count))
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s, want %s", s, want)
			}
		}
	}
	votes("want1 🙏1")
	phone.run("post", "react", "--undo", question)
	votes("🙏1")
	laptop.run("post", "react", "--undo", question, "🙏")
	votes("")
	if out := organiser.run("verify"); !strings.Contains(out, "each signed by its writer and permitted") {
		t.Error(out)
	}
}
