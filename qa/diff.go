package qa

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DiffPart is a piece of two texts that are compared.
type DiffPart struct {
	Kind DiffKind
	Text string
}

// DiffKind says which of the two texts has a part.
type DiffKind string

// The kinds.
const (
	DiffSame    DiffKind = "same"    // both
	DiffRemoved DiffKind = "removed" // only the old text
	DiffAdded   DiffKind = "added"   // only the new text
)

// maxDiffEdits is the maximum number of words that are removed or added between the first and the last change of two
// texts. Texts that differ more are not compared word by word, because that takes time, and nobody could read it.
const maxDiffEdits = 256

// DiffWords compares two texts word by word. The parts that are not DiffAdded make up the old text, those that are not
// DiffRemoved the new one, to the byte. What was replaced is one removed and one added part. The work is at most about
// maxDiffEdits steps for each word.
func DiffWords(old, now string) []DiffPart {
	a, b := splitWords(old), splitWords(now)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var d diffWriter
	d.add(DiffSame, a[:head])
	d.middle(a[head:len(a)-tail], b[head:len(b)-tail])
	d.add(DiffSame, a[len(a)-tail:])
	return d.parts()
}

// splitWords splits a text into words, runs of white space, and single other characters.
func splitWords(s string) (out []string) {
	kind := func(r rune) int {
		switch {
		case unicode.IsSpace(r):
			return 1
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			return 2
		}
		return 0
	}
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		for k := kind(r); k != 0 && n < len(s); {
			next, size := utf8.DecodeRuneInString(s[n:])
			if kind(next) != k {
				break
			}
			n += size
		}
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// diffWriter collects the words of a comparison.
type diffWriter struct {
	out []DiffPart
	// what was removed and added since the last word that is the same, and white space after it that may be between
	// two changes
	removed, added, space strings.Builder
}

// add adds words of one kind.
func (d *diffWriter) add(kind DiffKind, words []string) {
	for _, w := range words {
		switch changing := d.removed.Len()+d.added.Len() > 0; {
		case kind == DiffSame && changing && strings.TrimSpace(w) == "":
			d.space.WriteString(w)
		case kind == DiffSame:
			d.flush()
			d.out = append(d.out, DiffPart{DiffSame, w})
		default: // white space between two changes belongs to both
			d.removed.WriteString(d.space.String())
			d.added.WriteString(d.space.String())
			d.space.Reset()
			to := &d.removed
			if kind == DiffAdded {
				to = &d.added
			}
			to.WriteString(w)
		}
	}
}

// flush ends a change. White space at the end of both what was removed and what was added is the same.
func (d *diffWriter) flush() {
	removed, added := d.removed.String(), d.added.String()
	n := 0
	for n < min(len(removed), len(added)) && removed[len(removed)-1-n] == added[len(added)-1-n] && strings.IndexByte(" \n\t", added[len(added)-1-n]) >= 0 {
		n++
	}
	for _, p := range []DiffPart{
		{DiffRemoved, removed[:len(removed)-n]}, {DiffAdded, added[:len(added)-n]}, {DiffSame, added[len(added)-n:] + d.space.String()},
	} {
		if p.Text != "" {
			d.out = append(d.out, p)
		}
	}
	d.removed.Reset()
	d.added.Reset()
	d.space.Reset()
}

// parts returns what was collected, with neighbours of one kind joined.
func (d *diffWriter) parts() (out []DiffPart) {
	d.flush()
	for i := 0; i < len(d.out); {
		end := i
		var text strings.Builder
		for ; end < len(d.out) && d.out[end].Kind == d.out[i].Kind; end++ {
			text.WriteString(d.out[end].Text)
		}
		out = append(out, DiffPart{d.out[i].Kind, text.String()})
		i = end
	}
	return out
}

// middle compares what is between the first and the last change: Myers, "An O(ND) Difference Algorithm and Its
// Variations" (1986), the greedy algorithm.
func (d *diffWriter) middle(a, b []string) {
	// furthest[n][k+n] is how many words of a are read after n edits on diagonal k, on which k more words of a
	// than of b are read. Only every second k occurs.
	var furthest [][]int32
	found := false
	for n := 0; n <= min(len(a)+len(b), maxDiffEdits) && !found; n++ {
		row := make([]int32, 2*n+1)
		for k := -n; k <= n; k += 2 {
			x := 0
			if n > 0 {
				x = stepTo(furthest[n-1], n-1, k)
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			row[k+n] = int32(x)
			found = found || x >= len(a) && x-k >= len(b)
		}
		furthest = append(furthest, row)
	}
	if !found {
		d.add(DiffRemoved, a)
		d.add(DiffAdded, b)
		return
	}
	// Back from the end: the words of each edit, and those that are the same after it.
	type piece struct {
		kind  DiffKind
		words []string
	}
	var pieces []piece
	x, y := len(a), len(b)
	for n := len(furthest) - 1; n > 0; n-- {
		k := x - y
		from := stepTo(furthest[n-1], n-1, k)
		pieces = append(pieces, piece{DiffSame, a[from:x]})
		x, y = from, from-k
		if cameDown(furthest[n-1], n-1, k) {
			y--
			pieces = append(pieces, piece{DiffAdded, b[y : y+1]})
		} else {
			x--
			pieces = append(pieces, piece{DiffRemoved, a[x : x+1]})
		}
	}
	pieces = append(pieces, piece{DiffSame, a[:x]})
	for _, p := range slices.Backward(pieces) {
		d.add(p.kind, p.words)
	}
}

// cameDown reports whether diagonal k is best reached by adding a word, and not by removing one, after the n edits of row.
func cameDown(row []int32, n, k int) bool {
	return k == -n-1 || k != n+1 && k-1 >= -n && k+1 <= n && row[k-1+n] < row[k+1+n]
}

// stepTo returns how many words of the old text are read when diagonal k is reached after the n edits of row.
func stepTo(row []int32, n, k int) int {
	if cameDown(row, n, k) {
		return int(row[k+1+n])
	}
	return int(row[k-1+n]) + 1
}
