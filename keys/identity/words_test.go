package identity

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39"
	"github.com/tyler-smith/go-bip39/wordlists"
	"pgregory.net/rapid"
)

func TestWordListIsThatOfBIP39(t *testing.T) {
	if !slices.Equal(allWords(), wordlists.English) {
		t.Error("words.txt is not the English list")
	}
}

func TestEncodedWordsMatchAnotherImplementation(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, b [32]byte) {
		want, err := bip39.NewMnemonic(b[:])
		if err != nil {
			t.Fatalf("%v", err)
		}
		got := encodeWords(b)
		if strings.Join(got, " ") != want {
			t.Fatalf("%x is %q, elsewhere %q", b, got, want)
		}
		back, err := decodeWords([Words]string(got))
		if err != nil || back != b {
			t.Fatalf("%q is read as %x, %v", got, back, err)
		}
	}
	check(t, [32]byte{})
	check(t, [32]byte{31: 1})
	check(t, [32]byte(slices.Repeat([]byte{0xff}, 32)))
	rapid.Check(t, func(t *rapid.T) {
		check(t, [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")))
	})
}

func TestDecodingMatchesAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(allWords()[:40]), "zoos")), Words, Words).Draw(t, "words")
		if rapid.Bool().Draw(t, "with a right checksum") {
			words = encodeWords([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")))
		}
		got, err := decodeWords([Words]string(words))
		want, elsewhere := bip39.EntropyFromMnemonic(strings.Join(words, " "))
		if (err == nil) != (elsewhere == nil) {
			t.Fatalf("%v, elsewhere %v", err, elsewhere)
		}
		if err == nil && !slices.Equal(got[:], want) {
			t.Fatalf("%x, elsewhere %x", got, want)
		}
		if err != nil && !errors.Is(err, errChecksum) && !errors.Is(err, errUnknownWord) {
			t.Fatal(err)
		}
	})
}
