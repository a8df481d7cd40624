package storage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		" \t\n .,;\"'*()":           nil,
		"📚 👩‍👩 \u0301":              {"\ue00201f4da", "\ue00201f469", "\ue00201f469"},
		"Hello, World":              {"hello", "world"},
		"can't x_y a-b":             {"can", "t", "x", "y", "a", "b", "cant", "ab"},
		"ÜBER 42nd":                 {"uber", "42nd"},
		"e\u0301tude":               {"etude"},
		"データ and 本":                 {"テ\u3099", "ー", "タ", "and", "本"},
		"हिन्दी":                    {"हिन्दी"},
		"bad\xffbytes":              {"bad", "bytes"},
		"nul\x00inside":             {"nul", "inside"},
		"great\U0001f600x":          {"great", "\ue00201f600", "x"},
		"NewHTTPServer C++":         {"newhttpserver", "c\ue000\ue000", "new", "http", "server"},
		"รู้":                       {"รู้"},
		"ความ":                      {"ค", "ว", "า", "ม"},
		"AND OR NOT \"NEAR\"* end)": {"and", "or", "not", "near", "end"},
	} {
		if got := storage.Words(text); !slices.Equal(got, want) {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzWords: words contain nothing that could be syntax of a search engine, and splitting
// them again does not change them.
func FuzzWords(f *testing.F) {
	f.Add(`a "b" NEAR(c, 2) d* {e}:f ÄÖ é́ 本`)
	f.Add("\xff\x00İıſß")
	f.Fuzz(func(t *testing.T, text string) {
		words := storage.Words(text)
		for _, w := range words {
			for _, r := range w {
				if r == unicode.ReplacementChar || !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Co, r) {
					t.Fatalf("word %q of %q", w, text)
				}
			}
		}
		if again := storage.Words(strings.Join(words, " ")); !slices.Equal(again, words) {
			t.Fatalf("%q, split again %q", words, again)
		}
		terms := storage.Terms(text)
		if len(terms) > storage.MaxQueryWords {
			t.Fatalf("%d terms", len(terms))
		}
		// A text is found by a query with the same text.
		if len(text) < storage.MaxQuery {
			for _, term := range terms {
				if !slices.ContainsFunc(term, func(p storage.Phrase) bool {
					return strings.Contains(" "+strings.Join(words, " "), " "+strings.Join(p, " "))
				}) {
					t.Fatalf("%q has the words %q, and not %q", text, words, term)
				}
			}
		}
	})
}

func TestDamagedError(t *testing.T) {
	err := error(&storage.DamagedError{Event: "ev", Hashes: []wire.Hash{{1}, {2}, {3}, {4}}})
	if !errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrFull) {
		t.Error(err)
	}
	for _, want := range []string{"event ev", wire.Hash{1}.String(), wire.Hash{3}.String(), "…", "intact"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestSearchText(t *testing.T) {
	p := qa.Post{}
	if got := storage.SearchText(&p); got != "" {
		t.Errorf("no revision: %q", got)
	}
	p.Revisions = []qa.Revision{{Text: "a", Superseded: true}, {Text: "b"}, {Text: "c"}}
	if got := storage.SearchText(&p); got != "b\nc" {
		t.Errorf("two versions: %q", got)
	}
	p.Revisions = p.Revisions[:1]
	if got := storage.SearchText(&p); got != "a" {
		t.Errorf("only a superseded revision: %q", got)
	}
}

func BenchmarkWords(b *testing.B) {
	const text = "Who reads a ledger that is correct, signed and boring? And who may close it, if the author of the NewWeek is away from Monday to Thursday: nobody, or everybody who has asked?"
	for b.Loop() {
		storage.Words(text)
	}
}
