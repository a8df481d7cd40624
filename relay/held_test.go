package relay_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// TestLargeFiltersAreNotKept: the relay does not keep the filters and hashes that a peer sends about documents
// that the relay does not have. Otherwise one connection could fill the memory.
func TestLargeFiltersAreNotKept(t *testing.T) {
	const documents, size = 40, 2 << 20
	heads := make([]wire.Hash, 1<<13)
	for i := range heads {
		heads[i] = wire.Hash{byte(i >> 8), byte(i), 1}
	}
	m := &wire.Message{Heads: heads, Need: heads, Have: slices.Repeat([]wire.Have{{
		LastSync: heads,
		Filter:   wire.Filter{Entries: size, BitsPerEntry: 8, Probes: 7, Bits: make([]byte, size)},
	}}, 2)}
	s := start(t, relay.Config{})
	ws, to, err := relaytest.Dial(context20(t), s.url, "hoarder")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	before := heap()
	for i := range documents {
		say(t, ws, "hoarder", to, relaytest.DocumentID(fmt.Sprint("hoard ", i)), repo.TypeSync, m)
		hear(t, ws)
	}
	after := heap()
	t.Logf("%d bytes sent, %d kept", documents*len(m.Encode()), int64(after)-int64(before))
	if after > before+documents*(64<<10) {
		t.Errorf("the relay keeps %d bytes of %d documents that are not here", after-before, documents)
	}
}

// TestLargeFramesAreReleased: an idle connection that has sent a large frame does not make the relay keep it.
func TestLargeFramesAreReleased(t *testing.T) {
	const connections, size = 20, 4 << 20
	s := start(t, relay.Config{})
	m := &wire.Message{Have: []wire.Have{{Filter: wire.Filter{Entries: size, BitsPerEntry: 8, Probes: 7, Bits: make([]byte, size)}}}}
	before := heap()
	for i := range connections {
		name := fmt.Sprint("large ", i)
		ws, to, err := relaytest.Dial(context20(t), s.url, name)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		say(t, ws, name, to, relaytest.DocumentID(name), repo.TypeRequest, m)
		_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
		if _, _, err := ws.ReadMessage(); err != nil { // it is unavailable
			t.Fatal(err)
		}
		_ = ws.SetReadDeadline(time.Time{})
		go func() { // answers pings
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
	}
	var kept int64
	for end := time.Now().Add(relaytest.Wait); ; { // the readers are about to let go
		if kept = int64(heap()) - int64(before); kept < connections*(size/16) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d idle connections hold %d bytes", connections, kept)
		}
	}
	if n := s.Connections(); n != connections {
		t.Errorf("%d of %d connections are left", n, connections)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // two collections free what pools hold
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}
