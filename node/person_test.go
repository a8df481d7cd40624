package node

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// device returns a device with a new key, or with the given key.
func device(t *testing.T, key ...keys.Key) *Device {
	t.Helper()
	return deviceOn(t, mem.New(), key...)
}

func deviceOn(t *testing.T, store storage.Store, key ...keys.Key) *Device {
	t.Helper()
	if len(key) == 0 {
		k, err := keys.NewKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key = append(key, k)
	}
	d, err := Open(t.Context(), Config{Store: store, Key: key[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// createEvent creates an event and returns its ID.
func createEvent(t *testing.T, d *Device, title string) qa.EventID {
	t.Helper()
	inv, err := d.CreateEvent(t.Context(), qa.Event{Title: title}, "")
	if err != nil {
		t.Fatal(err)
	}
	return inv.Event
}

// carry copies an event from one device to another.
func carry(t *testing.T, from, to *Device, event qa.EventID) {
	t.Helper()
	b, err := from.Bundle(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Merge(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, d *Device, event qa.EventID, act qa.Act) qa.PostID {
	t.Helper()
	act.Kind = qa.ActPost
	id, err := d.Do(t.Context(), event, act)
	must(t, err)
	return id
}

// profileIn returns the profile of a device's user as an event stores it.
func profileIn(t *testing.T, d *Device, event qa.EventID) qa.Person {
	t.Helper()
	p, err := d.storedProfile(t.Context(), event)
	must(t, err)
	return p
}

// TestAProfileIsWrittenToEventsOneParticipatesIn: reading an event must not reveal the reader.
func TestAProfileIsWrittenToEventsOneParticipatesIn(t *testing.T) {
	host, me := device(t), device(t)
	read, written := createEvent(t, host, "Read only"), createEvent(t, host, "Written in")
	carry(t, host, me, read)
	carry(t, host, me, written)
	ask(t, me, written, qa.Act{Text: "Before there was a name?"})

	all := qa.Person{Name: "Wren", About: "Keeps bees.", Link: "https://example.org/wren", PublishAs: "initials"}
	must(t, me.SetPerson(t.Context(), all))
	all.ID = me.replica.Identity()
	if got := profileIn(t, me, written); got != all {
		t.Errorf("event has %+v, want %+v", got, all)
	}
	if got := profileIn(t, me, read); got != (qa.Person{}) {
		t.Errorf("an event that was only read has %+v", got)
	}
	if got, err := me.Person(t.Context()); err != nil || got != all {
		t.Errorf("kept %+v, %v", got, err)
	}
	// The profile is written once, before the first post.
	changes := func() int {
		s, err := me.Status(t.Context(), read)
		must(t, err)
		return s.Changes
	}
	before := changes()
	ask(t, me, read, qa.Act{Text: "one"})
	ask(t, me, read, qa.Act{Text: "two"})
	if n := changes() - before; n != 3 {
		t.Errorf("two questions made %d changes, want 3", n)
	}
	if got := profileIn(t, me, read); got != all {
		t.Errorf("event has %+v, want %+v", got, all)
	}
	// Cleared fields are cleared in the event too. PublishAs can be changed but not cleared.
	must(t, me.SetPerson(t.Context(), qa.Person{Name: "Wren"}))
	if got, want := profileIn(t, me, written), (qa.Person{ID: all.ID, Name: "Wren", PublishAs: "name"}); got != want {
		t.Errorf("event has %+v, want %+v", got, want)
	}
	// The founder participates.
	must(t, host.SetPerson(t.Context(), qa.Person{Name: "Host"}))
	if got := profileIn(t, host, read); got.Name != "Host" {
		t.Errorf("event has %+v", got)
	}
}

func TestAnAnonymousQuestionDoesNotShareTheProfile(t *testing.T) {
	me := device(t)
	event := createEvent(t, me, "A week") // it has no relay, so anonymous questions are refused
	must(t, me.store.SetSetting(t.Context(), settingName, "Wren"))
	_, err := me.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: "Who asks?", Anonymous: true})
	if KindOf(err) != Invalid {
		t.Errorf("%v", err)
	}
	if got := profileIn(t, me, event); got.Name != "" {
		t.Errorf("the name was written: %+v", got)
	}
}

// TestTheNameComesWithARole: somebody who joins with an invitation to a role is seen by name before they write anything,
// whatever they did first: choose a name or join.
func TestTheNameComesWithARole(t *testing.T) {
	for _, access := range []string{"open", "invited"} {
		for _, first := range []string{"name", "join"} {
			host, author := device(t), device(t)
			created, err := host.CreateEvent(t.Context(), qa.Event{Title: "A week", Access: access}, "")
			must(t, err)
			event := created.Event
			invited, err := host.Invite(t.Context(), event, qa.RoleAuthor, "")
			must(t, err)
			name := func() {
				t.Helper()
				must(t, author.SetPerson(t.Context(), qa.Person{Name: "Ilse Marrow", About: "Writes."}))
			}
			if first == "name" {
				name()
			}
			must(t, author.Join(t.Context(), invited.Link))
			carry(t, host, author, event) // claims
			carry(t, author, host, event) // grants
			me, err := author.Identity(t.Context())
			must(t, err)
			if w := weekOf(t, host, event); first == "name" && access == "open" && w.PersonName(me) != "Ilse Marrow" {
				t.Errorf("%s, %s first: with the claim the organiser sees %q", access, first, w.PersonName(me))
			} else if first == "join" && w.PersonName(me) != qa.NamelessName(me, qa.RoleAuthor) {
				t.Errorf("%s, %s first: without a name the organiser sees %q", access, first, w.PersonName(me))
			}
			carry(t, host, author, event)
			if first == "join" {
				name()
			}
			carry(t, author, host, event)
			w := weekOf(t, host, event)
			if p := w.People[me]; !w.Event.HasRole(me, qa.RoleAuthor) || p.Name != "Ilse Marrow" || p.About != "Writes." {
				t.Errorf("%s, %s first: the organiser sees %+v, roles %v", access, first, p, w.Event.Roles)
			}
			// It is written once.
			before := len(w.People)
			status, err := author.Status(t.Context(), event)
			must(t, err)
			carry(t, host, author, event)
			if now, err := author.Status(t.Context(), event); err != nil || now.Changes != status.Changes || before != len(w.People) {
				t.Errorf("%s, %s first: %d changes, and then %d (%v)", access, first, status.Changes, now.Changes, err)
			}
		}
	}
	// A name that is chosen between claim and grant.
	host, author := device(t), device(t)
	event := createEvent(t, host, "A week")
	invited, err := host.Invite(t.Context(), event, qa.RoleModerator, "")
	must(t, err)
	must(t, author.Join(t.Context(), invited.Link))
	carry(t, host, author, event)
	must(t, author.SetPerson(t.Context(), qa.Person{Name: "Obi Tamsin"}))
	if got := profileIn(t, author, event); got.Name != "Obi Tamsin" {
		t.Errorf("after the claim, the event has %+v", got)
	}
	// Who only reads is not named, whatever came first.
	reader := device(t)
	created, err := host.CreateEvent(t.Context(), qa.Event{Title: "A week"}, "")
	must(t, err)
	must(t, reader.SetPerson(t.Context(), qa.Person{Name: "Wren"}))
	must(t, reader.Join(t.Context(), created))
	carry(t, host, reader, created.Event)
	if got := profileIn(t, reader, created.Event); got != (qa.Person{}) {
		t.Errorf("the event that was only read has %+v", got)
	}
}

// TestANameFromAnotherDeviceIsUsed: a device uses the name that its user chose on another device, until the user chooses
// one here.
func TestANameFromAnotherDeviceIsUsed(t *testing.T) {
	key, err := keys.NewKey(nil)
	must(t, err)
	laptop, phone := device(t, key), device(t, key)
	must(t, laptop.SetPerson(t.Context(), qa.Person{Name: "Tino"}))
	event := createEvent(t, laptop, "A week")
	carry(t, laptop, phone, event)
	for _, chosen := range []string{"Tino", "Tino B."} {
		if p, err := phone.Person(t.Context()); err != nil || p.Name != chosen {
			t.Errorf("%+v, %v, want %s", p, err, chosen)
		}
		must(t, phone.SetPerson(t.Context(), qa.Person{Name: "Tino B."}))
	}
}

func TestInvalidProfilesAreRefused(t *testing.T) {
	me := device(t)
	must(t, me.SetPerson(t.Context(), qa.Person{Name: "Wren"}))
	for field, p := range map[string]qa.Person{
		"the name":               {Name: strings.Repeat("x", schema.MaxName+1)},
		"about yourself":         {Name: "W", About: strings.Repeat("x", schema.MaxAbout+1)},
		"the link is too long":   {Name: "W", Link: "https://" + strings.Repeat("x", schema.MaxPersonLink)},
		"a web address":          {Name: "W", Link: "javascript:alert(1)"},
		"a web address (https:":  {Name: "W", Link: "http:/e/x"},
		"when the week is publi": {Name: "W", PublishAs: "never"},
		"202E":                   {Name: "a\u202eb"},
	} {
		if err := me.SetPerson(t.Context(), p); KindOf(err) != Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if p, _ := me.Person(t.Context()); p.Name != "Wren" {
		t.Errorf("something was stored: %+v", p)
	}
}

func TestDraftsAreBounded(t *testing.T) {
	me := device(t)
	event := qa.MakeEventID([16]byte{1})
	for i := range MaxDrafts + 20 {
		must(t, me.SetDraft(t.Context(), event, fmt.Sprint(i), Draft{Text: "x"}))
	}
	all, err := me.Drafts(t.Context(), event)
	if err != nil || len(all) != MaxDrafts {
		t.Errorf("%d drafts, %v", len(all), err)
	}
	must(t, me.SetDraft(t.Context(), event, "219", Draft{Text: " \n"}))
	if all, _ = me.Drafts(t.Context(), event); len(all) != MaxDrafts-1 {
		t.Errorf("%d drafts after one was deleted", len(all))
	}
	must(t, me.store.SetSetting(t.Context(), settingDrafts+string(event), "{not JSON"))
	if all, err := me.Drafts(t.Context(), event); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
