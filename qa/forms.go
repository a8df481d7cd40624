package qa

import (
	"errors"
	"fmt"
	"slices"

	"flyleaf/schema"
)

// This file checks the form of keys and values against the schema. The result depends only on the bytes,
// never on a library's version.

// ValidKey reports whether a key has the form that the schema's row requires.
func ValidKey(r *schema.Row, key string) bool {
	switch r.Keys {
	case schema.IsMap:
		return key == r.Key
	case schema.Index:
		return numberBelow(key, r.MaxKeys)
	case schema.Name, schema.Emoji:
		return key != "" && len(key) <= schema.MaxKey(r.Keys)
	case schema.ByOperation:
		// The policy checks that the key is the ID of the operation.
		return len(key) <= schema.MaxKey(r.Keys)
	}
	return checkID(r.Keys, key) == nil
}

// ValueReason says in what a value does not fit its row of the schema.
type ValueReason uint8

// The reasons, in the order in which they are checked.
const (
	WrongType ValueReason = iota
	TooLong
	OutOfRange // of the integers that a document may contain
	WrongForm  // not one of the row's words, or not an ID
	WrongText  // not a text, or not a line
)

// ValueError says why a value does not fit its row of the schema. It contains no words for people,
// because the policy and this package say different things.
type ValueError struct {
	Reason ValueReason
	Size   int   // of a value that is TooLong, in bytes
	Err    error // what is wrong with the form or the text
}

// CheckValue checks a string, []byte, int64, uint64 or bool against its row of the schema. It returns
// nil for a value that fits. It is the only check of a value's type, length, range, form and text.
func CheckValue(r *schema.Row, value any) *ValueError {
	switch v := value.(type) {
	case string:
		if r.Type.IsString() {
			return checkString(r, v)
		}
	case []byte:
		if r.Type == schema.Bytes {
			return checkSize(r, len(v))
		}
	case int64:
		if r.Type == schema.Time {
			return checkRange(v >= -schema.MaxInteger && v <= schema.MaxInteger)
		}
	case uint64:
		if r.Type == schema.Number {
			return checkRange(v <= schema.MaxInteger)
		}
	case bool:
		if r.Type == schema.Flag {
			return nil
		}
	}
	return &ValueError{Reason: WrongType}
}

func checkRange(inRange bool) *ValueError {
	if !inRange {
		return &ValueError{Reason: OutOfRange}
	}
	return nil
}

func checkSize(r *schema.Row, size int) *ValueError {
	if r.Max > 0 && size > r.Max {
		return &ValueError{Reason: TooLong, Size: size}
	}
	return nil
}

func checkString(r *schema.Row, s string) *ValueError {
	if long := checkSize(r, len(s)); long != nil {
		return long
	}
	reason, err := WrongForm, error(nil)
	switch r.Type {
	case schema.Text:
		reason, err = WrongText, CheckText(s)
	case schema.Line:
		reason, err = WrongText, CheckLine(s)
	default:
		err = checkForm(r, s)
	}
	if err != nil {
		return &ValueError{Reason: reason, Err: err}
	}
	return nil
}

// checkForm checks a Word or an ID.
func checkForm(r *schema.Row, s string) error {
	switch {
	case r.Empty && s == "":
		return nil
	case r.Type == schema.Word:
		if !slices.Contains(r.Words, s) {
			return fmt.Errorf("%.20q, it is one of %q", s, r.Words)
		}
		return nil
	}
	return checkID(r.Type, s)
}

func checkID(t schema.Type, s string) (err error) {
	switch t {
	case schema.Identity:
		_, err = ParseIdentity(s)
	case schema.Hash:
		if len(s) != 64 || !isLowerHex(s) {
			err = errors.New("not a SHA-256 of 64 lower-case hex characters")
		}
	case schema.EventID:
		_, err = ParseEventID(s)
	case schema.PostID:
		_, err = ParsePostID(s)
	}
	return err
}

// numberBelow reports whether s is 0 to n-1 in decimal, without leading zeros; n is at
// most 100.
func numberBelow(s string, n int) bool {
	switch len(s) {
	case 1:
		return s[0] >= '0' && s[0] <= '9' && int(s[0]-'0') < n
	case 2:
		return s[0] >= '1' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && int(s[0]-'0')*10+int(s[1]-'0') < n
	}
	return false
}
