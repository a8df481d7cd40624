package relay_test

import (
	"encoding/hex"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
)

// invitedEvent sets up an invitation-only event on a relay. It returns the founder's device, which
// is connected, and a member's, which is not. grant is the operation that granted the member's
// role.
func invitedEvent(t *testing.T, s *server, name string) (e *relaytest.Event, founder, member *relaytest.Device, grant wire.OpID) {
	t.Helper()
	e = relaytest.NewEvent(name, "invited")
	founder, member = relaytest.NewDevice("founder of "+name, e.ID), relaytest.NewDevice("member", e.ID)
	write(t, founder, 1)
	_, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
		grant = wire.OpID{Counter: op + 1, Actor: a}
		return e.Role(a, op, relaytest.KeyOf("member").Identity(), qa.RoleMember, true)
	})
	if err != nil {
		t.Fatal(err)
	}
	connect(t, s, founder)
	until(t, founder, func(s relaytest.State) bool { return s.Stored && s.InSync && s.Access == 1 })
	connect(t, s, member)
	until(t, member, changes(2))
	return e, founder, member, grant
}

// TestInvitedEventIsServedToRolesOnly: the relay serves an invitation-only event only to devices
// that prove to hold a role. It tells others nothing about the event, from the first message on,
// even the device that brought the event.
func TestInvitedEventIsServedToRolesOnly(t *testing.T) {
	s := start(t, relay.Config{})
	e := relaytest.NewEvent("by invitation", "invited")
	early := relaytest.NewDevice("early", e.ID) // asks before there is anything
	connect(t, s, early)
	until(t, early, func(s relaytest.State) bool { return s.Unavailable == 1 })
	_, founder, member, _ := invitedEvent(t, s, "by invitation")
	until(t, early, func(s relaytest.State) bool { return s.Access == 1 && s.Unavailable >= 2 })

	stranger := relaytest.NewDevice("stranger", e.ID)
	connect(t, s, stranger)
	// It answers, is nobody, and is asked again.
	until(t, stranger, func(s relaytest.State) bool { return s.Access == 1 && s.Unavailable >= 2 })
	stock := relaytest.NewDevice("stock", e.ID)
	stock.Keys = []keys.Key{} // answers nothing
	connect(t, s, stock)
	until(t, stock, func(s relaytest.State) bool { return s.Unavailable == 1 })
	write(t, member, 1)
	until(t, founder, changes(3))
	write(t, founder, 1)
	until(t, member, changes(4))
	// Their changes are not accepted either.
	post := e.Post("stranger", 1, founder.NextOp(), founder.State().Heads, "let me in")
	for _, d := range []*relaytest.Device{stranger, stock, early} {
		quietly := d.State().Unavailable // before the offer: the answer may be here at once
		if err := d.Offer(post); err != nil {
			t.Fatal(err)
		}
		until(t, d, func(s relaytest.State) bool { return s.Unavailable > quietly })
		if st := d.State(); len(d.Announced()) > 0 || st.Changes > 0 || st.Messages > 0 || !st.Connected {
			t.Errorf("%s was sent %d changes in %d messages, connected %v", d.Name, len(d.Announced()), st.Messages, st.Connected)
		}
	}
	sameMessage(t, founder, member)

	// A device of somebody with a role, with another key first, as after a claim.
	two := relaytest.NewDevice("two keys", e.ID)
	two.Keys = []keys.Key{relaytest.KeyOf("nobody"), relaytest.KeyOf("member")}
	connect(t, s, two)
	until(t, two, changes(4))
	if n := two.State().Access; n != 2 {
		t.Errorf("%d challenges answered", n)
	}
}

// TestRevokedRoleEndsAccess: a device whose role is revoked receives nothing from the next message on;
// the others do.
func TestRevokedRoleEndsAccess(t *testing.T) {
	s := start(t, relay.Config{})
	e, founder, member, grant := invitedEvent(t, s, "revoked access")
	other := relaytest.NewDevice("other", e.ID)
	other.Keys = []keys.Key{e.Founder}
	connect(t, s, other)
	until(t, other, changes(2))
	if _, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
		return []wire.Op{{
			Action: wire.Set, Obj: wire.OpID{Counter: grant.Counter - 1, Actor: grant.Actor}, Key: wire.Key{Prop: string(qa.RoleMember)},
			Value: wire.BoolValue(false), Pred: []wire.OpID{grant},
		}}
	}); err != nil {
		t.Fatal(err)
	}
	until(t, other, changes(3))
	until(t, member, func(s relaytest.State) bool { return s.Unavailable > 0 })
	write(t, founder, 2)
	until(t, other, changes(5))
	if err := founder.Send(ephemeral(founder.Name, e.ID, 1, []byte{0xf6})); err != nil {
		t.Fatal(err)
	}
	until(t, other, func(s relaytest.State) bool { return len(s.Ephemeral) == 1 })
	write(t, member, 1) // written without knowing, valid in its past, and not heard
	quiet(t, other)
	if st := member.State(); st.Changes != 3 || len(st.Ephemeral) > 0 || member.Has(founder.State().Heads[0]) {
		t.Errorf("the former member holds %d changes", st.Changes)
	}
}

// TestInvitationKeyReads: the key of an invitation can read until the invitation is revoked.
func TestInvitationKeyReads(t *testing.T) {
	s := start(t, relay.Config{})
	e, founder, _, _ := invitedEvent(t, s, "invitation")
	guest := relaytest.NewDevice("guest", e.ID)
	guest.Keys = []keys.Key{relaytest.KeyOf("the link's secret")}
	connect(t, s, guest)
	until(t, guest, func(s relaytest.State) bool { return s.Unavailable > 1 })
	guest.Disconnect()
	if _, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
		return e.Role(a, op, relaytest.KeyOf("the link's secret").Identity(), qa.RoleInviteMember, true)
	}); err != nil {
		t.Fatal(err)
	}
	onDisk(t, founder)
	connect(t, s, guest)
	until(t, guest, changes(3))
}

// TestAccessProofCannotBeReplayed: a challenge is valid for one connection. An answer to another
// connection's challenge, by another person, or for another event gives no access.
func TestAccessProofCannotBeReplayed(t *testing.T) {
	s := start(t, relay.Config{})
	e, _, _, _ := invitedEvent(t, s, "replayed")
	request := func(peer string) *repo.Message {
		return &repo.Message{Type: repo.TypeRequest, SenderID: peer, DocumentID: string(e.ID), Data: (&wire.Message{Have: []wire.Have{{}}}).Encode()}
	}
	challenge := func(ws interface{ ReadMessage() (int, []byte, error) }) []byte {
		t.Helper()
		var got []byte
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			m, err := repo.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			switch m.Type {
			case repo.TypeAccess:
				got = m.Challenge
			case repo.TypeUnavailable:
				return got
			case repo.TypeSync:
				return nil // open
			}
		}
	}
	key := relaytest.KeyOf("member")
	address, err := keys.RelayAddress(s.url)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(peer string, k keys.Key, event qa.EventID, challenge []byte, spoil ...func(*keys.Access)) *repo.Message {
		t.Helper()
		a := keys.Access{Event: event, Challenge: challenge, Address: address, Device: peer, Relay: s.ID()}
		for _, f := range spoil {
			f(&a)
		}
		sig, err := keys.SignAccess(k, a)
		if err != nil {
			t.Fatal(err)
		}
		public, err := hex.DecodeString(string(key.Identity()))
		if err != nil {
			t.Fatal(err)
		}
		return &repo.Message{Type: repo.TypeAccess, SenderID: peer, DocumentID: string(e.ID), Identity: public, Signature: sig, Version: keys.AccessVersion}
	}
	old := func(challenge []byte) *repo.Message {
		t.Helper()
		m := answer("two", key, e.ID, challenge)
		if m.Signature, err = keys.SignOldAccess(key, e.ID, challenge); err != nil {
			t.Fatal(err)
		}
		return m
	}
	unversioned := func(m *repo.Message) *repo.Message { m.Version = 0; return m }
	one, two := dial(t, s, "one"), dial(t, s, "two")
	send(t, one, request("one"))
	send(t, two, request("two"))
	first, second := challenge(one), challenge(two)
	if len(first) != repo.ChallengeLen || slices.Equal(first, second) {
		t.Fatalf("challenges %x and %x", first, second)
	}
	other := relaytest.NewEvent("another", "invited").ID
	for _, m := range []*repo.Message{
		answer("two", key, e.ID, first), answer("two", key, other, second), answer("two", relaytest.KeyOf("evil"), e.ID, second),
		answer("two", key, e.ID, second, func(a *keys.Access) { a.Address = "relay.example:443" }),
		answer("two", key, e.ID, second, func(a *keys.Access) { a.Device = "one" }),
		answer("two", key, e.ID, second, func(a *keys.Access) { a.Relay = "another" }),
		old(second), unversioned(old(second)), unversioned(answer("two", key, e.ID, second)),
	} {
		send(t, two, m)
		send(t, two, request("two"))
		if got := challenge(two); !slices.Equal(got, second) {
			t.Errorf("challenged with %x, want %x again", got, second)
		}
	}
	send(t, two, answer("two", key, e.ID, second))
	send(t, two, request("two"))
	if challenge(two) != nil {
		t.Error("the right answer gives no access")
	}
}

// TestProofIsForOneRelay: a relay in the middle cannot use a device's proof at another relay, whatever
// name it gives to the device. The exception is a relay's own proxy.
func TestProofIsForOneRelay(t *testing.T) {
	s := start(t, relay.Config{})
	_, founder, _, _ := invitedEvent(t, s, "in the middle")
	behind, err := url.Parse(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Value
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		asked.Store(r.In.Host) // the name by which the victim knows the one in the middle
		r.SetURL(behind)
		r.Out.Host = r.In.Host
	}}
	middle := httptest.NewServer(pass)
	t.Cleanup(middle.Close)
	through := "ws" + strings.TrimPrefix(middle.URL, "http")

	victim := relaytest.NewDevice("victim", founder.Event)
	victim.Keys = []keys.Key{relaytest.KeyOf("member")}
	if err := victim.Connect(context20(t), through); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(victim.Disconnect)
	until(t, victim, func(s relaytest.State) bool { return s.Access == 1 && s.Unavailable >= 2 })
	quiet(t, victim)
	if st := victim.State(); st.Changes > 0 || st.Messages > 0 {
		t.Errorf("%d changes were read through the relay in the middle", st.Changes)
	}
	if asked.Load() == nil || asked.Load() == behind.Host {
		t.Errorf("the relay was asked for as %v: nothing is tried", asked.Load())
	}

	// A relay that is told that it is reached so is; and behind a proxy, the address that
	// the proxy's connection came to is nobody's.
	own := start(t, relay.Config{BehindProxy: true, Addresses: []string{"wss://Relay.Example", through}})
	behind.Host = strings.TrimPrefix(own.http.URL, "http://")
	founder = relaytest.NewDevice("founder of behind a proxy", relaytest.NewEvent("behind a proxy", "invited").ID)
	write(t, founder, 1)
	if err := founder.Connect(context20(t), through); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(founder.Disconnect)
	until(t, founder, func(s relaytest.State) bool { return s.Stored && s.Access == 1 })
	past := relaytest.NewDevice("past the proxy", founder.Event)
	past.Keys = []keys.Key{relaytest.KeyOf("founder of behind a proxy")}
	connect(t, own, past)
	until(t, past, func(s relaytest.State) bool { return s.Access == 1 && s.Unavailable >= 2 })
}

func ephemeral(peer string, event qa.EventID, count uint64, body []byte) *repo.Message {
	return &repo.Message{Type: repo.TypeEphemeral, SenderID: peer, DocumentID: string(event), Data: body, SessionID: "s", Count: count}
}

// TestPresenceMustBeSigned: an ephemeral message that names a person is passed on only if that person
// signed it, for this event, session and count. Messages of blocked people are not passed on, and
// others at a limited rate.
func TestPresenceMustBeSigned(t *testing.T) {
	c := newClock()
	s := start(t, relay.Config{Now: c.now})
	event := relaytest.EventID("presence")
	e := relaytest.NewEvent("presence", "open")
	founder, a, b := relaytest.NewDevice("founder of presence", event), relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, founder, 1)
	connect(t, s, founder, a, b)
	until(t, a, changes(1))
	until(t, b, changes(1))
	says := func(id any) []byte {
		t.Helper()
		body, err := cbor.Marshal(map[string]any{"v": 1, "kind": "answering", "id": id})
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	identity := func(name string) []byte {
		public, err := hex.DecodeString(string(relaytest.KeyOf(name).Identity()))
		if err != nil {
			t.Fatal(err)
		}
		return public
	}
	count := uint64(0)
	say := func(body []byte, signer string, event qa.EventID, signed uint64) {
		t.Helper()
		count++
		m := ephemeral("a", e.ID, count, body)
		if signer != "" {
			var err error
			if m.Signatures, err = keys.SignEphemeral(relaytest.KeyOf(signer), event, "s", count-signed, body); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	say(says(identity("a")), "", e.ID, 0)                                        // unsigned
	say(says(identity("a")), "b", e.ID, 0)                                       // by another
	say(says(identity("a")), "a", relaytest.NewEvent("elsewhere", "open").ID, 0) // for another event
	say(says(identity("a")), "a", e.ID, 1)                                       // replayed
	say(says(identity("a")[1:]), "a", e.ID, 0)                                   // of nobody
	say(says("a"), "a", e.ID, 0)                                                 // likewise
	say(says(identity("a")), "a", e.ID, 0)                                       // good
	say([]byte{0xf6}, "", e.ID, 0)                                               // another program's
	until(t, b, func(s relaytest.State) bool { return len(s.Ephemeral) >= 2 })   // in the order of sending
	got := b.State().Ephemeral
	if len(got) != 2 || got[0].Count != 7 || got[1].Count != 8 {
		t.Fatalf("passed on: %+v", got)
	}

	// So many and no more, until time has passed.
	for range 2 * relay.EphemeralBurst {
		say(says(identity("a")), "a", e.ID, 0)
	}
	write(t, a, 1)
	until(t, b, changes(2)) // the relay has read all, but ephemeral messages go after changes
	until(t, b, func(s relaytest.State) bool { return len(s.Ephemeral) >= 2+relay.EphemeralBurst-8 })
	c.advance(60e9)
	say(says(identity("a")), "a", e.ID, 0)
	until(t, b, func(s relaytest.State) bool { return len(s.Ephemeral) == 3+relay.EphemeralBurst-8 })

	if _, err := founder.Do(func(wire.ActorID, uint64) []wire.Op {
		return []wire.Op{e.Block(relaytest.KeyOf("a").Identity(), "spam")}
	}); err != nil {
		t.Fatal(err)
	}
	until(t, a, changes(3))
	say(says(identity("a")), "a", e.ID, 0)
	say([]byte{0xf6}, "", e.ID, 0)
	until(t, b, func(s relaytest.State) bool { return len(s.Ephemeral) > 3+relay.EphemeralBurst-8 })
	if got := b.State().Ephemeral; !slices.Equal(got[len(got)-1].Data, []byte{0xf6}) || len(got) != 4+relay.EphemeralBurst-8 {
		t.Error("a blocked person's message was passed on")
	}
}
