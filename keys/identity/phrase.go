// Package identity encodes a person's key for safekeeping: as 24 words, or as a key file, with or
// without a passphrase.
//
// Damage is detected: a wrong word or a changed file is an error, and never gives another key. The
// package does no I/O and keeps no state. Errors never repeat a secret, except for words that are
// not in the list.
package identity

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"flyleaf/keys"
)

// Words is how many words a phrase has: 256 bits and a checksum of 8 bits, at 11 bits a word.
const Words = 24

// ErrPhrase is returned for text that is not a recovery phrase. The error names the wrong
// word, if it is known.
var ErrPhrase = errors.New("this is not a recovery phrase")

// maxPhrase bounds what FromPhrase reads, in bytes.
const maxPhrase = 4096

// Phrase returns 24 words of BIP-39's English list, separated by spaces, from which FromPhrase
// restores the key. They are as secret as the key. keys.ErrNoKey is returned for the zero Key.
func Phrase(k keys.Key) (string, error) {
	if k.IsZero() {
		return "", keys.ErrNoKey
	}
	return strings.Join(encodeWords([keys.SeedSize]byte(k.Seed())), " "), nil
}

// FromPhrase returns the key of a phrase. The words may be in any case, with any white space,
// commas or numbers ("1.", "2)") between them. ErrPhrase is returned if s is not a phrase.
func FromPhrase(s string) (keys.Key, error) {
	if len(s) > maxPhrase {
		return keys.Key{}, fmt.Errorf("%w: it is too long", ErrPhrase)
	}
	words := splitWords(s)
	for i, w := range words {
		if _, ok := wordNumber(w); ok {
			continue
		}
		hint := ""
		if near := nearest(w); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return keys.Key{}, fmt.Errorf("%w: word %d, %.40q, is not a recovery word%s", ErrPhrase, i+1, w, hint)
	}
	if len(words) != Words {
		return keys.Key{}, fmt.Errorf("%w: it has %d words, not %d", ErrPhrase, len(words), Words)
	}
	seed, err := decodeWords([Words]string(words))
	if err != nil {
		return keys.Key{}, fmt.Errorf("%w: the checksum is wrong. One word may be wrong, or two may be swapped", ErrPhrase)
	}
	return keys.KeyFromSeed(seed[:])
}

// splitWords returns the words in lower case, without numbers and punctuation.
func splitWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r < 'a' || r > 'z' && r < 0x80 || unicode.IsSpace(r)
	})
}

// nearest returns the only word of the list that differs from w by one replaced, missing or
// added letter; "" if there is none, or more than one.
func nearest(w string) string {
	found := ""
	for _, candidate := range allWords() {
		if differByOneLetter(w, candidate) {
			if found != "" {
				return ""
			}
			found = candidate
		}
	}
	return found
}

// differByOneLetter reports whether two words differ by one replaced, missing or added letter.
func differByOneLetter(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i < len(a) && a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}
