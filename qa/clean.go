package qa

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"flyleaf/schema"
)

// Events of version 1 and other programs may contain invalid text. The functions below turn it into
// valid text for display and export. Valid text is returned unchanged after one check.

// unreadable replaces a text without visible characters in fields where the empty string has a
// meaning (an empty Hidden means not hidden).
const unreadable = "\ufffd"

// CleanReason is like CleanText, but returns "" only for "", because a non-empty reason means
// that the post is hidden.
func CleanReason(s string) string {
	if s == "" {
		return ""
	}
	return cmp.Or(CleanText(s), unreadable)
}

// CleanNonEmptyLine is like CleanLine, but returns "" only for "". It is for lines that have a meaning
// by not being empty: on whose behalf a post is, the title of a listed week.
func CleanNonEmptyLine(s string) string {
	if s == "" {
		return ""
	}
	return cmp.Or(CleanLine(s), unreadable)
}

// Clean cleans the event's texts and lines. It moves fields from X to their own places, because versions
// that do not know a field export it in X.
func (e *Event) Clean() {
	e.moveFieldsFromX()
	cleanFields(e, schema.Fields(schema.KindEvent))
	for _, r := range schema.MapEventX.Values() {
		// Other programs may write a field of X at any length that X allows.
		if s, _ := Field(e, r.Field).(string); len(s) > r.Max {
			SetField(e, r.Field, strings.TrimSpace(strings.ToValidUTF8(s[:r.Max], "")))
		}
	}
	if slices.ContainsFunc(e.Links, func(l Link) bool { return l != l.clean() }) {
		e.Links = slices.Clone(e.Links)
		for i := range e.Links {
			e.Links[i] = e.Links[i].clean()
		}
	}
	if slices.ContainsFunc(e.Relays, func(s string) bool { return !IsLine(s) }) {
		e.Relays = slices.Clone(e.Relays)
		for i := range e.Relays {
			e.Relays[i] = CleanLine(e.Relays[i])
		}
	}
	if slices.ContainsFunc(e.Winners, func(w Winner) bool { return !IsLine(w.Note) }) {
		e.Winners = slices.Clone(e.Winners)
		for i := range e.Winners {
			e.Winners[i].Note = CleanNonEmptyLine(e.Winners[i].Note)
		}
	}
	if slices.ContainsFunc(e.Weeks, func(w ListedWeek) bool { return !IsLine(w.Title) || !IsLine(w.Authors) || !IsLine(w.Relay) }) {
		e.Weeks = slices.Clone(e.Weeks)
		for i := range e.Weeks {
			w := &e.Weeks[i]
			w.Title, w.Authors, w.Relay = CleanNonEmptyLine(w.Title), CleanLine(w.Authors), CleanLine(w.Relay)
		}
	}
	e.X = cleanX(e.X)
}

// moveFieldsFromX moves the values in X that belong to fields of the event to these fields, unless they
// are set.
func (e *Event) moveFieldsFromX() {
	for key, v := range e.X {
		if !e.xMap().IsField(key) {
			continue
		}
		if r := schema.MapEventX.Row(key); Field(e, r.Field) == "" {
			SetField(e, r.Field, v)
		}
		rest := maps.Clone(e.X)
		if delete(rest, key); len(rest) == 0 {
			rest = nil
		}
		e.X = rest
	}
}

// countFieldsInX returns how many of the fields that the document stores in x are set.
func (e *Event) countFieldsInX() (n int) {
	for _, r := range schema.MapEventX.Values() {
		if e.xMap() == schema.MapEventX && Field(e, r.Field) != Zero(r.Type) {
			n++
		}
	}
	return n
}

// xMap returns the schema's map for X.
func (e *Event) xMap() schema.Map {
	if e.Kind == schema.KindClub {
		return schema.MapClubX
	}
	return schema.MapEventX
}

func (l Link) clean() Link { return Link{Text: CleanLine(l.Text), URL: CleanLine(l.URL)} }

// cleanX drops entries with invalid keys.
func cleanX(x map[string]string) map[string]string {
	dirty := false
	for key, v := range x {
		dirty = dirty || key == "" || !IsLine(key) || !IsText(v)
	}
	if !dirty {
		return x
	}
	out := map[string]string{}
	for key, v := range x {
		if key, v = CleanLine(key), CleanText(v); key != "" && v != "" {
			out[key] = v
		}
	}
	return out
}

// Clean cleans the person's texts and lines.
func (p *Person) Clean() { cleanFields(p, schema.MapPerson.Values()) }

// Clean cleans the text and one-line fields of a post. OnBehalfOf is not cleaned, because the draw
// uses its exact bytes. PostView.Name has the cleaned name.
func (p *Post) Clean() {
	p.Source, p.Marks.Hidden = CleanLine(p.Source), CleanReason(p.Marks.Hidden)
	if slices.ContainsFunc(p.Tags, func(s string) bool { return !IsLine(s) }) {
		p.Tags = SplitTags(CleanLine(JoinTags(p.Tags)))
	}
	if slices.ContainsFunc(p.Revisions, func(r Revision) bool { return !IsText(r.Text) }) {
		p.Revisions = slices.Clone(p.Revisions)
		for i := range p.Revisions {
			p.Revisions[i].Text = CleanText(p.Revisions[i].Text)
		}
	}
	if slices.ContainsFunc(p.Reactions, Reaction.unreadable) {
		p.Reactions = slices.DeleteFunc(slices.Clone(p.Reactions), Reaction.unreadable)
	}
	p.X = cleanX(p.X)
}

func (r Reaction) unreadable() bool { return !IsLine(r.Emoji) }

// Clean cleans the texts and lines of an act of an earlier version, so that it can be written again.
func (a *Act) Clean() {
	switch a.Kind {
	case ActWinner:
		a.Text = CleanNonEmptyLine(a.Text)
	case ActMark, ActBlock:
		a.Text = CleanReason(a.Text)
	default:
		a.Text = CleanText(a.Text)
	}
	a.OnBehalfOf, a.Source = CleanNonEmptyLine(a.OnBehalfOf), CleanLine(a.Source)
	if len(a.Tags) > 0 {
		a.Tags = SplitTags(CleanLine(JoinTags(a.Tags)))
	}
	a.X = cleanX(a.X)
	if a.Person != nil {
		p := *a.Person
		p.Clean()
		a.Person = &p
	}
	about := Event{Links: a.Links, Relays: a.Relays}
	if a.Event != nil {
		about = *a.Event
		about.Clean()
		a.Event = &about
	} else {
		about.Clean()
		a.Links, a.Relays = about.Links, about.Relays
	}
	for key, v := range a.Fields {
		if s, ok := v.(string); ok && !IsLine(s) {
			fields := maps.Clone(a.Fields)
			fields[key] = CleanLine(s)
			if r := EventField(key); r != nil {
				fields[key] = cleanAs(r.Type, s)
			}
			a.Fields = fields
		}
	}
}
