package storage_test

import (
	"strings"
	"testing"

	"flyleaf/storage"
)

func TestHighlight(t *testing.T) {
	for _, c := range []struct{ text, query, want string }{
		{"Does the ledger pay? Ledgers do.", "ledg", "Does the [ledger] pay? [Ledgers] do."},
		{"Does the ledger pay?", "pay the", "Does [the] ledger [pay]?"},
		{"Über den Straßen", "uber strasse", "[Über] den [Straßen]"},
		{"e-mail, email", "e-mail", "[e]-[mail], [email]"},
		{"C and C++ and c++", "c++", "C and [C++] and [c++]"},
		{"call NewWeek()", "week", "call [NewWeek]()"},
		{"私は本を読む", "本", "私は[本]を読む"},
		{"a 🙈 b", "🙈", "a [🙈] b"},
		{"nothing", "", "nothing"},
		{"nothing", "?!", "nothing"},
		{"", "x", ""},
		{"<b>&amp;", "b", "<[b]>&amp;"},
	} {
		var b strings.Builder
		for _, s := range storage.Highlight(c.text, c.query) {
			if s.Hit {
				b.WriteString("[" + s.Text + "]")
			} else {
				b.WriteString(s.Text)
			}
		}
		if b.String() != c.want {
			t.Errorf("%q in %q: %q, want %q", c.query, c.text, b.String(), c.want)
		}
	}
}
