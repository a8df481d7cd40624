package qa

import (
	"errors"
	"strings"
	"testing"

	"flyleaf/schema"
)

// TestEveryFieldHasANameForPeople: errors name a field in words, never by its path in the document.
func TestEveryFieldHasANameForPeople(t *testing.T) {
	labels := map[string]string{}
	for _, r := range schema.Rows() {
		if other, seen := labels[r.Name]; seen && other != r.Label {
			t.Errorf("%s has the names %q and %q", r.Name, other, r.Label)
		}
		labels[r.Name] = r.Label
		name := FieldName(r.Name)
		if name != r.Label || name == "" || strings.ContainsAny(name, "/_") || strings.HasPrefix(name, "the ") {
			t.Errorf("%s (%s) has the name %q", r.Path, r.Name, name)
		}
		got := (&FieldError{Field: r.Name, Got: 2, Max: 1, Err: ErrTooLong}).Error()
		if want := "the " + name + " is too long: 2 bytes, at most 1; nothing was changed"; got != want {
			t.Errorf("%s: %q, want %q", r.Path, got, want)
		}
	}
	for field := range otherFieldNames {
		if _, ok := labels[field]; ok {
			t.Errorf("%s is in the schema: its name belongs to its row", field)
		}
	}
}

// TestRefusedFieldsAreNamedInWords: the errors of Validate and CheckNew name a field without its path,
// in every form of the message.
func TestRefusedFieldsAreNamedInWords(t *testing.T) {
	long := strings.Repeat("a", 70_000)
	act := func(a Act) error { a.AtMillis = 1; return a.Validate() }
	for want, err := range map[string]error{
		"the list of links has too many entries: 21, at most 20; nothing was changed":                                             act(Act{Kind: ActEvent, Links: make([]Link, 21)}),
		"the text of a link is too long: 70000 bytes, at most 300; nothing was changed":                                           act(Act{Kind: ActEvent, Links: []Link{{Text: long}}}),
		"the list of relays has too many entries: 9, at most 8; nothing was changed":                                              act(Act{Kind: ActEvent, Relays: make([]string, 9)}),
		"the title is too long: 70000 bytes, at most 300; nothing was changed":                                                    act(Act{Kind: ActEvent, Fields: map[string]any{"title": long}}),
		`the event has a value that is not allowed: there is no field "nonsense"; nothing was changed`:                            act(Act{Kind: ActEvent, Fields: map[string]any{"nonsense": long}}),
		`the extra field "page" is too long: 70000 bytes, at most 1024; nothing was changed`:                                      (&Event{X: map[string]string{"page": long}}).Validate(),
		"the picture is missing; nothing was changed":                                                                             act(Act{Kind: ActBlob}),
		"the text has no visible characters; nothing was changed":                                                                 act(Act{Kind: ActPost, Text: "\u200b"}),
		"the secret for the draw has a value that is not allowed: it must have 32 bytes, not 1; nothing was changed":              func() error { _, err := RevealDraw([]byte{1}, ""); return err }(),
		"the relay's address has a value that is not allowed: \"http://a\" is not a ws:// or wss:// address; nothing was changed": CheckRelay("http://a"),
		"the event has moved to itself; nothing was changed":                                                                      (&Event{ID: "x", MovedTo: "x"}).CheckNew(nil),
	} {
		var field *FieldError
		if err == nil || err.Error() != want || !errors.As(err, &field) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
