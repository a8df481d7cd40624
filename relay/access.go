package relay

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// challengeBytes returns the bytes that the session's peer has to sign to read invitation-only
// events: 32 random bytes, the same for the whole connection.
func (s *session) challengeBytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.challenged == nil {
		b := make([]byte, repo.ChallengeLen)
		if _, err := rand.Read(b); err != nil {
			panic(err) // never returned by this reader
		}
		s.challenged = b
	}
	return s.challenged
}

// accessRefused returns why the last answer to the challenge was rejected, "" when
// there is nothing to say.
func (s *session) accessRefused() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.misaddressed {
		return repo.AccessAddress
	}
	return ""
}

// MaxOwnAddresses is how many addresses a relay can be configured with.
const MaxOwnAddresses = 16

// addressesOf returns the addresses at which the device on this connection may have
// dialled the relay: the configured ones, and the local address of the connection. The
// Host header is not trusted: a man in the middle could set it.
func (r *Relay) addressesOf(req *http.Request) []string {
	out := slices.Clone(r.addresses)
	if r.cfg.BehindProxy {
		return out // the connection came to the proxy
	}
	local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return out
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return out
	}
	ip := at.Addr().Unmap().WithZone("")
	_, port, _ := net.SplitHostPort(local.String())
	out = append(out, net.JoinHostPort(ip.String(), port))
	if ip.IsLoopback() {
		out = append(out, net.JoinHostPort("localhost", port))
	}
	return out
}

// cacheAccess stores whether everybody may read in an atomic variable, for readers
// without the lock. d.mu is held.
func (d *document) cacheAccess() {
	if d.policy != nil {
		d.invited.Store(d.policy.Access() == schema.AccessInvited)
	}
}

// readingMember returns the session's membership; nil when it has none, or may not read
// the document now. The member may have lost its role, or the document may only now be
// known to be invitation-only. Then the challenge is sent, once. d.mu is held.
func (d *document) readingMember(s *session) *member {
	m := d.members[s]
	if m == nil || d.policy == nil || d.policy.Access() != schema.AccessInvited || m.identity != "" && d.policy.MayRead(m.identity) {
		return m
	}
	if !m.challenged {
		d.challenge(s, m)
	}
	return nil
}

// challenge tells the session's peer to prove its identity. Stock clients ignore the
// first of the two messages; the second makes them stop. d.mu is held.
func (d *document) challenge(s *session, m *member) {
	m.challenged = true
	m.identity = ""
	m.deferred = nil
	m.receiving = false // the message that is being handled is abandoned
	m.peer.Restart(nil)
	s.queueMessage(&repo.Message{Type: repo.TypeAccess, TargetID: s.peer, DocumentID: string(d.event), Challenge: s.challengeBytes(), Version: keys.AccessVersion, Message: s.accessRefused()})
	s.queueMessage(&repo.Message{Type: repo.TypeUnavailable, TargetID: s.peer, DocumentID: string(d.event)})
}

// mayRead reports whether a sync message of the session may be processed. A peer that
// may not read is told so for each message.
func (d *document) mayRead(s *session) bool {
	if !d.invited.Load() {
		return true // without waiting for a commit to release d.mu
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.members[s]; m != nil {
		m.challenged = false
	}
	return d.readingMember(s) != nil
}

// proveIdentity processes a peer's answer to the challenge. A wrong answer, or an
// answer of a person who may not read, changes nothing: the next sync message gets the
// challenge again. An answer for another relay's address is treated as wrong too: a man
// in the middle forwarded it.
func (d *document) proveIdentity(s *session, m *repo.Message) {
	identity := qa.Identity(hex.EncodeToString(m.Identity))
	a := keys.Access{Event: d.event, Challenge: s.challengeBytes(), Device: s.peer, Relay: s.relay.id}
	if m.Version != keys.AccessVersion {
		s.logOnce("a device with an earlier version requested an invitation-only event; it must be updated to read the event here", "document", d.event)
		return
	}
	if !slices.ContainsFunc(s.addresses, func(address string) bool {
		a.Address = address
		return keys.VerifyAccess(a, identity, m.Signature) == nil
	}) {
		s.mu.Lock()
		s.misaddressed = true
		s.mu.Unlock()
		s.logOnce("a device requested an invitation-only event with a signature that is not for this relay; if devices reach the relay at an address that is not listed here, add the address with --address",
			"document", d.event, "addresses", strings.Join(s.addresses, " "))
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.members[s]; p != nil && d.policy != nil && d.policy.MayRead(identity) && p.identity != identity {
		p.identity, p.challenged = identity, false
		p.peer.Restart(nil)
	}
}
