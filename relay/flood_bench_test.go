package relay_test

import (
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
)

// BenchmarkFloods measures, for each kind of flood, the work of a relay without quotas to store it, from
// the socket to the disk. See the table in crdt/policy/DESIGN.md.
func BenchmarkFloods(b *testing.B) {
	for _, f := range policytest.Floods(500) {
		b.Run(f.Name, func(b *testing.B) {
			genesis := f.Setup[0]
			relaytest.Adopt(f.Event, relaytest.Signed{Change: genesis.Change, Signature: genesis.Signature})
			var took time.Duration
			for b.Loop() {
				store := openStore(b, b.TempDir())
				s := start(b, relay.Config{Store: store, Quotas: quota.None})
				evil := relaytest.NewDevice("evil", f.Event)
				connect(b, s, evil)
				send := func(all []policytest.Signed, n int) {
					for some := range slices.Chunk(all, max(1, len(all)*(4<<20)/(1+f.Bytes()))) { // frames have a bound
						if err := evil.Send(envelope("evil", f.Event, some...)); err != nil {
							b.Fatal(err)
						}
					}
					until(b, evil, changes(n))
				}
				send(f.Setup, len(f.Setup)-1)
				start := time.Now()
				send(f.Many, len(f.Setup)-1+len(f.Many))
				took += time.Since(start)
				s.stop()
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
			per := func(n int) float64 { return float64(took.Nanoseconds()) / float64(b.N) / float64(max(n, 1)) }
			b.ReportMetric(per(len(f.Many))/1e3, "µs/change")
			b.ReportMetric(per(f.Operations())/1e3, "µs/operation")
			b.ReportMetric(per(f.Bytes()), "ns/byte")
		})
	}
}
