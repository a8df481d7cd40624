package markdown

import (
	"strings"
	"testing"
)

// Text that only looks like an emoji code is not changed.
func TestEmojiCodes(t *testing.T) {
	for text, want := range map[string]string{
		"1:100:5":                        "1:100:5",
		"key:x:value":                    "key:x:value",
		"a 1:100: and :100:5":            "a 1:100: and :100:5",
		"std::x::y and ::x::":            "std::x::y and ::x::",
		"xsl:a:b, 10:30:45":              "xsl:a:b, 10:30:45",
		"h\u00e9:x:\u00e9":               "h\u00e9:x:\u00e9",
		":x: (:100:) **:tada:** \":o:\"": "❌ (💯) 🎉 \"⭕\"",
		"Thanks:thank_you::wave: ok!":    "Thanks:thank_you:👋 ok!",
		"ok:raised_hands: go":            "ok🙌 go",
		"ok:raised_hands:go":             "ok:raised_hands:go",
		"好:tada:好 และ:tada:ๆ":            "好🎉好 และ🎉ๆ",
		":tada::tada::tada:":             "🎉🎉🎉",
		"hm:tada:":                       "hm:tada:",
		"no.:tada:.":                     "no.🎉.",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	long := strings.Repeat(":tada:", 5000)
	if got := Text(long); got != strings.Repeat("🎉", 5000) {
		t.Errorf("a row of codes is shown as %.60q…", got)
	}
}
