package smallsort

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSortsAsSlicesDoes: the order is that of the functions of slices.
func TestSortsAsSlicesDoes(t *testing.T) {
	type item struct{ key, place int }
	byKey := func(a, b item) int { return cmp.Compare(a.key, b.key) }
	byBoth := func(a, b item) int { return cmp.Or(byKey(a, b), cmp.Compare(b.place, a.place)) }
	rapid.Check(t, func(t *rapid.T) {
		var s []item
		for place, key := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 200).Draw(t, "keys") {
			s = append(s, item{key, place})
		}
		for name, sorts := range map[string][2]func([]item){
			"Func":       {func(s []item) { Func(s, byBoth) }, func(s []item) { slices.SortFunc(s, byBoth) }},
			"StableFunc": {func(s []item) { StableFunc(s, byKey) }, func(s []item) { slices.SortStableFunc(s, byKey) }},
		} {
			got, want := slices.Clone(s), slices.Clone(s)
			sorts[0](got)
			sorts[1](want)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %v, want %v", name, got, want)
			}
		}
	})
}
