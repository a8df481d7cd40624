package replica_test

import (
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// BenchmarkFirstPull measures how long a new device takes to fetch an event of 10,000 posts
// from a relay on the same machine, with all checks of every change.
func BenchmarkFirstPull(b *testing.B) {
	const posts = 10_000
	open := func() *replica.Node {
		n, err := replica.Open(b.Context(), fastRetries(replica.Config{Store: mem.New(), Key: newKey(b)}))
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	host := startRelay(b)
	origin := open()
	defer func() { _ = origin.Close() }()
	r, err := origin.Import(b.Context(), "", importedWeek(posts), host.url())
	if err != nil {
		b.Fatal(err)
	}
	if err := origin.Sync(b.Context(), r.Event); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := open()
		if err := n.Join(b.Context(), qa.Invitation{Event: r.Event, Relay: host.url()}); err != nil {
			b.Fatal(err)
		}
		if err := n.Sync(b.Context(), r.Event); err != nil {
			b.Fatal(err)
		}
		if s, err := n.Status(b.Context()); err != nil || s[0].Posts != posts {
			b.Fatalf("%+v, %v", s, err)
		}
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
