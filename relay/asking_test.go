package relay_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
)

// How much work a peer can cause with small requests, counted in steps.

// asksUntilCut sends the messages that frame makes until the relay closes the connection. It returns how
// many were sent, and whether the relay closed because they cost too much.
func asksUntilCut(t testing.TB, ws *websocket.Conn, most int, frame func(i int) []byte) (sent int, costly bool) {
	t.Helper()
	closed := make(chan error, 1)
	go func() {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				closed <- err
				return
			}
		}
	}()
	for ; sent < most && ws.WriteMessage(websocket.BinaryMessage, frame(sent)) == nil; sent++ {
	}
	_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
	err := <-closed
	var c *websocket.CloseError
	if !errors.As(err, &c) {
		t.Errorf("after %d messages it ended with %v", sent, err)
	}
	return sent, c != nil && c.Code == websocket.ClosePolicyViolation && strings.HasPrefix(c.Text, "you sent too much data")
}

// TestSearchingFiltersIsCharged: a Bloom filter that matches everything makes the relay look up each change of
// an event and send nothing. A peer that repeats this is disconnected; a device that follows the event
// is not.
func TestSearchingFiltersIsCharged(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now, Quotas: quota.None})
	event := relaytest.EventID("filtered")
	honest := relaytest.NewDevice("honest", event)
	honest.Header = http.Header{"X-Forwarded-For": {"198.51.100.1"}}
	const n = 2000
	write(t, honest, n)
	connect(t, s, honest)
	onDisk(t, honest)

	all := wire.Filter{Entries: 8, BitsPerEntry: 32, Probes: 32, Bits: bytes.Repeat([]byte{255}, 32)}
	large := wire.Filter{Entries: 8 << 10, BitsPerEntry: 8, Probes: 32, Bits: bytes.Repeat([]byte{255}, 8<<10)}
	for i, filter := range []wire.Filter{all, large} {
		peer := fmt.Sprint("asks ", i)
		frame := func(k int) []byte {
			m := &wire.Message{Heads: []wire.Hash{{byte(k), byte(k >> 8), byte(k >> 16), 1}}, Have: []wire.Have{{Filter: filter}}}
			b, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: peer, DocumentID: string(event), Data: m.Encode()})
			if err != nil {
				t.Error(err)
			}
			return b
		}
		// A conversation that does not get on ends, too, but may be begun again.
		const conversations = 10
		for c, costly := 0, false; !costly; c++ {
			ws, _ := join(t, s, peer, fmt.Sprint("203.0.113.", i))
			if ws == nil {
				break // the whole address has spent what it may
			}
			if _, costly = asksUntilCut(t, ws, 1<<20, frame); !costly && c == conversations {
				t.Errorf("%d filters: not cut off in %d conversations", i, c)
				break
			}
		}
	}
	reader := relaytest.NewDevice("reader", event)
	reader.Header = http.Header{"X-Forwarded-For": {"198.51.100.2"}}
	connect(t, s, reader)
	until(t, reader, changes(n))
	write(t, honest, 1)
	until(t, reader, changes(n+1))
}

// TestLookingForUnknownDocumentsIsCharged: each search on disk for a document that the relay does not have is
// charged, so one address can cause a limited number of them.
func TestLookingForUnknownDocumentsIsCharged(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now, Limits: relay.Limits{Documents: 1 << 20, DocumentsInUse: 1 << 20}})
	data := (&wire.Message{Have: []wire.Have{{}}}).Encode()
	unknown := make([]string, 64)
	for i := range unknown {
		unknown[i] = string(relaytest.DocumentID(fmt.Sprint("unknown ", i)))
	}
	ws, _ := join(t, s, "asks", "203.0.113.1")
	sent, costly := asksUntilCut(t, ws, 2*relay.LookUpsForWaste, func(i int) []byte {
		b, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: "asks", DocumentID: unknown[i%len(unknown)], Data: data})
		if err != nil {
			t.Error(err)
		}
		return b
	})
	if !costly {
		t.Errorf("not cut off for the cost, after %d messages", sent)
	}
	if sent < relay.LookUpsForWaste {
		t.Errorf("ended after %d searches, %d are allowed", sent, relay.LookUpsForWaste)
	}
}

// TestDecodingUnderTheLockCountsTowardsTheTurn: changes that are decoded while the document is locked count
// towards the turn, even if none of them is accepted.
func TestDecodingUnderTheLockCountsTowardsTheTurn(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now, Quotas: quota.Quotas{AddressBurst: 10, AddressRate: 1}})
	e := relaytest.NewEvent("decoded again", "open")
	var ops []wire.Op
	for i := range 900 {
		ops = append(ops, e.Block(relaytest.KeyOf(fmt.Sprint("somebody ", i)).Identity(), ""))
	}
	var all []relaytest.Signed
	const n = 3 * relay.TurnOps / 900
	for i := range n {
		all = append(all, e.ByFounder(fmt.Sprint("f", i), 1, e.Genesis.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, ops...))
	}
	a := relaytest.NewDevice("a", e.ID)
	a.Header = http.Header{"X-Forwarded-For": {"203.0.113.1"}}
	connect(t, s, a)
	if err := a.Offer(e.Genesis); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is begun", func() bool { return s.See().Turns == 1 })
	s.ExhaustDecodedOps()
	if err := a.Offer(all...); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(st relaytest.State) bool { return len(st.Refused) == n })
	if turns := s.See().Turns - 1; turns < 3 {
		t.Errorf("%d turns for %d operations, of which one takes %d", turns, n*900, relay.TurnOps)
	}
}

// TestRefusalsAreSentBeforeTheClose: before the relay disconnects a peer whose changes only cost, it tells the peer
// which changes were refused, up to a maximum. Otherwise an honest device that builds on a refused
// change would offer the same changes again on each connection.
func TestRefusalsAreSentBeforeTheClose(t *testing.T) {
	now := newClock()
	s := start(t, relay.Config{BehindProxy: true, Now: now.now, Quotas: quota.None})
	e := relaytest.NewEvent("refused", "open")
	founder := relaytest.NewDevice("founder", e.ID)
	founder.Header = http.Header{"X-Forwarded-For": {"198.51.100.1"}}
	connect(t, s, founder)
	if err := founder.Offer(e.Genesis); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is begun", func() bool { return s.See().Turns == 1 })
	var all []relaytest.Signed
	for i := range 8_000 {
		name := fmt.Sprint("nobody ", i)
		all = append(all, e.Change(name, 1, e.Genesis.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, e.Block(relaytest.KeyOf("founder").Identity(), "")))
	}
	ws, _ := join(t, s, "blocks", "203.0.113.1")
	b, err := repo.EncodeWithin(relaytest.NewDevice("blocks", e.ID).Message(all...), wire.MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		t.Fatal(err)
	}
	told := 0
	for {
		_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
		_, b, err := ws.ReadMessage()
		if err != nil {
			var c *websocket.CloseError
			if !errors.As(err, &c) || !strings.HasPrefix(c.Text, "you sent too much data") {
				t.Errorf("ended with %v", err)
			}
			break
		}
		if m, err := repo.Decode(b); err == nil && m.Type == repo.TypeRefused {
			told += len(m.Refused)
		}
	}
	if told != 2_000 {
		t.Errorf("told of %d refused changes, want 2000", told)
	}
}

// TestWrongAnswersDoNotFillTheLog: wrong answers to the challenge of an invitation-only event are
// logged once for each connection.
func TestWrongAnswersDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer // the relay's handler writes one line at a time
	s := start(t, relay.Config{BehindProxy: true, Addresses: []string{"wss://relay.example.org"}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	e := relaytest.NewEvent("private", "invited")
	ws, _ := join(t, s, "answers", "203.0.113.1")
	first := relaytest.NewDevice("answers", e.ID).Message(e.Genesis)
	send(t, ws, first)
	for range 50 {
		send(t, ws, &repo.Message{
			Type: repo.TypeAccess, SenderID: "answers", DocumentID: string(e.ID),
			Identity: make([]byte, 32), Signature: make([]byte, 64), Version: keys.AccessVersion,
		})
	}
	ask := request(t, "answers", 4)
	if err := ws.WriteMessage(websocket.BinaryMessage, ask); err != nil {
		t.Fatal(err)
	}
	unknown := string(relaytest.DocumentID("answers"))
	for {
		_ = ws.SetReadDeadline(time.Now().Add(relaytest.Wait))
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := repo.Decode(b); err == nil && m.Type == repo.TypeUnavailable && m.DocumentID == unknown {
			break
		}
	}
	s.stop()
	if n := strings.Count(log.String(), "not for this relay"); n != 1 {
		t.Errorf("logged %d times:\n%.2000s", n, log.String())
	}
}
