package replica_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func invite(t *testing.T, n *replica.Node, id qa.EventID, role qa.Role, label string) qa.Invitation {
	t.Helper()
	made, err := n.Invite(testContext(t), id, role, label)
	if err != nil {
		t.Fatal(err)
	}
	all, err := n.Invitations(testContext(t), id)
	if err != nil || !slices.ContainsFunc(all, func(i qa.InviteInfo) bool { return reflect.DeepEqual(i, made) }) {
		t.Fatalf("%+v was made, and these are listed: %+v, %v", made, all, err)
	}
	return made.Link
}

func joinByLink(t *testing.T, n *replica.Node, inv qa.Invitation) {
	t.Helper()
	// An invitation is sent as text.
	parsed, err := qa.ParseInvitation(inv.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Join(testContext(t), parsed); err != nil {
		t.Fatal(err)
	}
}

func claimOf(t *testing.T, n *replica.Node, id qa.EventID) string {
	t.Helper()
	_, state, err := n.OwnInvitation(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func inviteState(t *testing.T, n *replica.Node, id qa.EventID) []string {
	t.Helper()
	all, err := n.Invitations(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range all {
		out = append(out, i.Label+" "+string(i.Role)+" "+i.State)
	}
	return out
}

func TestInvitationIsClaimedAndGrantedAutomatically(t *testing.T) {
	host := startRelay(t)
	store, key := mem.New(), newKey(t)
	boss := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	boss.Start(t.Context())
	id := createEvent(t, boss, host.url())
	inv := invite(t, boss, id, qa.RoleAuthor, "for Ann")
	if len(inv.Secret) != qa.SecretSize || inv.Relay != host.url() {
		t.Fatalf("%v", inv)
	}
	if got := inviteState(t, boss, id); !slices.Equal(got, []string{"for Ann author open"}) {
		t.Fatalf("%q", got)
	}
	waitSynced(t, boss, id, 0)

	// The organiser's device is away: the claim waits.
	if err := boss.Close(); err != nil {
		t.Fatal(err)
	}
	ann := device(t, mem.New())
	joinByLink(t, ann, inv)
	eventually(t, ann, "the claim", func() bool { return claimOf(t, ann, id) == qa.InviteClaimed })
	waitSynced(t, ann, id, 0)
	if weekOf(t, ann, id).Event.HasRole(ann.Identity(), qa.RoleAuthor) {
		t.Fatal("the role was granted without the organiser")
	}
	q := ask(t, ann, id, "May I already?")

	boss = openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	boss.Start(t.Context())
	eventually(t, ann, "the role", func() bool {
		return weekOf(t, ann, id).Event.HasRole(ann.Identity(), qa.RoleAuthor) && claimOf(t, ann, id) == qa.InviteGranted
	})
	if got := inviteState(t, boss, id); !slices.Equal(got, []string{"for Ann author granted"}) {
		t.Fatalf("%q", got)
	}
	do(t, ann, id, qa.Act{Kind: qa.ActMark, Post: q, Mark: "answered", On: true})

	// It cannot be revoked any more: that would not take the role away.
	all, err := boss.Invitations(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := boss.RevokeInvite(testContext(t), id, all[0].Key); !errors.Is(err, replica.ErrInviteGranted) {
		t.Errorf("revoking what was granted: %v", err)
	}

	// The link is used up.
	late := device(t, mem.New())
	joinByLink(t, late, inv)
	eventually(t, late, "seeing that it is used up", func() bool { return claimOf(t, late, id) == qa.InviteUsedByOther })
	waitSynced(t, late, id, 1)
	waitSynced(t, boss, id, 1)
	if w := weekOf(t, boss, id); w.Event.HasRole(late.Identity(), qa.RoleAuthor) {
		t.Fatal("one link, two authors")
	}
	// The claim is answered only once, even if the organiser's program starts again.
	sameHeads(t, id, boss, ann, late)
	n := len(entries(t, store, id))
	if err := boss.Close(); err != nil {
		t.Fatal(err)
	}
	boss = openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	boss.Start(t.Context())
	waitSynced(t, boss, id, 1)
	if got := len(entries(t, store, id)); got != n {
		t.Fatalf("%d entries, %d before", got, n)
	}
}

// If two people claim one invitation at the same time, one gets the role, and the other sees
// that the invitation was used.
func TestOfConcurrentClaimsOneIsGranted(t *testing.T) {
	host := startRelay(t)
	store, key := mem.New(), newKey(t)
	boss := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	boss.Start(t.Context())
	id := createEvent(t, boss, host.url())
	inv := invite(t, boss, id, qa.RoleModerator, "")
	waitSynced(t, boss, id, 0)
	if err := boss.Close(); err != nil {
		t.Fatal(err)
	}
	two := []*replica.Node{device(t, mem.New()), device(t, mem.New())}
	for _, n := range two {
		join(t, n, id, host.url())
		waitSynced(t, n, id, 0)
	}
	host.stop()
	for _, n := range two {
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		joinByLink(t, n, inv)
		if s := claimOf(t, n, id); s != qa.InviteClaimed {
			t.Fatal(s)
		}
	}
	host.start()
	boss = openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	boss.Start(t.Context())
	states := func() map[string]int {
		out := map[string]int{}
		for _, n := range two {
			out[claimOf(t, n, id)]++
		}
		return out
	}
	eventually(t, boss, "one being granted", func() bool {
		s := states()
		return s[qa.InviteGranted] == 1 && s[qa.InviteUsedByOther] == 1
	})
	moderators := 0
	for _, n := range two {
		waitSynced(t, n, id, 0)
		if weekOf(t, boss, id).Event.HasRole(n.Identity(), qa.RoleModerator) {
			moderators++
		}
	}
	if moderators != 1 {
		t.Fatalf("%d moderators", moderators)
	}
}

// An organiser who opens an invitation, perhaps to try the link, does not use it up.
func TestOrganiserDoesNotUseUpAnInvitation(t *testing.T) {
	host := startRelay(t)
	boss, co, ann := device(t, mem.New()), device(t, mem.New()), device(t, mem.New())
	id := createEvent(t, boss, host.url())
	do(t, boss, id, qa.Act{Kind: qa.ActRole, Identity: co.Identity(), Role: qa.RoleOrganiser, On: true})
	inv := invite(t, boss, id, qa.RoleAuthor, "for Ann")
	waitSynced(t, boss, id, 0)
	for name, n := range map[string]*replica.Node{"the organiser who made it": boss, "another organiser": co} {
		joinByLink(t, n, inv)
		waitSynced(t, n, id, 0)
		if role, state, err := n.OwnInvitation(testContext(t), id); role != qa.RoleAuthor || state != qa.InviteNotNeeded || err != nil {
			t.Errorf("%s: %q %q, %v", name, role, state, err)
		}
	}
	if got := inviteState(t, boss, id); !slices.Equal(got, []string{"for Ann author open"}) {
		t.Fatalf("%q", got)
	}
	joinByLink(t, ann, inv)
	eventually(t, ann, "the role", func() bool { return claimOf(t, ann, id) == qa.InviteGranted })
}

func TestRevokedInvitationGrantsNothing(t *testing.T) {
	host := startRelay(t)
	boss := device(t, mem.New())
	id := createEvent(t, boss, host.url())
	inv := invite(t, boss, id, qa.RoleMember, "old")
	all, err := boss.Invitations(testContext(t), id)
	if err != nil || len(all) != 1 || !slices.Equal(all[0].Link.Secret, inv.Secret) {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := boss.RevokeInvite(testContext(t), id, all[0].Key); err != nil {
		t.Fatal(err)
	}
	if err := boss.RevokeInvite(testContext(t), id, boss.Identity()); !errors.Is(err, replica.ErrNoInvitation) {
		t.Fatal(err)
	}
	waitSynced(t, boss, id, 0)
	b := device(t, mem.New())
	joinByLink(t, b, inv)
	waitSynced(t, b, id, 0)
	if s := claimOf(t, b, id); s != qa.InviteRevoked {
		t.Fatal(s)
	}
	if _, err := b.Invite(testContext(t), id, qa.RoleAuthor, "x"); !errors.Is(err, replica.ErrNotAllowed) {
		t.Fatalf("an invitation by a reader: %v", err)
	}
	if all, err := b.Invitations(testContext(t), id); err != nil || len(all) != 1 || len(all[0].Link.Secret) != 0 || all[0].Label != "" {
		t.Fatalf("%+v, %v", all, err)
	}
	var field *qa.FieldError
	if _, err := boss.Invite(testContext(t), id, qa.RoleOrganiser, ""); !errors.As(err, &field) {
		t.Fatalf("an organiser by link: %v", err)
	}
}

// A device proves to the relay of an invitation-only event that it may read the event: first
// with the invitation's key, then with the person's own.
func TestDeviceProvesItsAccess(t *testing.T) {
	p := newFakeRelay(t)
	boss, origin, key := newKey(t), mem.New(), newKey(t)
	p.keys[boss.Identity()] = boss
	founder := openNode(t, replica.Config{Store: origin, Key: boss})
	invited := week
	invited.Access = "invited"
	id, _, err := founder.CreateEvent(testContext(t), invited, "")
	if err != nil {
		t.Fatal(err)
	}
	p.event = id
	inv := invite(t, founder, id, qa.RoleMember, "")
	inv.Relay = "wss://relay.example"
	all := entries(t, origin, id)

	store := mem.New()
	n := openNode(t, fastRetries(replica.Config{Store: store, Key: key, Dial: p}))
	joinByLink(t, n, inv)
	n.Start(t.Context())
	p.accept()
	challenge := make([]byte, keys.ChallengeSize)
	challenge[0] = 7
	answered := 0
	answer := func() qa.Identity {
		t.Helper()
		p.send(&repo.Message{Type: repo.TypeAccess, DocumentID: string(id), Challenge: challenge, Version: keys.AccessVersion})
		p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id)})
		answered++
		eventually(t, n, "an answer", func() bool { return len(p.receivedOf(repo.TypeAccess)) == answered })
		m := p.receivedOf(repo.TypeAccess)[answered-1]
		by := qa.Identity(hex.EncodeToString(m.Identity))
		address, err := keys.RelayAddress(inv.Relay)
		if err != nil {
			t.Fatal(err)
		}
		a := keys.Access{Event: id, Challenge: challenge, Address: address, Device: m.SenderID, Relay: "puppet"}
		if err := keys.VerifyAccess(a, by, m.Signature); err != nil || m.Version != keys.AccessVersion {
			t.Fatal(m.Version, err)
		}
		return by
	}
	secret, err := keys.KeyFromSeed(inv.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if by := answer(); by != secret.Identity() {
		t.Fatalf("answered as %s, not as the invitation", by)
	}
	if by := answer(); by != key.Identity() {
		t.Fatalf("answered as %s, not as the person", by)
	}
	// No key is left: the device shows the reason, and sends no further proofs.
	p.send(&repo.Message{Type: repo.TypeAccess, DocumentID: string(id), Challenge: challenge})
	eventually(t, n, "saying why", func() bool {
		return statusOf(t, n, id).Relay.Why != "" && len(p.receivedOf(repo.TypeAccess)) == answered
	})

	// If the relay does not recognise the dialled address, the device says so.
	p.send(&repo.Message{Type: repo.TypeAccess, DocumentID: string(id), Challenge: challenge, Version: keys.AccessVersion, Message: repo.AccessAddress})
	eventually(t, n, "saying that it is the address", func() bool {
		return strings.Contains(statusOf(t, n, id).Relay.Why, "one of its addresses") && len(p.receivedOf(repo.TypeAccess)) == answered
	})

	// When the relay sends the event after all, the device claims the invitation automatically.
	last := all[len(all)-1].Hash()
	p.sync([]wire.Hash{last}, nil, all[0].Bytes(), all[1].Bytes())
	eventually(t, n, "the claim", func() bool { return claimOf(t, n, id) == qa.InviteClaimed })
	if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: "too early"}); !errors.Is(err, replica.ErrNotAllowed) {
		t.Fatalf("a post without a role: %v", err)
	}
	if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: "who?", Anonymous: true}); !errors.Is(err, replica.ErrInvitedOnly) {
		t.Fatalf("an anonymous question: %v", err)
	}
	var claim storage.Entry
	for _, en := range entries(t, store, id) {
		if en.Own {
			claim = en
		}
	}
	if qa.IdentityOfActor([]byte(claim.Actor)) != secret.Identity() || keys.Verify(id, claim.Actor, claim.Hash(), claim.Signature) != nil {
		t.Fatalf("the claim is by %s", claim.Actor)
	}
	if len(claim.Actor) != ed25519.PublicKeySize+8 {
		t.Fatal(claim.Actor)
	}
}

// A device stores whether its relay serves Flyleaf for the browser, and offers links that open in
// the browser only while the relay says that it does.
func TestInvitationSaysWhetherTheRelayServesTheApp(t *testing.T) {
	host := startRelay(t)
	store, key := mem.New(), newKey(t)
	open := func() *replica.Node {
		return openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	}
	n := open()
	n.Start(t.Context())
	id := createEvent(t, n, host.url())
	waitSynced(t, n, id, 0)
	check := func(n *replica.Node, want bool, when string) {
		t.Helper()
		all, err := n.Invitation(testContext(t), id)
		if err != nil || all.Web != want {
			t.Errorf("%s: %+v, %v", when, all, err)
		}
		one := invite(t, n, id, qa.RoleAuthor, when)
		list, err := n.Invitations(testContext(t), id)
		if err != nil || one.Web != want || list[0].Link.Web != want {
			t.Errorf("%s: %+v, %+v, %v", when, one, list, err)
		}
	}
	again := func(app bool) {
		t.Helper()
		host.stop()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		host.app = app
		host.start()
		n = open()
		n.Start(t.Context())
		waitSynced(t, n, id, 0)
	}
	check(n, false, "a relay alone")
	again(true)
	check(n, true, "a relay with the app")
	host.stop()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = open()
	check(n, true, "offline")
	host.start()
	again(false)
	check(n, false, "without the app again")
}
