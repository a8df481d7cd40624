package identity

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"flyleaf/keys"
)

func key(t *testing.T, fill byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromSeed(bytes.Repeat([]byte{fill}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestPhrasesAreThoseOfBIP39: phrases are valid for other programs that use BIP-39.
func TestPhrasesAreThoseOfBIP39(t *testing.T) {
	for fill, want := range map[byte]string{
		0:    strings.Repeat("abandon ", 23) + "art",
		0xff: strings.Repeat("zoo ", 23) + "vote",
		0x80: "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
	} {
		got, err := Phrase(key(t, fill))
		if err != nil || got != want {
			t.Errorf("%x: %s, %v", fill, got, err)
		}
	}
	if _, err := Phrase(keys.Key{}); !errors.Is(err, keys.ErrNoKey) {
		t.Error(err)
	}
}

func TestFromPhraseReadsTypedPhrases(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		raw := make([]byte, keys.SeedSize)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		k, err := keys.KeyFromSeed(raw)
		if err != nil {
			t.Fatal(err)
		}
		phrase, err := Phrase(k)
		if err != nil {
			t.Fatal(err)
		}
		// Vary the phrase as people do when they write it down and type it.
		var typed strings.Builder
		for i, w := range strings.Fields(phrase) {
			switch r.IntN(5) {
			case 0:
				w = strings.ToUpper(w)
			case 1:
				w = strings.ToUpper(w[:1]) + w[1:] + ","
			case 2:
				typed.WriteString(string(rune('1'+i%9)) + ". ")
			}
			typed.WriteString(w + []string{" ", "\n", "\t", "  ", "\u00a0"}[r.IntN(5)])
		}
		back, err := FromPhrase(typed.String())
		if err != nil || back.Identity() != k.Identity() {
			t.Fatalf("seed %d: %q: %v", seed, typed.String(), err)
		}
	}
}

// TestWrongWordsAreNamed: the error names the wrong word, and repeats no other word of the
// phrase.
func TestWrongWordsAreNamed(t *testing.T) {
	good, err := Phrase(key(t, 0x80))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(good)
	with := func(i int, w string) string {
		c := append([]string{}, words...)
		c[i] = w
		return strings.Join(c, " ")
	}
	swapped := append([]string{}, words...)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for _, c := range []struct{ phrase, says string }{
		{with(2, "cagge"), `word 3, "cagge"`},
		{with(2, "cagge"), `did you mean "cage"?`},
		{with(4, "amourt"), `did you mean "amount"?`},
		{with(0, "ette"), `word 1, "ette", is not a recovery word`},
		{with(0, "brief"), "the checksum is wrong"},
		{strings.Join(swapped, " "), "swapped"},
		{strings.Join(words[:23], " "), "23 words, not 24"},
		{good + " letter", "25 words"},
		{"", "0 words"},
		{with(1, "größe"), `"größe"`},
		{strings.Repeat("letter ", 1000), "too long"},
	} {
		_, err := FromPhrase(c.phrase)
		if !errors.Is(err, ErrPhrase) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60q: %v, want %q", c.phrase, err, c.says)
		} else if strings.Contains(err.Error(), "absurd") || strings.Contains(err.Error(), "acoustic") {
			t.Errorf("the error repeats the phrase: %v", err)
		}
	}
}

// What another device shows can be read in each of its forms.
func TestReadsEveryForm(t *testing.T) {
	k := key(t, 3)
	phrase, err := Phrase(k)
	if err != nil {
		t.Fatal(err)
	}
	file, err := File(k)
	if err != nil {
		t.Fatal(err)
	}
	link := Link("https://books.example/app/", phrase)
	if !strings.HasPrefix(link, "https://books.example/app/#identity=") || strings.ContainsAny(link, " \n") {
		t.Errorf("the link is %s", link)
	}
	_, behind, _ := strings.Cut(link, "#")
	for _, text := range []string{phrase, " " + strings.ToUpper(phrase) + "\n", link, "#" + behind, string(file)} {
		if got, err := Read([]byte(text)); err != nil || got.Identity() != k.Identity() {
			t.Errorf("%.40q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "abandon", "https://books.example/#identity=abandon-ability", "https://books.example/", phrase + " abandon"} {
		if _, err := Read([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
