package qa

import (
	"errors"
	"fmt"
)

// The limits of schema 1, in bytes of UTF-8 unless they say otherwise. What is
// at the limit is taken; what is above it is refused by every device.
const (
	MaxShort       = 300      // title, authors, language, zone, source, link text and URL, relay, winner note
	MaxDescription = 16 << 10 // event/description
	MaxName        = 200      // people/name, onBehalfOf
	MaxAbout       = 2 << 10  // people/about, draw/rule
	MaxPersonLink  = 300      // people/link
	MaxText        = 32 << 10 // one revision
	MaxTags        = 300      // a post's tags, joined by ", "
	MaxEmoji       = 32       // a reaction's emoji
	MaxReactions   = 20       // emoji of one identity on one post, those turned off included
	MaxReason      = 300      // marks/hidden, blocks
	MaxLinks       = 20       // event/links
	MaxRelays      = 8        // relays
	MaxXKeys       = 20       // x/<name> in one place
	MaxXName       = 64       // an x key
	MaxXValue      = 1 << 10  // an x value
	MaxBlob        = 40 << 10 // one blob
	MaxDraw        = 64       // draw/commit, draw/reveal
	MaxContact     = 1 << 10  // contacts
	MaxWrites      = 500      // changes in which one person writes one key
	MaxRevisions   = 250      // texts that one post ever had
)

// The reasons why a field is refused; FieldError says which field it was.
var (
	ErrTooLong  = errors.New("is too long")
	ErrTooMany  = errors.New("are too many")
	ErrNotUTF8  = errors.New("is not valid UTF-8")
	ErrBadValue = errors.New("has a value that is not allowed")
	ErrMissing  = errors.New("is missing")
)

// contradictionReason is an ErrBadValue in words that say all of it.
type contradictionReason string

func (c contradictionReason) Error() string { return string(c) }

func (c contradictionReason) Is(target error) bool { return target == ErrBadValue }

// FieldError is returned when one field of an act or event is refused. It wraps
// one of the reasons above. Nothing has been changed when it is returned.
type FieldError struct {
	Field string // as document.md names it: "event/title", "post/text", …
	Got   int    // bytes or number, where a limit was passed
	Max   int
	Err   error
}

// Error says which field is refused, why, and what the limit is.
func (e *FieldError) Error() string {
	var words contradictionReason
	if errors.As(e.Err, &words) { // names both times in words; the field's name adds nothing
		return words.Error() + "; nothing was changed"
	}
	if e.Max > 0 {
		return fmt.Sprintf("%s %v: %d, at most %d; nothing was changed", e.Field, e.Err, e.Got, e.Max)
	}
	return fmt.Sprintf("%s %v; nothing was changed", e.Field, e.Err)
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// checkText checks a field that holds a text of several lines.
func checkText(field, s string, limit int) error { return checkWords(field, s, limit, CheckText) }

// checkLine checks a field that holds one line.
func checkLine(field, s string, limit int) error { return checkWords(field, s, limit, CheckLine) }

func checkWords(field, s string, limit int, form func(string) error) error {
	if len(s) > limit {
		return &FieldError{Field: field, Got: len(s), Max: limit, Err: ErrTooLong}
	}
	if err := form(s); err != nil {
		return &FieldError{Field: field, Err: err}
	}
	return nil
}

func checkCount(field string, n, limit int) error {
	if n > limit {
		return &FieldError{Field: field, Got: n, Max: limit, Err: ErrTooMany}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Err: fmt.Errorf("%w: %s", ErrBadValue, fmt.Sprintf(format, args...))}
}
