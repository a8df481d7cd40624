package register

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStandingIsWhatNothingThatCountsHasSeen: writes by people who know some of the
// others, each replacing exactly what stands for whoever counts all that it knows.
// For whoever counts only some of the writes, what stands are those of them that none
// of them has in its past, whatever did not count between the two.
func TestStandingIsWhatNothingThatCountsHasSeen(t *testing.T) {
	back, kept := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := 1 + r.IntN(80)
		if seed%50 == 0 {
			n += 400 // more than fit in the words that need no memory
		}
		var g Register
		past := make([]map[int32]bool, n)
		for i := range int32(n) {
			past[i] = map[int32]bool{}
			for range r.IntN(4) {
				if i > 0 {
					d := int32(r.IntN(int(i)))
					past[i][d] = true
					for p := range past[d] {
						past[i][p] = true
					}
				}
			}
			g.Add(g.Current(nil, func(w int32) bool { return past[i][w] })...)
		}
		if g.Len() != n {
			t.Fatalf("%d writes of %d", g.Len(), n)
		}
		all := g.Current(nil, func(int32) bool { return true })
		counts := make([]bool, n)
		for i := range counts {
			counts[i] = r.IntN(3) > 0
		}
		var want []int32
		for i := range int32(n) {
			stands := counts[i]
			for k := range int32(n) {
				stands = stands && !(counts[k] && past[k][i])
			}
			if stands {
				want = append(want, i)
				if !slices.Contains(all, i) {
					back++
				}
			} else if counts[i] {
				kept++
			}
		}
		if got := g.Current(nil, func(w int32) bool { return counts[w] }); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v stand, want %v", seed, got, want)
		}
	}
	if back == 0 || kept == 0 {
		t.Errorf("%d came back, %d were kept from it: too few for a test of that", back, kept)
	}
}

func TestStandingAppends(t *testing.T) {
	var r Register
	r.Add()
	r.Add(0)
	r.Add()
	if got := r.Current([]int32{7}, func(int32) bool { return true }); !slices.Equal(got, []int32{7, 1, 2}) {
		t.Error(got)
	}
}
