package casefold

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"pgregory.net/rapid"
)

// TestFoldsAsTheLibraryDoes compares all runes, alone and beside others.
func TestFoldsAsTheLibraryDoes(t *testing.T) {
	library := cases.Fold()
	for r := range rune(utf8.MaxRune + 1) {
		for _, s := range []string{string(r), "A" + string(r), "\u03a3" + string(r) + "\u0307"} {
			if got, want := String(s), library.String(s); got != want {
				t.Fatalf("%U in %+q: %+q, want %+q", r, s, got, want)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "text") {
			s = rapid.String().Draw(t, "s")
		}
		if got, want := String(s), library.String(s); got != want {
			t.Fatalf("%+q: %+q, want %+q", s, got, want)
		}
	})
}
