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

// The settings that store the user's profile. They are this device's choice; each event stores
// the profile as it was last written there.
const (
	settingName      = "name"
	settingAbout     = "web/about"
	settingLink      = "web/link"
	settingPublishAs = "web/publishAs"
)

func (d *Device) Identity(context.Context) (qa.Identity, error) { return d.key.Identity(), nil }

func (d *Device) Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error) {
	return d.replica.Keys(ctx, event)
}

func (d *Device) RecoveryPhrase(context.Context) ([]string, error) {
	phrase, err := identity.Phrase(d.key)
	return strings.Fields(phrase), err
}

func (d *Device) Person(ctx context.Context) (qa.Person, error) {
	p := qa.Person{ID: d.key.Identity()}
	var err error
	read := func(key string) string {
		v, e := d.store.Setting(ctx, key)
		if e != nil && !errors.Is(e, storage.ErrNotFound) {
			err = e
		}
		return v
	}
	// Earlier versions stored texts that events no longer accept, so they are cleaned.
	p.About, p.Link, p.PublishAs = qa.CleanText(read(settingAbout)), qa.CleanLine(read(settingLink)), read(settingPublishAs)
	name, e := d.store.Setting(ctx, settingName)
	switch {
	case errors.Is(e, storage.ErrNotFound):
		if p.Name, e = d.nameInEvents(ctx); e != nil {
			err = e
		}
	case e != nil:
		err = e
	default:
		p.Name = qa.CleanLine(name)
	}
	return p, err
}

// maxNameSearch is how many events are searched for the user's name if none was chosen on this
// device. The events joined last are searched first.
const maxNameSearch = 16

// nameInEvents returns the name under which this user appears in an event, as written by
// another of their devices; "" if there is none.
func (d *Device) nameInEvents(ctx context.Context) (string, error) {
	following, err := d.store.Following(ctx)
	if err != nil {
		return "", err
	}
	for _, f := range slices.Backward(following[max(0, len(following)-maxNameSearch):]) {
		known, err := d.storedProfile(ctx, f.Event)
		if err != nil || known.Name != "" {
			return known.Name, err
		}
	}
	return "", nil
}

// storedProfile returns this user's profile as stored in an event.
func (d *Device) storedProfile(ctx context.Context, event qa.EventID) (qa.Person, error) {
	people, err := d.store.People(ctx, event)
	if err != nil {
		return qa.Person{}, err
	}
	for _, p := range people {
		if p.ID == d.key.Identity() {
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
		tell, err := d.participates(ctx, &events[i].Event)
		if err == nil && tell {
			err = d.shareProfile(ctx, events[i].Event.ID)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return Errorf(ProfileNotShared, "your profile is saved on this device, but it could not be written to %d of your events: %w. Each of them gets it with your next post there", len(failed), failed[0])
	}
	return nil
}

// participates reports whether the user is known to others in an event: they have a profile or
// a role there, have claimed a role, or have posted under their own key.
func (d *Device) participates(ctx context.Context, e *qa.Event) (bool, error) {
	me := d.key.Identity()
	if e.Founder == me || slices.ContainsFunc(e.Roles, func(g qa.Grant) bool { return g.ID == me }) {
		return true, nil
	}
	known, err := d.storedProfile(ctx, e.ID)
	if err != nil || known.ID != "" {
		return err == nil, err
	}
	if own, err := d.OwnInvitation(ctx, e.ID); err != nil || own.State == qa.InviteClaimed {
		return err == nil && e.Access != schema.AccessInvited, err // by invitation, they may not write yet
	}
	posts, err := d.store.Posts(ctx, e.ID)
	return slices.ContainsFunc(posts, func(p qa.Post) bool { return p.By == me }), err
}

// checkPerson checks a profile. Its errors name the fields as the user knows them.
func checkPerson(p *qa.Person) error {
	var wrong *qa.FieldError
	switch err := p.Validate(); {
	case errors.As(err, &wrong):
		return explainProfile(wrong)
	case err != nil:
		return err
	case p.Link != "" && !qa.IsExternalLink(p.Link):
		return Errorf(Invalid, "the link must be a web address (https://…) or mailto: followed by an e-mail address")
	}
	return nil
}

func explainProfile(wrong *qa.FieldError) error {
	what := "the " + qa.FieldName(wrong.Field)
	switch wrong.Field {
	case schema.MapPerson.Row(schema.KeyPublishAs).Name:
		return Errorf(Invalid, "choose how your name appears when the week is published")
	case schema.MapPerson.Row(schema.KeyAbout).Name:
		what = "what you say about yourself"
	case schema.MapPerson.Row(schema.KeyLink).Name:
		what = "the link"
	}
	if wrong.Max > 0 {
		return Errorf(Invalid, "%s %w: at most %d bytes fit; nothing was changed", what, wrong.Err, wrong.Max)
	}
	return Errorf(Invalid, "%s %w; nothing was changed", what, wrong.Err)
}

// shareProfile writes the parts of the user's profile that differ from the event's copy.
func (d *Device) shareProfile(ctx context.Context, event qa.EventID) error {
	p, err := d.Person(ctx)
	if err != nil {
		return err
	}
	known, err := d.storedProfile(ctx, event)
	if err != nil {
		return err
	}
	act, changed := profileAct(p, known)
	if !changed {
		return nil
	}
	act.AtMillis = d.nowMillis()
	_, err = d.replica.Do(ctx, event, act)
	return err
}

// introduction returns the act that writes the user's profile into an event that has none of it; false for an
// empty profile.
func (d *Device) introduction(ctx context.Context) (qa.Act, bool, error) {
	p, err := d.Person(ctx)
	if err != nil {
		return qa.Act{}, false, err
	}
	act, changed := profileAct(p, qa.Person{})
	return act, changed, nil
}

// profileAct returns the act that changes the profile known to p, and whether there is any
// difference.
func profileAct(p, known qa.Person) (qa.Act, bool) {
	said := qa.Person{ID: p.ID}
	act := qa.Act{Kind: qa.ActPerson, Person: &said}
	if p.PublishAs == "" && known.PublishAs != "" {
		p.PublishAs = schema.PublishName // an event keeps the last choice; it cannot be cleared
	}
	for _, r := range schema.MapPerson.Values() {
		switch now := qa.Field(&p, r.Field); {
		case now == qa.Field(&known, r.Field):
		case now != "":
			qa.SetField(&said, r.Field, now)
		case qa.MayBeCleared(r):
			act.Clear = append(act.Clear, r.Field)
		}
	}
	return act, said != qa.Person{ID: p.ID} || len(act.Clear) > 0
}
