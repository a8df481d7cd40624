package replica_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/sqlite"
)

// BenchmarkFloods measures the cost of each kind of flood on a device: merging it from a bundle
// (checks, views, disk), reading the week, and the first local act afterwards, which loads the
// engine. See the table in crdt/policy/DESIGN.md.
func BenchmarkFloods(b *testing.B) {
	for _, f := range policytest.Floods(500) {
		b.Run(f.Name, func(b *testing.B) {
			var take, read, act time.Duration
			for b.Loop() {
				store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "a.db"), sqlite.Options{})
				if err != nil {
					b.Fatal(err)
				}
				n, err := replica.Open(b.Context(), replica.Config{Store: store, Key: newKey(b), Offline: true})
				if err != nil {
					b.Fatal(err)
				}
				merge := func(all []policytest.Signed) time.Duration {
					var changes []bundle.Change
					for _, s := range all {
						changes = append(changes, bundle.Change{Bytes: s.Bytes, Signature: s.Signature})
					}
					start := time.Now()
					got, err := n.Merge(b.Context(), f.Event, changes)
					if err != nil || got.Added != len(all) {
						b.Fatal(got, err)
					}
					return time.Since(start)
				}
				merge(f.Setup)
				take += merge(f.Many)
				start := time.Now()
				if _, err := n.Week(b.Context(), f.Event); err != nil {
					b.Fatal(err)
				}
				read += time.Since(start)
				start = time.Now()
				if _, err := n.Do(context.Background(), f.Event, qa.Act{Kind: qa.ActPost, Text: "mine"}); err != nil {
					b.Fatal(err)
				}
				act += time.Since(start)
				if err := n.Close(); err != nil {
					b.Fatal(err)
				}
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
			per := func(d time.Duration, n int) float64 {
				return float64(d.Nanoseconds()) / float64(b.N) / float64(max(n, 1))
			}
			b.ReportMetric(per(take, len(f.Many))/1e3, "µs/change")
			b.ReportMetric(per(take, f.Operations())/1e3, "µs/operation")
			b.ReportMetric(per(take, f.Bytes()), "ns/byte")
			b.ReportMetric(per(read, 1)/1e6, "ms-week")
			b.ReportMetric(per(act, 1)/1e6, "ms-act")
		})
	}
}
