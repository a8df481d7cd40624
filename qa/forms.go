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

// ValidForm reports whether s is a valid Word or ID for r. It checks neither length nor Text and Line
// (see IsText).
func ValidForm(r *schema.Row, s string) bool { return checkForm(r, s) == nil }

// checkForm is ValidForm with a reason.
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
