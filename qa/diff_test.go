package qa

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"flyleaf/schema"
)

// sides returns the two texts that a comparison is of.
func sides(parts []DiffPart) (old, now string) {
	for _, p := range parts {
		if p.Kind != DiffAdded {
			old += p.Text
		}
		if p.Kind != DiffRemoved {
			now += p.Text
		}
	}
	return old, now
}

func TestDiffWords(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{"", "", ""},
		{"same", "same", "same"},
		{"", "new", "[+new]"},
		{"old", "", "[-old]"},
		{"keep the ledger", "keep its ledger", "keep [-the][+its] ledger"},
		{"who reads it?", "who reads it after ten years?", "who reads it[+ after ten years]?"},
		{"How long should we keep the ledger", "How long should an association keep its ledger", "How long should [-we][+an association] keep [-the][+its] ledger"},
		{"one two three four", "five six three four", "[-one two][+five six] three four"},
		{"a, b", "a; b", "a[-,][+;] b"},
		{"line\n\nline", "line\nline", "line[-\n]\nline"},
		{"naïve", "naive", "[-naïve][+naive]"},
	} {
		var got strings.Builder
		for _, p := range DiffWords(c.old, c.now) {
			switch p.Kind {
			case DiffSame:
				got.WriteString(p.Text)
			case DiffRemoved:
				fmt.Fprintf(&got, "[-%s]", p.Text)
			case DiffAdded:
				fmt.Fprintf(&got, "[+%s]", p.Text)
			}
		}
		if got.String() != c.want {
			t.Errorf("%q, %q: %s, want %s", c.old, c.now, got.String(), c.want)
		}
	}
}

func checkDiff(t *testing.T, old, now string) {
	t.Helper()
	parts := DiffWords(old, now)
	if a, b := sides(parts); a != old || b != now {
		t.Fatalf("%q, %q: the parts make up %q, %q", old, now, a, b)
	}
	for i, p := range parts {
		if p.Text == "" || i > 0 && p.Kind == parts[i-1].Kind {
			t.Fatalf("%q, %q: part %d of %q", old, now, i, parts)
		}
		if old == now && p.Kind != DiffSame {
			t.Fatalf("%q differs from itself: %q", old, parts)
		}
	}
}

func FuzzDiffWords(f *testing.F) {
	f.Add("keep the ledger", "keep its ledger")
	f.Add("a b c d", "d c b a")
	f.Add("\xff a \xff", "\xff b\x00")
	f.Fuzz(func(t *testing.T, old, now string) { checkDiff(t, old, now) })
}

func TestDiffWordsOfRandomTexts(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	text := func() string {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString([]string{"a", "b", "word", " ", " ", "\n\n", ",", "é", "\xff"}[r.IntN(9)])
		}
		return b.String()
	}
	for range 3000 {
		old, now := text(), text()
		checkDiff(t, old, now)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Texts of the maximum length that have nothing in common, or differ everywhere, or repeat themselves, take a bounded number of steps.
func TestDiffWordsOfHostileTexts(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, schema.MaxText/len(s)) }
	for _, c := range [][2]string{
		{fill("a "), fill("b ")},
		{fill("a b "), fill("b a ")},
		{fill("a"), fill("a ")},
		{fill("."), fill(".") + "x"},
		{fill(". "), "x" + fill(" .")},
		{fill("ab.ba."), fill(".ab.b")},
		{fill("a b c "), fill("a c b ")},
	} {
		checkDiff(t, c[0], c[1])
	}
}

func BenchmarkDiffWordsHostile(b *testing.B) {
	old, now := strings.Repeat("a b ", schema.MaxText/4), strings.Repeat("b a ", schema.MaxText/4)
	old = "x" + old + "y"
	for b.Loop() {
		DiffWords(old, now)
	}
}
