package node

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage/mem"
)

// device is a device of a new person, or of the owner of a key.
func device(t *testing.T, key ...keys.Key) *Device {
	t.Helper()
	if len(key) == 0 {
		k, err := keys.NewKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key = append(key, k)
	}
	d, err := Open(t.Context(), Config{Store: mem.New(), Key: key[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// found makes an event and returns its ID.
func found(t *testing.T, d *Device, title string) qa.EventID {
	t.Helper()
	inv, err := d.CreateEvent(t.Context(), qa.Event{Title: title}, "")
	if err != nil {
		t.Fatal(err)
	}
	return inv.Event
}

// carry brings an event from one device to another.
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

// saidIn is what an event knows of a device's person.
func saidIn(t *testing.T, d *Device, event qa.EventID) qa.Person {
	t.Helper()
	p, err := d.known(t.Context(), event)
	must(t, err)
	return p
}

// TestAPersonIsToldWhereTheyTakePart and nowhere else: to read is to tell nobody.
func TestAPersonIsToldWhereTheyTakePart(t *testing.T) {
	host, me := device(t), device(t)
	read, written := found(t, host, "Read only"), found(t, host, "Written in")
	carry(t, host, me, read)
	carry(t, host, me, written)
	ask(t, me, written, qa.Act{Text: "Before there was a name?"})

	all := qa.Person{Name: "Wren", About: "Keeps bees.", Link: "https://example.org/wren", PublishAs: "initials"}
	must(t, me.SetPerson(t.Context(), all))
	all.ID = me.replica.Identity()
	if got := saidIn(t, me, written); got != all {
		t.Errorf("told %+v, want %+v", got, all)
	}
	if got := saidIn(t, me, read); got != (qa.Person{}) {
		t.Errorf("an event that is only read was told %+v", got)
	}
	if got, err := me.Person(t.Context()); err != nil || got != all {
		t.Errorf("kept %+v, %v", got, err)
	}
	// It is told before the first post, and once.
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
	if got := saidIn(t, me, read); got != all {
		t.Errorf("told %+v, want %+v", got, all)
	}
	// What is taken back is taken back there, too. How somebody is published can be chosen
	// otherwise, not unsaid.
	must(t, me.SetPerson(t.Context(), qa.Person{Name: "Wren"}))
	if got, want := saidIn(t, me, written), (qa.Person{ID: all.ID, Name: "Wren", PublishAs: "name"}); got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
	// The founder takes part.
	must(t, host.SetPerson(t.Context(), qa.Person{Name: "Host"}))
	if got := saidIn(t, host, read); got.Name != "Host" {
		t.Errorf("told %+v", got)
	}
}

func TestAnAnonymousQuestionTellsNobodyWhoAsks(t *testing.T) {
	me := device(t)
	event := found(t, me, "A week") // nothing of it is on a relay
	must(t, me.store.SetSetting(t.Context(), settingName, "Wren"))
	_, err := me.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: "Who asks?", Anonymous: true})
	if KindOf(err) != Invalid {
		t.Errorf("%v", err)
	}
	if got := saidIn(t, me, event); got.Name != "" {
		t.Errorf("the name was told: %+v", got)
	}
}

// TestTheNameOfAnotherDevice is taken as long as none was chosen on this one.
func TestTheNameOfAnotherDevice(t *testing.T) {
	key, err := keys.NewKey(nil)
	must(t, err)
	laptop, phone := device(t, key), device(t, key)
	must(t, laptop.SetPerson(t.Context(), qa.Person{Name: "Tino"}))
	event := found(t, laptop, "A week")
	carry(t, laptop, phone, event)
	for _, chosen := range []string{"Tino", "Tino B."} {
		if p, err := phone.Person(t.Context()); err != nil || p.Name != chosen {
			t.Errorf("%+v, %v, want %s", p, err, chosen)
		}
		must(t, phone.SetPerson(t.Context(), qa.Person{Name: "Tino B."}))
	}
}

func TestWhatAPersonCannotSay(t *testing.T) {
	me := device(t)
	must(t, me.SetPerson(t.Context(), qa.Person{Name: "Wren"}))
	for field, p := range map[string]qa.Person{
		"the name":               {Name: strings.Repeat("x", schema.MaxName+1)},
		"about yourself":         {Name: "W", About: strings.Repeat("x", schema.MaxAbout+1)},
		"the link is too long":   {Name: "W", Link: "https://" + strings.Repeat("x", schema.MaxPersonLink)},
		"a web address":          {Name: "W", Link: "javascript:alert(1)"},
		"a web address, https:":  {Name: "W", Link: "http:/e/x"},
		"when the week is publi": {Name: "W", PublishAs: "never"},
		"202E":                   {Name: "a\u202eb"},
	} {
		if err := me.SetPerson(t.Context(), p); KindOf(err) != Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if p, _ := me.Person(t.Context()); p.Name != "Wren" {
		t.Errorf("something was kept: %+v", p)
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
		t.Errorf("%d drafts after one was thrown away", len(all))
	}
	must(t, me.store.SetSetting(t.Context(), settingDrafts+string(event), "{not JSON"))
	if all, err := me.Drafts(t.Context(), event); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
