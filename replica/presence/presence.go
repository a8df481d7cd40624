// Package presence is what a device says of its person for the moment: that they are
// answering a post, or that a post has arrived on their device. A signal is signed,
// sent once and stored nowhere.
//
// It guarantees that a signal is shown only when its person signed it lately and in
// this conversation, that nothing is shown longer than it is true, and that what a
// stranger can make a device remember is bounded. It sends nothing itself.
package presence

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/sync/repo"
	"flyleaf/internal/lockorder"
	"flyleaf/keys"
	"flyleaf/qa"
)

const (
	version = 1

	// DefaultAnswering is how long "is answering" is shown without being said again.
	DefaultAnswering = 30 * time.Second
	// maxSkew is how far the clocks of two devices may be apart. A signal with an
	// older time was kept by somebody and sent again; it is not shown.
	maxSkew = 10 * time.Minute

	maxSignals  = 512 // signals shown for an event; the oldest is dropped first
	maxBody     = 512 // bytes of a signal's body
	maxSenders  = 512 // connections of others whose last count is remembered
	maxRecorded = 4096
	// MaxReceipts bounds the receipts for what one message of a relay brought.
	MaxReceipts = 32
)

// ErrBadKind is returned for a kind of signal that does not exist.
var ErrBadKind = errors.New("there is no such kind of presence")

// Signal says what somebody is doing: of Kind qa.PresenceAnswering, that they are
// answering a post; of qa.PresenceSeen, that it has arrived on their device.
type Signal struct {
	Kind string
	By   qa.Identity
	Post qa.PostID
}

// Check returns ErrBadKind, or qa.ErrBadID for a post ID that is none.
func (s Signal) Check() error {
	if s.Kind != qa.PresenceAnswering && s.Kind != qa.PresenceSeen {
		return fmt.Errorf("%.40q: %w", s.Kind, ErrBadKind)
	}
	_, err := qa.ParsePostID(string(s.Post))
	return err
}

// body is a signal as it travels: a CBOR map. Its envelope has the sender's session, a
// count that grows with each message of that session, and the signature over all three
// (keys.SignEphemeral).
type body struct {
	V    int    `cbor:"v"`
	Kind string `cbor:"kind"`
	ID   []byte `cbor:"id"` // public key, 32 bytes
	Post string `cbor:"post"`
	At   int64  `cbor:"at"` // ms, the sender's clock
}

// strangers reads what strangers send: flat, small, each key once.
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

// decode returns the signal of a message. It is false for a message that is malformed,
// too old or from too far ahead, or not signed by its person.
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

// Board has the signals of one event. The zero value is empty and ready. It is safe for
// concurrent use.
type Board struct {
	mu        lockorder.Mutex[lockorder.Presence] // guards what follows
	heardAt   map[Signal]int64                    // when, in ms by this device's clock
	counts    map[sender]uint64                   // the highest count of each sender
	receipted map[qa.PostID]bool                  // see FirstTime
	timer     *time.Timer
	stopped   bool
}

// sender is one connection of somebody's device.
type sender struct {
	by      qa.Identity
	session string
}

// Hear takes in a message that a relay passed on. It returns the signal, and whether it
// is new: a message that was heard before, is too old or is not signed by its person
// changes nothing.
func (b *Board) Hear(event qa.EventID, m *repo.Message, now time.Time) (s Signal, isNew bool) {
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

// dropOldest forgets the signal that was heard first. mu is held.
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

// expire forgets who no longer answers. It returns the posts that this changes, and when
// the next signal runs out in ms, 0 for never. mu is held.
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

// Expire forgets who no longer answers, and calls changed with the posts that this
// changes. It does so again whenever the next signal runs out, until Stop. A person is
// shown as answering for the time answering after they said so last.
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

// Stop ends what Expire began.
func (b *Board) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	if b.timer != nil {
		b.timer.Stop()
	}
}

// List returns the signals that are not out of date, the newest last.
func (b *Board) List(now time.Time, answering time.Duration) []qa.Presence {
	b.mu.Lock()
	b.expire(now.UnixMilli(), answering)
	out := make([]qa.Presence, 0, len(b.heardAt))
	for s, at := range b.heardAt {
		out = append(out, qa.Presence{Kind: s.Kind, By: s.By, Post: s.Post, AtMillis: at})
	}
	b.mu.Unlock()
	slices.SortFunc(out, func(a, b qa.Presence) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.By, b.By), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// FirstTime returns those of the posts that it has not returned before, the last
// MaxReceipts of them: for each of these the others are told once that it has arrived.
func (b *Board) FirstTime(posts []qa.PostID) []qa.PostID {
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
