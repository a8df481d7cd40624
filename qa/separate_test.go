package qa

import (
	"slices"
	"strings"
	"testing"
)

func TestSeparateQuestions(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one thing", "I keep a ledger. Does it pay?", nil},
		{"sentences", "I keep a ledger. Does it pay? Mine is long.\nAnd when\ndoes it pay? Thanks!", []string{"I keep a ledger. Does it pay?", "Mine is long.\nAnd when\ndoes it pay?\n\nThanks!"}},
		{"a list", "Two things:\n1. Does it pay?\n2. When,\n   if so?\n\nThanks", []string{"Two things:\n\nDoes it pay?", "When,\n   if so?\n\nThanks"}},
		{"a list with dashes", "- a?\n- b?", []string{"a?", "b?"}},
		{"code between", "Why?\n\n```\nx = y?\n```\n\nAnd what?", []string{"Why?", "```\nx = y?\n```\n\nAnd what?"}},
		{"a quotation before", "> Does it pay?\n\nWhat? And why?", []string{"> Does it pay?\n\nWhat?", "And why?"}},
		{"the same twice", "Why? Why?", []string{"Why?", "Why?"}},
		{"other question marks", "これは何ですか？いつ？", []string{"これは何ですか？", "いつ？"}},
	} {
		if got := SeparateQuestions(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Nothing but white space and the marks of a list is lost.
func FuzzSeparateQuestions(f *testing.F) {
	f.Add("Two things:\n1. Does it pay?\n2. When,\n   if so?\n\nThanks")
	f.Add("> Does it pay?\n\nWhat? And why? ```\n- a?\n```")
	plain := func(s string) string { return strings.Join(strings.Fields(s), "") }
	f.Fuzz(func(t *testing.T, text string) {
		if !IsText(text) {
			return
		}
		parts := SeparateQuestions(text)
		if parts == nil {
			return
		}
		if len(parts) < 2 || len(parts) > maxParts {
			t.Errorf("%d parts", len(parts))
		}
		rest := plain(strings.Join(parts, "\n"))
		for _, r := range plain(text) {
			after, same := strings.CutPrefix(rest, string(r))
			if !same && !strings.ContainsRune("0123456789.)-*+", r) {
				t.Fatalf("%q became %q, without %q", text, parts, r)
			}
			rest = after
		}
		if rest != "" {
			t.Errorf("%q became %q, which has more: %q", text, parts, rest)
		}
	})
}
