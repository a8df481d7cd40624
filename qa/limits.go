package qa

import (
	"errors"
	"fmt"
)

// The reasons why a field is refused. FieldError names the field.
var (
	ErrTooLong  = errors.New("is too long")
	ErrTooMany  = errors.New("has too many entries")
	ErrNotUTF8  = errors.New("is not valid UTF-8")
	ErrBadValue = errors.New("has a value that is not allowed")
	ErrMissing  = errors.New("is missing")
)

// contradictionReason is a complete sentence that wraps ErrBadValue.
type contradictionReason string

func (c contradictionReason) Error() string { return string(c) }

func (c contradictionReason) Is(target error) bool { return target == ErrBadValue }

// FieldError is returned when a field of an act or event is refused. It wraps one of the reasons
// above. Nothing was changed.
type FieldError struct {
	Field string // a path, as docs/schema.md has it: "event/title", "post/text", …; see FieldName
	Got   int    // bytes, or entries for ErrTooMany, if Max was exceeded
	Max   int
	Err   error
}

// Error says which field is refused (FieldName), why, and what the limit is.
func (e *FieldError) Error() string {
	var words contradictionReason
	if errors.As(e.Err, &words) { // a whole sentence, which names the field itself
		return words.Error() + "; nothing was changed"
	}
	name := FieldName(e.Field)
	switch {
	case e.Max > 0 && errors.Is(e.Err, ErrTooMany):
		return fmt.Sprintf("the %s %v: %d, at most %d; nothing was changed", name, e.Err, e.Got, e.Max)
	case e.Max > 0:
		return fmt.Sprintf("the %s %v: %d bytes, at most %d; nothing was changed", name, e.Err, e.Got, e.Max)
	}
	return fmt.Sprintf("the %s %v; nothing was changed", name, e.Err)
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

func checkCount(field string, n, limit int) error {
	if n > limit {
		return &FieldError{Field: field, Got: n, Max: limit, Err: ErrTooMany}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Err: fmt.Errorf("%w: %s", ErrBadValue, fmt.Sprintf(format, args...))}
}
