package register

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCurrent: each write has some earlier writes in its past and replaces exactly the current
// ones of them. If only some writes count, the current writes are the counting writes that are
// in the past of no other counting write, also when ignored writes lie between the two.
func TestCurrent(t *testing.T) {
	back, kept := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := 1 + r.IntN(80)
		if seed%50 == 0 {
			n += 400 // more than the array without allocation holds
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
			current := counts[i]
			for k := range int32(n) {
				current = current && !(counts[k] && past[k][i])
			}
			if current {
				want = append(want, i)
				if !slices.Contains(all, i) {
					back++
				}
			} else if counts[i] {
				kept++
			}
		}
		if got := g.Current(nil, func(w int32) bool { return counts[w] }); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v are current, want %v", seed, got, want)
		}
	}
	if back == 0 || kept == 0 {
		t.Errorf("%d came back, %d were kept from it: too few for a test of that", back, kept)
	}
}

func TestCurrentAppends(t *testing.T) {
	var r Register
	r.Add()
	r.Add(0)
	r.Add()
	if got := r.Current([]int32{7}, func(int32) bool { return true }); !slices.Equal(got, []int32{7, 1, 2}) {
		t.Error(got)
	}
}
