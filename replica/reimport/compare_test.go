package reimport

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A report shows where two long texts differ, and not the beginning that they share.
func TestReportShowsWhereTextsDiffer(t *testing.T) {
	same := strings.Repeat("words and ", 100)
	for _, c := range []struct{ a, b, was, is string }{
		{"Why?", "Why not?", "Why?", "Why not?"},
		{same + "the end", same + "an end", "…and words and words and words and the end", "…and words and words and words and an end"},
		{same + "more", same, "…and words and words and words and more", "…and words and words and words and "},
		{"", same, "", same},
	} {
		if was, is := trimSharedPrefix(c.a, c.b); was != c.was || is != c.is {
			t.Errorf("%q and %q, want %q and %q", was, is, c.was, c.is)
		}
	}
	for n := range 9 { // characters are never cut
		wide := strings.Repeat("x", n) + strings.Repeat("台", 100)
		if was, is := trimSharedPrefix(wide+"帳", wide+"静"); !utf8.ValidString(was) || !utf8.ValidString(is) || !strings.HasSuffix(was, "帳") {
			t.Errorf("%q and %q", was, is)
		}
	}
}
