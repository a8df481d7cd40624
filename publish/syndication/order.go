package syndication

import (
	"cmp"
	"slices"
)

// Newest puts the entries into a feed's order, the newest first, and keeps at most n.
// Entries of one time stay in the reverse of the order they had.
func (f *Feed) Newest(n int) {
	slices.Reverse(f.Entries)
	slices.SortStableFunc(f.Entries, func(a, b Entry) int { return cmp.Compare(b.UpdatedMillis, a.UpdatedMillis) })
	f.Entries = f.Entries[:min(n, len(f.Entries))]
}
