package identity

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"strings"
	"sync"
)

// BIP-39 for 32 bytes: they are followed by the first byte of their SHA-256, and each 11 of
// these 264 bits are the number of a word. The package that has all of BIP-39 also has its lists
// in nine languages, each as large as everything else here; the program for the browser would be
// larger by all of them. Tests compare with that package.

//go:embed words.txt
var wordFile string // BIP-39's English list, one word a line

// wordBits is how many bits of the key and its checksum a word stands for.
const wordBits = 11

var (
	wordsOnce   sync.Once
	wordList    []string
	wordNumbers map[string]int
)

func readWords() {
	wordList = strings.Fields(wordFile)
	wordNumbers = make(map[string]int, len(wordList))
	for i, w := range wordList {
		wordNumbers[w] = i
	}
}

// allWords returns the list, sorted.
func allWords() []string {
	wordsOnce.Do(readWords)
	return wordList
}

// wordNumber returns the position of a word in the list.
func wordNumber(w string) (int, bool) {
	wordsOnce.Do(readWords)
	n, ok := wordNumbers[w]
	return n, ok
}

// encodeWords writes 32 bytes as 24 words.
func encodeWords(b [32]byte) []string {
	sum := sha256.Sum256(b[:])
	bits := append(b[:], sum[0])
	list := allWords()
	out := make([]string, Words)
	for i := range out {
		n := 0
		for bit := i * wordBits; bit < (i+1)*wordBits; bit++ {
			n = n<<1 | int(bits[bit/8]>>(7-bit%8)&1)
		}
		out[i] = list[n]
	}
	return out
}

var (
	errUnknownWord = errors.New("a word is not in the list")
	errChecksum    = errors.New("the checksum is wrong")
)

// decodeWords reads what encodeWords wrote. Its errors are errUnknownWord and errChecksum.
func decodeWords(words [Words]string) (b [32]byte, err error) {
	var bits [33]byte
	for i, w := range words {
		n, ok := wordNumber(w)
		if !ok {
			return b, errUnknownWord
		}
		for k := range wordBits {
			bit := i*wordBits + k
			bits[bit/8] |= byte(n>>(wordBits-1-k)&1) << (7 - bit%8)
		}
	}
	copy(b[:], bits[:])
	if sum := sha256.Sum256(b[:]); sum[0] != bits[32] {
		return [32]byte{}, errChecksum
	}
	return b, nil
}
