package replica_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

func presenceOf(t *testing.T, n *replica.Node, id qa.EventID) []qa.Presence {
	t.Helper()
	out, err := n.Presence(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// makeAuthor has the founder of an event give somebody the role of an author, and waits until
// their device knows it.
func makeAuthor(t *testing.T, founder, author *replica.Node, id qa.EventID) {
	t.Helper()
	do(t, founder, id, qa.Act{Kind: qa.ActRole, Identity: author.Identity(), Role: qa.RoleAuthor, On: true})
	eventually(t, author, "the role", func() bool { return weekOf(t, author, id).Event.HasRole(author.Identity(), qa.RoleAuthor) })
}

// makeAuthor has the founder give somebody the role of an author.
func (a *attackedDevice) makeAuthor(t *testing.T, who qa.Identity) {
	t.Helper()
	id := a.relay.event
	do(t, a.founder, id, qa.Act{Kind: qa.ActRole, Identity: who, Role: qa.RoleAuthor, On: true})
	role := entries(t, a.origin, id)[2]
	a.relay.sync([]wire.Hash{role.Hash()}, nil, role.Bytes())
	eventually(t, a.node, "the role", func() bool { return weekOf(t, a.node, id).Event.HasRole(who, qa.RoleAuthor) })
}

// clock is a clock that a test sets.
type clock struct{ millis atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.millis.Load()) }

func TestOthersSeeWhoIsAnswering(t *testing.T) {
	host := startRelay(t)
	var c clock
	c.millis.Store(time.Now().UnixMilli())
	a := openNode(t, fastRetries(replica.Config{Store: mem.New(), Now: c.now}))
	a.Start(t.Context())
	b := device(t, mem.New())
	id := createEvent(t, a, host.url())
	q := ask(t, a, id, "?")
	join(t, b, id, host.url())
	waitSynced(t, a, id, 1)
	waitSynced(t, b, id, 1)
	makeAuthor(t, a, b, id)
	updates, cancel := a.Subscribe(id)
	defer cancel()
	if err := b.Announce(testContext(t), id, qa.PresenceAnswering, q); err != nil {
		t.Fatal(err)
	}
	for seen := false; !seen; {
		select {
		case u := <-updates:
			seen = slices.Contains(u.Posts, q) && len(presenceOf(t, a, id)) == 1
		case <-testContext(t).Done():
			t.Fatal("no update about the signal")
		}
	}
	if p := presenceOf(t, a, id)[0]; p.By != b.Identity() || p.Post != q || p.Kind != qa.PresenceAnswering || p.AtMillis != c.millis.Load() {
		t.Fatalf("%+v", p)
	}
	if got := presenceOf(t, b, id); len(got) != 0 {
		t.Fatalf("one's own: %+v", got)
	}
	c.millis.Add(replica.DefaultAnswering.Milliseconds() - 1)
	if got := presenceOf(t, a, id); len(got) != 1 {
		t.Fatalf("expired too early: %+v", got)
	}
	c.millis.Add(1)
	if got := presenceOf(t, a, id); len(got) != 0 {
		t.Fatalf("still there: %+v", got)
	}
	if err := b.Announce(testContext(t), id, "dancing", q); !errors.Is(err, replica.ErrBadPresence) {
		t.Fatal(err)
	}
	if err := b.Announce(testContext(t), id, qa.PresenceSeen, "nothing"); !errors.Is(err, qa.ErrBadID) {
		t.Fatal(err)
	}
	// Presence of a blocked person is not shown.
	do(t, a, id, qa.Act{Kind: qa.ActBlock, Identity: b.Identity(), Text: "spam"})
	waitSynced(t, b, id, 1)
	if err := b.Announce(testContext(t), id, qa.PresenceSeen, q); err != nil {
		t.Fatal(err)
	}
	third := device(t, mem.New())
	join(t, third, id, host.url())
	waitSynced(t, third, id, 1)
	makeAuthor(t, a, third, id)
	if err := third.Announce(testContext(t), id, qa.PresenceSeen, q); err != nil {
		t.Fatal(err)
	}
	eventually(t, a, "the third's", func() bool { return len(presenceOf(t, a, id)) > 0 })
	for _, p := range presenceOf(t, a, id) {
		if p.By != third.Identity() {
			t.Fatalf("%+v", p)
		}
	}
}

// A signal expires without another call, and subscribers get an update.
func TestAnsweringExpires(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, fastRetries(replica.Config{Store: mem.New(), Answering: 50 * time.Millisecond}))
	a.Start(t.Context())
	b := device(t, mem.New())
	id := createEvent(t, a, host.url())
	q := ask(t, a, id, "?")
	join(t, b, id, host.url())
	waitSynced(t, a, id, 1)
	waitSynced(t, b, id, 1)
	makeAuthor(t, a, b, id)
	updates, cancel := a.Subscribe(id)
	defer cancel()
	if err := b.Announce(testContext(t), id, qa.PresenceAnswering, q); err != nil {
		t.Fatal(err)
	}
	came := false
	for {
		select {
		case u := <-updates:
			if !slices.Contains(u.Posts, q) {
				continue
			}
			if came && len(presenceOf(t, a, id)) == 0 {
				return
			}
			came = true
		case <-testContext(t).Done():
			t.Fatal("no update about the expired signal")
		}
	}
}

// An author's device sends receipts for questions that have arrived on it.
func TestAskerGetsAReceiptFromAnAuthor(t *testing.T) {
	host := startRelay(t)
	author, asker := device(t, mem.New()), device(t, mem.New())
	id := createEvent(t, author, host.url())
	do(t, author, id, qa.Act{Kind: qa.ActRole, Identity: author.Identity(), Role: qa.RoleAuthor, On: true})
	join(t, asker, id, host.url())
	waitSynced(t, asker, id, 0)
	waitSynced(t, author, id, 0)
	q := ask(t, asker, id, "Has it arrived?")
	eventually(t, asker, "the receipt", func() bool {
		return slices.ContainsFunc(presenceOf(t, asker, id), func(p qa.Presence) bool {
			return p.Kind == qa.PresenceSeen && p.Post == q && p.By == author.Identity()
		})
	})
}

func TestOnlyAuthorsSendPresence(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	announce := func(text string) qa.PostID {
		t.Helper()
		post := ask(t, a.node, id, text)
		if err := a.node.Announce(testContext(t), id, qa.PresenceAnswering, post); err != nil {
			t.Fatal(err)
		}
		return post
	}
	announce("What a reader begins to write")
	a.makeAuthor(t, a.own.Identity())
	post := announce("What an author begins to write")
	// What is sent on a connection arrives in order, so a message about the first post would be here before the other's.
	var sent []*repo.Message
	eventually(t, a.node, "the author's message", func() bool {
		sent = a.relay.receivedOf(repo.TypeEphemeral)
		return len(sent) > 0
	})
	for _, m := range sent {
		var body struct {
			Post qa.PostID `cbor:"post"`
		}
		if err := cbor.Unmarshal(m.Data, &body); err != nil || body.Post != post {
			t.Errorf("a message about %q was sent (%v), want only %q", body.Post, err, post)
		}
	}
}

func TestForgedPresenceIsIgnored(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	a.makeAuthor(t, a.key.Identity())
	post := string(qa.MakePostID(a.key.Identity(), []byte(a.last.Actor), a.last.StartOp))
	now := time.Now().UnixMilli()
	type body = map[string]any
	good := func() body {
		raw, err := hex.DecodeString(string(a.key.Identity()))
		if err != nil {
			t.Fatal(err)
		}
		return body{"v": 1, "kind": qa.PresenceAnswering, "id": raw, "post": post, "at": now}
	}
	message := func(b body, key keys.Key, event qa.EventID, session string, count uint64) *repo.Message {
		data, err := cbor.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := keys.SignEphemeral(key, event, session, count, data)
		if err != nil {
			t.Fatal(err)
		}
		return &repo.Message{Type: repo.TypeEphemeral, DocumentID: string(id), Data: data, SessionID: session, Count: count, Signatures: sig}
	}
	with := func(key string, v any) *repo.Message {
		b := good()
		b[key] = v
		return message(b, a.key, id, "s", 1)
	}
	long := good()
	long["more"] = make([]byte, 1000)
	unsigned, count, session, edited := message(good(), a.key, id, "s", 1), message(good(), a.key, id, "s", 1), message(good(), a.key, id, "s", 1), message(good(), a.key, id, "s", 1)
	unsigned.Signatures = nil
	count.Count++
	session.SessionID = "S"
	edited.Data = append([]byte(nil), edited.Data...)
	edited.Data[len(edited.Data)-1] ^= 1
	for name, m := range map[string]*repo.Message{
		"unsigned":            unsigned,
		"another count":       count,
		"another session":     session,
		"another body":        edited,
		"by somebody else":    message(good(), newKey(t), id, "s", 1),
		"of another event":    message(good(), a.key, qa.MakeEventID([16]byte{1}), "s", 1),
		"of a later version":  with("v", 2),
		"another kind":        with("kind", "dancing"),
		"no post":             with("post", "x"),
		"no identity":         with("id", []byte{1}),
		"kept for an hour":    with("at", now-time.Hour.Milliseconds()),
		"from the future":     with("at", now+time.Hour.Milliseconds()),
		"too long":            message(long, a.key, id, "s", 1),
		"no map":              {Type: repo.TypeEphemeral, DocumentID: string(id), Data: []byte{0xf6}, SessionID: "s", Count: 1},
		"a type out of place": with("at", "now"),
	} {
		a.relay.send(m)
		a.relay.sync(nil, nil) // makes sure that the message was read
		a.relay.sync(nil, nil)
		if got := presenceOf(t, a.node, id); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a.relay.send(message(good(), a.key, id, "s", 5))
	eventually(t, a.node, "the good one", func() bool { return len(presenceOf(t, a.node, id)) == 1 })

	// If the relay repeats the message later, it does not count as a new one.
	first := presenceOf(t, a.node, id)[0]
	a.relay.send(message(good(), a.key, id, "s", 5))
	a.relay.send(message(good(), a.key, id, "s", 4))
	a.relay.sync(nil, nil)
	a.relay.sync(nil, nil)
	if got := presenceOf(t, a.node, id); len(got) != 1 || got[0] != first {
		t.Fatalf("%+v", got)
	}

	// Signals of people who are not authors are not shown.
	for _, kind := range []string{qa.PresenceSeen, qa.PresenceAnswering} {
		k := newKey(t)
		raw, err := hex.DecodeString(string(k.Identity()))
		if err != nil {
			t.Fatal(err)
		}
		b := good()
		b["id"], b["kind"] = raw, kind
		a.relay.send(message(b, k, id, "s", 1))
	}
	a.relay.sync(nil, nil)
	a.relay.sync(nil, nil)
	if got := presenceOf(t, a.node, id); len(got) != 1 || got[0] != first {
		t.Fatalf("%+v", got)
	}
}
