package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// The settings in which a person stands. They say what this person has chosen; the events
// hold what they have been told.
const (
	settingName      = "name"
	settingAbout     = "web/about"
	settingLink      = "web/link"
	settingPublishAs = "web/publishAs"
)

func (d *Device) Identity(context.Context) (qa.Identity, error) { return d.replica.Identity(), nil }

func (d *Device) Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error) {
	return d.replica.Keys(ctx, event)
}

func (d *Device) RecoveryPhrase(context.Context) ([]string, error) {
	phrase, err := identity.Phrase(d.key)
	return strings.Fields(phrase), err
}

func (d *Device) Person(ctx context.Context) (qa.Person, error) {
	p := qa.Person{ID: d.replica.Identity()}
	var err error
	read := func(key string) string {
		v, e := d.store.Setting(ctx, key)
		if e != nil && !errors.Is(e, storage.ErrNotFound) {
			err = e
		}
		return v
	}
	// Earlier versions kept texts that events do not take any more, so each is cleaned.
	p.About, p.Link, p.PublishAs = qa.CleanText(read(settingAbout)), qa.CleanLine(read(settingLink)), read(settingPublishAs)
	name, e := d.store.Setting(ctx, settingName)
	switch {
	case errors.Is(e, storage.ErrNotFound):
		if p.Name, e = d.nameElsewhere(ctx); e != nil {
			err = e
		}
	case e != nil:
		err = e
	default:
		p.Name = qa.CleanLine(name)
	}
	return p, err
}

// lookForNameIn is how many events, the last joined first, are searched for the name of
// somebody who has not chosen one on this device.
const lookForNameIn = 16

// nameElsewhere is the name that this person has in an event, written on another device of
// theirs; "" when there is none.
func (d *Device) nameElsewhere(ctx context.Context) (string, error) {
	following, err := d.store.Following(ctx)
	if err != nil {
		return "", err
	}
	for _, f := range slices.Backward(following[max(0, len(following)-lookForNameIn):]) {
		known, err := d.known(ctx, f.Event)
		if err != nil || known.Name != "" {
			return known.Name, err
		}
	}
	return "", nil
}

// known is what an event knows of this person.
func (d *Device) known(ctx context.Context, event qa.EventID) (qa.Person, error) {
	people, err := d.store.People(ctx, event)
	if err != nil {
		return qa.Person{}, err
	}
	for _, p := range people {
		if p.ID == d.replica.Identity() {
			p.Clean()
			return p, nil
		}
	}
	return qa.Person{}, nil
}

func (d *Device) SetPerson(ctx context.Context, p qa.Person) error {
	if err := checkPerson(&p); err != nil {
		return err
	}
	for _, f := range []struct{ key, value string }{
		{settingName, p.Name}, {settingAbout, p.About}, {settingLink, p.Link}, {settingPublishAs, p.PublishAs},
	} {
		if err := d.store.SetSetting(ctx, f.key, f.value); err != nil {
			return err
		}
	}
	events, err := d.replica.Library(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for i := range events {
		tell, err := d.takesPart(ctx, &events[i].Event)
		if err == nil && tell {
			err = d.introduce(ctx, events[i].Event.ID)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return Errorf(ProfileNotShared, "it is saved on this device, but %d of your events could not be told, because %w. Each is told again with your next post there", len(failed), failed[0])
	}
	return nil
}

// takesPart reports whether others know of this person in an event: because it has been told
// about them, or they hold a role in it or have written in it under their own key.
func (d *Device) takesPart(ctx context.Context, e *qa.Event) (bool, error) {
	me := d.replica.Identity()
	if e.Founder == me || slices.ContainsFunc(e.Roles, func(g qa.Grant) bool { return g.ID == me }) {
		return true, nil
	}
	known, err := d.known(ctx, e.ID)
	if err != nil || known.ID != "" {
		return err == nil, err
	}
	posts, err := d.store.Posts(ctx, e.ID)
	return slices.ContainsFunc(posts, func(p qa.Post) bool { return p.By == me }), err
}

// checkPerson says in a person's words what qa.Person.Validate says of fields.
func checkPerson(p *qa.Person) error {
	for _, f := range []struct {
		what, value string
		limit       int
	}{{"the name", p.Name, schema.MaxName}, {"what you say about yourself", p.About, schema.MaxAbout}, {"the link", p.Link, schema.MaxPersonLink}} {
		if len(f.value) > f.limit {
			return Errorf(Invalid, "%s is too long: at most %d bytes fit", f.what, f.limit)
		}
	}
	if p.Link != "" && !qa.LeadsElsewhere(p.Link) {
		return Errorf(Invalid, "the link has to be a web address, https://…, or mailto: and an e-mail address")
	}
	if !slices.Contains([]string{"", "name", "initials", "none"}, p.PublishAs) {
		return Errorf(Invalid, "choose how you are named when the week is published")
	}
	return p.Validate()
}

// introduce tells an event what this person says about themselves and the event does not
// know yet.
func (d *Device) introduce(ctx context.Context, event qa.EventID) error {
	p, err := d.Person(ctx)
	if err != nil {
		return err
	}
	known, err := d.known(ctx, event)
	if err != nil {
		return err
	}
	act, changed := introduction(p, known)
	if !changed {
		return nil
	}
	act.AtMillis = d.nowMillis()
	_, err = d.replica.Do(ctx, event, act)
	return err
}

// introduction is the act that tells an event what it does not know of a person, and
// whether there is anything to tell.
func introduction(p, known qa.Person) (qa.Act, bool) {
	said := qa.Person{ID: p.ID}
	act := qa.Act{Kind: qa.ActPerson, Person: &said}
	if p.PublishAs == "" && known.PublishAs != "" {
		p.PublishAs = "name" // an event keeps a choice until it is told another
	}
	for _, f := range []struct {
		clear, now, before string
		to                 *string
	}{
		{"", p.Name, known.Name, &said.Name},
		{"about", p.About, known.About, &said.About},
		{"link", p.Link, known.Link, &said.Link},
		{"", p.PublishAs, known.PublishAs, &said.PublishAs},
	} {
		switch {
		case f.now == f.before:
		case f.now != "":
			*f.to = f.now
		case f.clear != "":
			act.Clear = append(act.Clear, f.clear)
		}
	}
	return act, said != qa.Person{ID: p.ID} || len(act.Clear) > 0
}
