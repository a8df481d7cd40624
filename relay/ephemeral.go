package relay

import (
	"encoding/hex"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// ephemeral forwards an ephemeral message to the document's other peers. It drops the message if the
// sender has not synced the document before, or if the message is repeated, is too large, or exceeds
// a rate limit (messages or bytes of the connection, the address or the document). Stock clients forward messages of others, also to
// the relay, under the first sender's ID. Since anybody can claim such an ID, these
// messages are dropped too, but the connection stays open.
//
// In an event, a message that names a person must be signed by that person. A message
// that names nobody, as stock clients send, is forwarded; Flyleaf's devices do not show
// it.
func (s *session) ephemeral(m *repo.Message) {
	d, ok := s.documents[qa.EventID(m.DocumentID)]
	if !ok || m.SenderID != s.peer || len(m.Data) > MaxEphemeral {
		return
	}
	now, each := s.relay.cfg.Now(), quota.PerMinute(EphemeralBurst, EphemeralRate)
	bytes, size := quota.PerSecond(EphemeralConnBurst, EphemeralConnRate), ephemeralSize(m)
	if !s.ephemerals.Has(each, now, 1, 0) || !s.ephemeralBytes.Has(bytes, now, size, 0) || !s.account.quota().PassEphemeral(size, now) {
		return
	}
	s.ephemerals.Spend(1)
	s.ephemeralBytes.Spend(size)
	var speaker qa.Identity
	if !s.relay.cfg.Open {
		id, err := repo.IdentityIn(m.Data)
		if err != nil {
			return
		}
		if id != nil {
			speaker = qa.Identity(hex.EncodeToString(id))
			if keys.VerifyEphemeral(d.event, speaker, m.SessionID, m.Count, m.Data, m.Signatures) != nil {
				return
			}
		}
	}
	d.forward(s, speaker, m)
}

// forward sends an ephemeral message to the other members, with only the target changed. It drops a
// message that is not newer than the last message of its session, and a message of a blocked person.
// A peer that is slow, or gets too many messages, misses some.
func (d *document) forward(from *session, speaker qa.Identity, m *repo.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.readingMember(from) == nil || speaker != "" && d.policy.Blocked(speaker) {
		return
	}
	key := ephemeralKey{m.SenderID, m.SessionID}
	last, known := d.ephemeralCounts[key]
	if known && m.Count <= last {
		return
	}
	if !known && len(d.ephemeralCounts) >= MaxEphemeralSessions {
		for k := range d.ephemeralCounts { // any entry: at worst, a repeated message is forwarded once
			delete(d.ephemeralCounts, k)
			break
		}
	}
	d.ephemeralCounts[key] = m.Count
	now := d.relay.cfg.Now()
	to, size := quota.PerSecond(EphemeralEventBurst, EphemeralEventRate), ephemeralSize(m)
	if !d.ephemerals.Has(to, now, size, 0) {
		return
	}
	d.ephemerals.Spend(size)
	for s := range d.members {
		if s == from || d.readingMember(s) == nil {
			continue
		}
		copied := *m
		copied.TargetID = s.peer
		if b, err := repo.Encode(&copied); err == nil {
			s.out.queueEphemeral(b, now)
		}
	}
}

// ephemeralSize is the size, in bytes, that is charged for an ephemeral message.
func ephemeralSize(m *repo.Message) float64 {
	return float64(len(m.Data) + len(m.SessionID) + len(m.Signatures))
}
