package relay

import (
	"encoding/hex"

	"flyleaf/crdt/sync/repo"
	"flyleaf/qa"
	"flyleaf/trust"
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
	r, ok := s.rooms[qa.EventID(m.DocumentID)]
	if !ok || m.SenderID != s.peer || len(m.Data) > MaxEphemeral {
		return
	}
	now, each := s.relay.cfg.Now(), perMinute(EphemeralBurst, EphemeralRate)
	bytes, size := bytesPerSecond(EphemeralConnBurst, EphemeralConnRate), ephemeralSize(m)
	if !s.ephemerals.has(each, now, 1, 0) || !s.ephemeralBytes.has(bytes, now, size, 0) || !s.account.mayPass(size, now) {
		return
	}
	s.ephemerals.spend(1)
	s.ephemeralBytes.spend(size)
	var speaker qa.Identity
	if !s.relay.cfg.Open {
		id, err := repo.Speaker(m.Data)
		if err != nil {
			return
		}
		if id != nil {
			speaker = qa.Identity(hex.EncodeToString(id))
			if trust.VerifyEphemeral(r.event, speaker, m.SessionID, m.Count, m.Data, m.Signatures) != nil {
				return
			}
		}
	}
	r.pass(s, speaker, m)
}

// pass hands an ephemeral message to the other members, unchanged but for the
// target. A message that is not newer than the last of its session is dropped,
// and so is one of somebody who is blocked. A peer that is slow, or is sent too much,
// misses some.
func (r *room) pass(from *session, speaker qa.Identity, m *repo.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reader(from) == nil || speaker != "" && r.gate.Blocked(speaker) {
		return
	}
	key := ephemeralKey{m.SenderID, m.SessionID}
	last, known := r.seen[key]
	if known && m.Count <= last {
		return
	}
	if !known && len(r.seen) >= MaxEphemeralSessions {
		for k := range r.seen { // any: forgetting one can at worst let a repeat pass
			delete(r.seen, k)
			break
		}
	}
	r.seen[key] = m.Count
	now := r.relay.cfg.Now()
	to, size := bytesPerSecond(EphemeralEventBurst, EphemeralEventRate), ephemeralSize(m)
	if !r.ephemerals.has(to, now, size, 0) {
		return
	}
	r.ephemerals.spend(size)
	for s := range r.members {
		if s == from || r.reader(s) == nil {
			continue
		}
		copied := *m
		copied.TargetID = s.peer
		if b, err := repo.Encode(&copied); err == nil {
			s.out.ephemeral(b, now)
		}
	}
}

// ephemeralSize is what an ephemeral message is counted as, in bytes.
func ephemeralSize(m *repo.Message) float64 {
	return float64(len(m.Data) + len(m.SessionID) + len(m.Signatures))
}
