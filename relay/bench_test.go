package relay_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
)

// posts returns an event's first change and n posts of the founder, each depending on the one before.
func posts(e *relaytest.Event, n int) []relaytest.Signed {
	all := []relaytest.Signed{e.Genesis}
	for i := range n {
		last := all[i]
		all = append(all, e.Post("founder of "+e.Name, uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, "some two hundred characters of what somebody wants to know about a book, which is about what people write when they have read a chapter of it and would like to hear from its author how it came about"))
	}
	return all
}

// reader is a client that accepts everything, acknowledges it and does nothing else, so that only the relay
// is measured.
type reader struct {
	ws   *websocket.Conn
	got  chan wire.Hash // heads, as they come
	peer string
	wmu  sync.Mutex
}

func (r *reader) write(frame []byte) error {
	r.wmu.Lock()
	defer r.wmu.Unlock()
	return r.ws.WriteMessage(websocket.BinaryMessage, frame)
}

func newReader(b *testing.B, s *server, peer string, event qa.EventID) *reader {
	b.Helper()
	ws, _, err := relaytest.Dial(context20(b), s.url, peer)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ws.Close() })
	r := &reader{ws: ws, got: make(chan wire.Hash, 1<<16), peer: peer}
	say := func(m *wire.Message) error {
		f, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: peer, DocumentID: string(event), Data: m.Encode()})
		if err != nil {
			return err
		}
		return r.write(f)
	}
	if err := say(&wire.Message{Have: []wire.Have{{}}}); err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			_, f, err := ws.ReadMessage()
			if err != nil {
				return
			}
			m, err := repo.Decode(f)
			if err != nil || m.Type != repo.TypeSync {
				continue
			}
			msg, err := wire.DecodeMessage(m.Data)
			if err != nil || len(msg.Heads) != 1 {
				continue
			}
			if say(&wire.Message{Heads: msg.Heads, Have: []wire.Have{{LastSync: msg.Heads}}}) != nil {
				return
			}
			r.got <- msg.Heads[0]
		}
	}()
	return r
}

func (r *reader) until(b *testing.B, h wire.Hash) {
	b.Helper()
	late := time.After(relaytest.Wait)
	for {
		select {
		case got := <-r.got:
			if got == h {
				return
			}
		case <-late:
			b.Fatalf("%s never hears of %s", r.peer, h)
		}
	}
}

// BenchmarkPosts measures one post to a hundred readers, and a thousand posts in one message, in a relay for
// events and in an open one. The difference is the cost of signatures and policy.
func BenchmarkPosts(b *testing.B) {
	const readers, upload = 100, 1000
	for _, open := range []bool{false, true} {
		kind := map[bool]string{false: "events", true: "open"}[open]
		b.Run("fan-out/"+kind, func(b *testing.B) {
			s := start(b, relay.Config{Store: openStore(b, b.TempDir()), Open: open, Quotas: quota.None})
			e := relaytest.NewEvent("fan-out", "open")
			all := posts(e, b.N)
			writer := newReader(b, s, "writer", e.ID)
			frames := make([][]byte, len(all))
			for i, c := range all {
				frames[i] = offer(b, e.ID, c)
			}
			write := func(i int) {
				if err := writer.write(frames[i]); err != nil {
					b.Fatal(err)
				}
			}
			write(0)
			var everybody []*reader
			for i := range readers {
				everybody = append(everybody, newReader(b, s, fmt.Sprint("reader-", i), e.ID))
			}
			for _, r := range everybody {
				r.until(b, e.Genesis.Hash)
			}
			b.ResetTimer()
			for i := 1; i <= b.N; i++ {
				write(i)
				for _, r := range everybody {
					r.until(b, all[i].Hash)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N*readers)/b.Elapsed().Seconds(), "deliveries/s")
			s.stop()
		})
		b.Run("upload/"+kind, func(b *testing.B) {
			s := start(b, relay.Config{Store: openStore(b, b.TempDir()), Open: open, Quotas: quota.None})
			var once sync.Once
			for b.Loop() {
				b.StopTimer()
				e := relaytest.NewEvent(fmt.Sprint("upload ", b.Elapsed()), "open")
				all := posts(e, upload)
				writer := newReader(b, s, fmt.Sprint("writer ", e.ID), e.ID)
				frame := offerAs(b, writer.peer, e.ID, all...)
				b.StartTimer()
				if err := writer.write(frame); err != nil {
					b.Fatal(err)
				}
				writer.until(b, all[upload].Hash)
				once.Do(func() { b.SetBytes(int64(len(frame))) })
			}
			b.ReportMetric(float64(b.N*upload)/b.Elapsed().Seconds(), "changes/s")
			s.stop()
		})
	}
}

func offer(b *testing.B, event qa.EventID, changes ...relaytest.Signed) []byte {
	return offerAs(b, "writer", event, changes...)
}

func offerAs(b *testing.B, peer string, event qa.EventID, changes ...relaytest.Signed) []byte {
	b.Helper()
	m := relaytest.NewDevice(peer, event).Message(changes...)
	frame, err := repo.Encode(m)
	if err != nil {
		b.Fatal(err)
	}
	return frame
}
