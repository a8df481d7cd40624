package qa

import (
	"errors"
	"fmt"
)

// The reasons why a field is refused; FieldError says which field it was.
var (
	ErrTooLong  = errors.New("is too long")
	ErrTooMany  = errors.New("are too many")
	ErrNotUTF8  = errors.New("is not valid UTF-8")
	ErrBadValue = errors.New("has a value that is not allowed")
	ErrMissing  = errors.New("is missing")
)

// contradictionReason is a complete sentence that wraps ErrBadValue.
type contradictionReason string

func (c contradictionReason) Error() string { return string(c) }

func (c contradictionReason) Is(target error) bool { return target == ErrBadValue }

// FieldError is returned when one field of an act or event is refused. It wraps
// one of the reasons above. Nothing has been changed when it is returned.
type FieldError struct {
	Field string // as docs/schema.md names it: "event/title", "post/text", …
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

func checkCount(field string, n, limit int) error {
	if n > limit {
		return &FieldError{Field: field, Got: n, Max: limit, Err: ErrTooMany}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Err: fmt.Errorf("%w: %s", ErrBadValue, fmt.Sprintf(format, args...))}
}
