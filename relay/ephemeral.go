package relay

import (
	"encoding/hex"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/relay/quota"
)

// ephemeral passes an ephemeral message on to the document's other peers. It is
// dropped when the sender has not spoken about the document before, when it
// repeats, is too large, or comes too fast: by number or bytes, from this connection,
// its address, or to the document. Stock clients hand on what others sent
// them, to the relay too, under the first sender's ID: anybody could say that, so
// it is dropped as well, but is no reason to end the connection.
//
// In an event, what claims to be somebody's has to be signed by them. What claims
// nothing, as of stock clients, is passed; no device of ours shows it.
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
		id, err := repo.Speaker(m.Data)
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
	d.pass(s, speaker, m)
}

// pass hands an ephemeral message to the other members, unchanged but for the
// target. A message that is not newer than the last of its session is dropped,
// and so is one of somebody who is blocked. A peer that is slow, or is sent too much,
// misses some.
func (d *document) pass(from *session, speaker qa.Identity, m *repo.Message) {
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
		for k := range d.ephemeralCounts { // any: forgetting one can at worst let a repeat pass
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

// ephemeralSize is what an ephemeral message is counted as, in bytes.
func ephemeralSize(m *repo.Message) float64 {
	return float64(len(m.Data) + len(m.SessionID) + len(m.Signatures))
}
