package replica

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
)

// Presence: what a device says of its person for the moment, signed and stored
// nowhere. The body of such a message is a CBOR map:
//
//	{ "v": 1, "kind": text, "id": public key (32 bytes), "post": text, "at": int, ms }
//
// Its envelope carries session, count and signature (keys.SignEphemeral).
const (
	presenceVersion = 1

	// DefaultAnswering is how long "is answering" is believed without being said again.
	DefaultAnswering = 30 * time.Second
	// presenceSlack is how far the clocks of two devices may be apart: what is older
	// was kept by somebody and is said again, and shows nothing.
	presenceSlack = 10 * time.Minute

	maxPresence      = 512 // things known of an event, the oldest going first
	maxPresenceBody  = 512 // bytes of a message
	maxPresenceTalks = 512 // sessions of others whose count is remembered
	maxUnsaid        = 64  // own messages that wait for the connection
	maxReceipted     = 4096
	maxReceipts      = 32 // receipts for what one message of a relay brought
)

// ErrBadPresence is returned by Announce for a kind of presence that there is not.
var ErrBadPresence = errors.New("there is no such kind of presence")

type presenceBody struct {
	V    int    `cbor:"v"`
	Kind string `cbor:"kind"`
	ID   []byte `cbor:"id"`
	Post string `cbor:"post"`
	At   int64  `cbor:"at"`
}

// presenceMode reads what a stranger sends: flat, small, each key once.
var presenceMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 4, MaxMapPairs: 16, MaxArrayElements: 16,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants: they are right or no test runs
	}
	return m
}()

// presences is what is known of one event.
type presences struct {
	mu    sync.Mutex
	known map[presenceKey]int64 // when it was heard, by this device's clock
	talks map[talk]uint64       // the highest count of each session
	timer *time.Timer
	// receipts are the posts that others were told have arrived here.
	receipts map[qa.PostID]bool
}

type presenceKey struct {
	kind string
	by   qa.Identity
	post qa.PostID
}

type talk struct {
	by      qa.Identity
	session string
}

// hear takes a message; it returns whether anything shown has changed. One that is
// not signed by whom it is of, is old, or was heard before, changes nothing.
func (p *presences) hear(event qa.EventID, m *repo.Message, now int64) (k presenceKey, news bool) {
	if len(m.Data) > maxPresenceBody {
		return k, false
	}
	var b presenceBody
	if presenceMode.Unmarshal(m.Data, &b) != nil || b.V != presenceVersion {
		return k, false
	}
	post, err := qa.ParsePostID(b.Post)
	if err != nil || b.Kind != qa.PresenceAnswering && b.Kind != qa.PresenceSeen {
		return k, false
	}
	k = presenceKey{kind: b.Kind, by: qa.Identity(hex.EncodeToString(b.ID)), post: post}
	if slack := presenceSlack.Milliseconds(); b.At < now-slack || b.At > now+slack {
		return k, false
	}
	if keys.VerifyEphemeral(event, k.by, m.SessionID, m.Count, m.Data, m.Signatures) != nil {
		return k, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := talk{k.by, m.SessionID}
	last, talked := p.talks[t]
	if talked && m.Count <= last {
		return k, false
	}
	if p.talks == nil || !talked && len(p.talks) >= maxPresenceTalks {
		p.talks = map[talk]uint64{}
	}
	p.talks[t] = m.Count
	_, again := p.known[k]
	if p.known == nil {
		p.known = map[presenceKey]int64{}
	}
	if !again && len(p.known) >= maxPresence {
		p.dropOldest()
	}
	p.known[k] = now
	return k, !again
}

func (p *presences) dropOldest() {
	var oldest presenceKey
	first := true
	for k, at := range p.known {
		if first || at < p.known[oldest] {
			oldest, first = k, false
		}
	}
	delete(p.known, oldest)
}

// expire forgets who no longer answers. It returns the posts that this changes,
// and when the next runs out, 0 for never.
func (p *presences) expire(now int64, answering time.Duration) (gone []qa.PostID, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, at := range p.known {
		if k.kind != qa.PresenceAnswering {
			continue
		}
		until := at + answering.Milliseconds()
		if until <= now {
			delete(p.known, k)
			gone = append(gone, k.post)
		} else if next == 0 || until < next {
			next = until
		}
	}
	return gone, next
}

func (p *presences) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
}

// hearPresence takes a message of presence from the relay.
func (s *session) hearPresence(p *peer, m *repo.Message) {
	doc, now := p.doc, s.node.cfg.Now().UnixMilli()
	k, news := doc.around.hear(doc.id, m, now)
	if !news || k.by == s.node.Identity() {
		return
	}
	doc.mu.Lock()
	blocked := doc.policy != nil && doc.policy.Blocked(k.by)
	doc.mu.Unlock()
	if !blocked {
		s.node.subs.notify(Update{Event: doc.id, Posts: []qa.PostID{k.post}})
	}
	if k.kind == qa.PresenceAnswering {
		doc.expirePresence()
	}
}

// expirePresence tells of what has run out, and looks again when the next does.
func (doc *document) expirePresence() {
	answering := doc.node.cfg.Answering
	now := doc.node.cfg.Now().UnixMilli()
	gone, next := doc.around.expire(now, answering)
	if len(gone) > 0 {
		doc.node.subs.notify(Update{Event: doc.id, Posts: gone})
	}
	doc.around.mu.Lock()
	defer doc.around.mu.Unlock()
	if doc.around.timer != nil {
		doc.around.timer.Stop()
		doc.around.timer = nil
	}
	if next > 0 && doc.node.ctx.Err() == nil {
		doc.around.timer = time.AfterFunc(time.Duration(next-now)*time.Millisecond, doc.expirePresence)
	}
}

// Presence returns what others' devices said of themselves in an event and what is
// not out of date, the newest last: who is answering which post, and on whose
// device a post has arrived. What blocked people say is left out.
func (n *Node) Presence(_ context.Context, id qa.EventID) ([]qa.Presence, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	doc.around.expire(n.cfg.Now().UnixMilli(), n.cfg.Answering)
	doc.around.mu.Lock()
	out := make([]qa.Presence, 0, len(doc.around.known))
	for k, at := range doc.around.known {
		if k.by != n.Identity() {
			out = append(out, qa.Presence{Kind: k.kind, By: k.by, Post: k.post, AtMillis: at})
		}
	}
	doc.around.mu.Unlock()
	doc.mu.Lock()
	if doc.policy != nil {
		out = slices.DeleteFunc(out, func(p qa.Presence) bool { return doc.policy.Blocked(p.By) })
	}
	doc.mu.Unlock()
	slices.SortFunc(out, func(a, b qa.Presence) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.By, b.By), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

// Announce tells the others who follow an event, signed, that this person is
// answering a post or that it has arrived here. It is said once and kept nowhere;
// when the relay cannot be reached it is not said at all, which is no error.
func (n *Node) Announce(_ context.Context, id qa.EventID, kind string, post qa.PostID) error {
	if kind != qa.PresenceAnswering && kind != qa.PresenceSeen {
		return fmt.Errorf("%.40q: %w", kind, ErrBadPresence)
	}
	if _, err := qa.ParsePostID(string(post)); err != nil {
		return err
	}
	if _, err := n.document(id); err != nil {
		return err
	}
	n.mu.Lock()
	l := n.linkOf[id]
	n.mu.Unlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	on := l.events[id]
	if on == nil || on.status.State != qa.RelaySynced && on.status.State != qa.RelaySyncing || len(l.unsaid) >= maxUnsaid {
		return nil
	}
	l.unsaid = append(l.unsaid, presenceKey{kind: kind, by: n.Identity(), post: post}.in(id))
	l.mark(id)
	return nil
}

// unsaid is an own message that the session is to send.
type unsaid struct {
	event qa.EventID
	presenceKey
}

func (k presenceKey) in(event qa.EventID) unsaid { return unsaid{event, k} }

// sayPresence sends what was announced since. The session's count makes each
// message one of its own.
func (s *session) sayPresence() error {
	s.link.mu.Lock()
	unsaid := s.link.unsaid
	s.link.unsaid = nil
	s.link.mu.Unlock()
	for _, u := range unsaid {
		id, err := hex.DecodeString(string(u.by))
		if err != nil {
			return err
		}
		body, err := cbor.Marshal(presenceBody{
			V: presenceVersion, Kind: u.kind, ID: id, Post: string(u.post), At: s.node.cfg.Now().UnixMilli(),
		})
		if err != nil {
			return err
		}
		s.count++
		signature, err := keys.SignEphemeral(s.node.cfg.Key, u.event, s.self, s.count, body)
		if err != nil {
			return err
		}
		err = s.send(&repo.Message{
			Type: repo.TypeEphemeral, DocumentID: string(u.event), Data: body,
			SessionID: s.self, Count: s.count, Signatures: signature,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstTime returns those of the posts that no receipt was given for yet, of many
// the last.
func (p *presences) firstTime(posts []qa.PostID) []qa.PostID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.receipts == nil || len(p.receipts)+len(posts) > maxReceipted {
		p.receipts = map[qa.PostID]bool{}
	}
	var out []qa.PostID
	for _, post := range posts {
		if !p.receipts[post] {
			p.receipts[post] = true
			out = append(out, post)
		}
	}
	return out[max(0, len(out)-maxReceipts):]
}

// sendReceipts tells the askers, where this person is an author of the event, that
// their questions have arrived.
func (doc *document) sendReceipts(ctx context.Context, posts []qa.PostID) error {
	doc.mu.Lock()
	author := doc.policy != nil && doc.policy.HoldsRole(doc.node.Identity(), qa.RoleAuthor)
	doc.mu.Unlock()
	if !author {
		return nil
	}
	for _, post := range doc.around.firstTime(posts) {
		if err := doc.node.Announce(ctx, doc.id, qa.PresenceSeen, post); err != nil {
			return err
		}
	}
	return nil
}
