// Package presence makes and checks short-lived signals between devices: that a person is
// answering a post, or that a post has arrived on their device. A signal is signed, sent
// once and stored nowhere.
//
// It guarantees that a signal is shown only if its person signed it recently for this
// event, that no signal is shown after it has expired, and that strangers can make a device
// remember only a bounded amount. It sends nothing itself.
package presence

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/sync/repo"
	"flyleaf/internal/lockorder"
	"flyleaf/internal/smallsort"
	"flyleaf/keys"
	"flyleaf/qa"
)

const (
	version = 1

	// DefaultAnswering is how long "is answering" is shown after the last signal.
	DefaultAnswering = 30 * time.Second
	// maxSkew is how far the clocks of two devices may differ. A signal with an older time
	// may have been recorded and sent again, so it is not shown.
	maxSkew = 10 * time.Minute

	maxSignals  = 512  // signals shown for an event; the oldest is dropped first
	maxBody     = 512  // bytes of a signal's body
	maxSenders  = 512  // connections of other devices whose last count is remembered
	maxRecorded = 4096 // posts remembered as acknowledged
	// MaxReceipts bounds the receipts for the posts in one message from a relay.
	MaxReceipts = 32
)

// ErrBadKind is returned for a kind of signal that does not exist.
var ErrBadKind = errors.New("there is no such kind of presence")

// Signal says that a person is answering a post (Kind qa.PresenceAnswering), or that the
// post has arrived on that person's device (qa.PresenceSeen).
type Signal struct {
	Kind string
	By   qa.Identity
	Post qa.PostID
}

// Check returns ErrBadKind for an unknown kind, and qa.ErrBadID for a malformed post ID.
func (s Signal) Check() error {
	if s.Kind != qa.PresenceAnswering && s.Kind != qa.PresenceSeen {
		return fmt.Errorf("%.40q: %w", s.Kind, ErrBadKind)
	}
	_, err := qa.ParsePostID(string(s.Post))
	return err
}

// body is a signal in wire format: a CBOR map. Its envelope has the sender's session, a
// count that grows with each message of that session, and the signature over session,
// count and body (keys.SignEphemeral).
type body struct {
	V    int    `cbor:"v"`
	Kind string `cbor:"kind"`
	ID   []byte `cbor:"id"` // public key, 32 bytes
	Post string `cbor:"post"`
	At   int64  `cbor:"at"` // ms, the sender's clock
}

// strictDecoding bounds what a stranger's message may contain: a small, flat map without
// duplicate keys.
var strictDecoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 4, MaxMapPairs: 16, MaxArrayElements: 16,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// Encode signs a signal with its person's key, as the message number count of a session.
func Encode(s Signal, key keys.Key, event qa.EventID, session string, count uint64, at time.Time) (*repo.Message, error) {
	id, err := hex.DecodeString(string(s.By))
	if err != nil {
		return nil, err
	}
	data, err := cbor.Marshal(body{V: version, Kind: s.Kind, ID: id, Post: string(s.Post), At: at.UnixMilli()})
	if err != nil {
		return nil, err
	}
	signature, err := keys.SignEphemeral(key, event, session, count, data)
	return &repo.Message{
		Type: repo.TypeEphemeral, DocumentID: string(event), Data: data, SessionID: session, Count: count, Signatures: signature,
	}, err
}

// decode returns the signal of a message. It returns false for a message that is
// malformed, too old, too far in the future, or not signed by its person.
func decode(event qa.EventID, m *repo.Message, now int64) (s Signal, ok bool) {
	var b body
	if len(m.Data) > maxBody || strictDecoding.Unmarshal(m.Data, &b) != nil || b.V != version {
		return s, false
	}
	s = Signal{Kind: b.Kind, By: qa.Identity(hex.EncodeToString(b.ID)), Post: qa.PostID(b.Post)}
	if s.Check() != nil {
		return s, false
	}
	if skew := maxSkew.Milliseconds(); b.At < now-skew || b.At > now+skew {
		return s, false
	}
	return s, keys.VerifyEphemeral(event, s.By, m.SessionID, m.Count, m.Data, m.Signatures) == nil
}

// Board holds the current signals of one event. The zero value is empty and ready to use.
// It is safe for concurrent use.
type Board struct {
	mu        lockorder.Mutex[lockorder.Presence] // guards what follows
	heardAt   map[Signal]int64                    // when, in ms by this device's clock
	counts    map[sender]uint64                   // the highest count of each sender
	receipted map[qa.PostID]bool                  // posts that ToAcknowledge has returned
	timer     *time.Timer
	stopped   bool
}

// sender is one connection of somebody's device.
type sender struct {
	by      qa.Identity
	session string
}

// Receive processes a message that a relay forwarded. It returns the signal, and whether
// it is new. A message that was received before, is too old, or is not signed by its
// person changes nothing.
func (b *Board) Receive(event qa.EventID, m *repo.Message, now time.Time) (s Signal, isNew bool) {
	s, ok := decode(event, m, now.UnixMilli())
	if !ok {
		return s, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	from := sender{s.By, m.SessionID}
	last, known := b.counts[from]
	if known && m.Count <= last {
		return s, false
	}
	if b.counts == nil || !known && len(b.counts) >= maxSenders {
		b.counts = map[sender]uint64{}
	}
	b.counts[from] = m.Count
	_, again := b.heardAt[s]
	if b.heardAt == nil {
		b.heardAt = map[Signal]int64{}
	}
	if !again && len(b.heardAt) >= maxSignals {
		b.dropOldest()
	}
	b.heardAt[s] = now.UnixMilli()
	return s, !again
}

// dropOldest drops the signal that was received first. mu is held.
func (b *Board) dropOldest() {
	var oldest Signal
	first := true
	for s, at := range b.heardAt {
		if first || at < b.heardAt[oldest] {
			oldest, first = s, false
		}
	}
	delete(b.heardAt, oldest)
}

// expire drops "answering" signals that have expired. It returns their posts, and the time
// at which the next signal expires, in ms; 0: none is left. mu is held.
func (b *Board) expire(now int64, answering time.Duration) (ended []qa.PostID, next int64) {
	for s, at := range b.heardAt {
		if s.Kind != qa.PresenceAnswering {
			continue
		}
		until := at + answering.Milliseconds()
		if until <= now {
			delete(b.heardAt, s)
			ended = append(ended, s.Post)
		} else if next == 0 || until < next {
			next = until
		}
	}
	return ended, next
}

// Expire drops "answering" signals that have expired and calls changed with their posts.
// It repeats this each time another signal expires, until Stop. answering is how long a
// signal is shown after it was last received.
func (b *Board) Expire(now func() time.Time, answering time.Duration, changed func([]qa.PostID)) {
	b.mu.Lock()
	at := now().UnixMilli()
	ended, next := b.expire(at, answering)
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if next > 0 && !b.stopped {
		b.timer = time.AfterFunc(time.Duration(next-at)*time.Millisecond, func() { b.Expire(now, answering, changed) })
	}
	b.mu.Unlock()
	if len(ended) > 0 {
		changed(ended)
	}
}

// Stop ends the repeated calls of Expire.
func (b *Board) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	if b.timer != nil {
		b.timer.Stop()
	}
}

// List returns the signals that have not expired, the newest last.
func (b *Board) List(now time.Time, answering time.Duration) []qa.Presence {
	b.mu.Lock()
	b.expire(now.UnixMilli(), answering)
	out := make([]qa.Presence, 0, len(b.heardAt))
	for s, at := range b.heardAt {
		out = append(out, qa.Presence{Kind: s.Kind, By: s.By, Post: s.Post, AtMillis: at})
	}
	b.mu.Unlock()
	smallsort.Func(out, func(a, b qa.Presence) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.By, b.By), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// ToAcknowledge returns the posts for which a receipt has to be sent: those that it has
// not returned before, at most the last MaxReceipts of them.
func (b *Board) ToAcknowledge(posts []qa.PostID) []qa.PostID {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.receipted == nil || len(b.receipted)+len(posts) > maxRecorded {
		b.receipted = map[qa.PostID]bool{}
	}
	var out []qa.PostID
	for _, post := range posts {
		if !b.receipted[post] {
			b.receipted[post] = true
			out = append(out, post)
		}
	}
	return out[max(0, len(out)-MaxReceipts):]
}
