package syndication

import (
	"cmp"
	"slices"
)

// Newest sorts the entries with the newest first and keeps at most n. Entries with equal times are
// reversed.
func (f *Feed) Newest(n int) {
	slices.Reverse(f.Entries)
	slices.SortStableFunc(f.Entries, func(a, b Entry) int { return cmp.Compare(b.UpdatedMillis, a.UpdatedMillis) })
	f.Entries = f.Entries[:min(n, len(f.Entries))]
}
