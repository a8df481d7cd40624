package qa

import (
	"slices"

	"flyleaf/schema"
)

// The forms of the schema's keys and values. All are decided by their bytes alone, in a
// way that no library's next version changes: what is valid once is valid for good.

// HasKey reports whether a key has the form that a line of the schema wants.
func HasKey(r *schema.Row, key string) bool {
	switch r.Keys {
	case schema.IsMap:
		return key == r.Key
	case schema.Index:
		return numberBelow(key, r.Most)
	case schema.Name:
		return key != "" && len(key) <= schema.MaxXName
	case schema.Emoji:
		return key != "" && len(key) <= schema.MaxEmoji
	case schema.ByOperation:
		// That it is the operation's name is looked at when the operation is.
		return len(key) <= 64
	}
	return hasForm(r.Keys, key)
}

// HasForm reports whether a string is one that a line of the schema wants: of a Word
// one of the words, of an ID its form. Of a Text and a Line, see IsText and IsLine, and
// of its length this says nothing.
func HasForm(r *schema.Row, s string) bool {
	switch {
	case r.Empty && s == "":
		return true
	case r.Type == schema.Word:
		return slices.Contains(r.Words, s)
	}
	return hasForm(r.Type, s)
}

func hasForm(t schema.Type, s string) bool {
	var err error
	switch t {
	case schema.Identity, schema.Hash:
		return len(s) == 64 && isLowerHex(s)
	case schema.EventID:
		_, err = ParseEventID(s)
	case schema.PostID:
		_, err = ParsePostID(s)
	}
	return err == nil
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
