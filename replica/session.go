package replica

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica/presence"
	"flyleaf/storage"
)

// askAgain is how often a relay that did not have an event is asked for it again.
const askAgain = 10 * time.Second

// maxAccessKeys bounds the keys that are shown to a relay for one event.
const maxAccessKeys = 8

// maxRelayRefused bounds the refusals of a relay that are remembered for an event.
const maxRelayRefused = 1000

// relayError is what a relay said before it ended the connection, or what it did
// that it must not.
type relayError struct {
	what string
	err  error
}

func (e *relayError) Error() string {
	if e.err != nil {
		return e.what + ": " + e.err.Error()
	}
	return e.what
}

func (e *relayError) Unwrap() error { return e.err }

var errNoPeer = errors.New("no answer to join")

// session is one connection. One goroutine reads, and the one that runs the
// session does everything else, so the messages of an event go out in the order
// in which they were made.
type session struct {
	link  *link
	node  *Node
	conn  Conn
	self  string // this side's peer ID, new with each connection
	relay string // the other side's; "" before the handshake is done
	peers map[qa.EventID]*peer
	said  string // the last error message of the relay
	count uint64 // of the ephemeral messages sent
}

// peer is what a session knows about one event.
type peer struct {
	doc          *document
	state        *sync.Peer              // fresh with each connection
	begun        bool                    // the first message was sent
	answered     bool                    // the relay has sent a sync message
	probedAt     time.Time               // when the relay was last asked what it holds now
	lossKnown    bool                    // whether it has lost own changes was found out
	epoch        int                     // of the event's graph that state was made for
	proven       map[wire.ActorID]uint64 // proofs that were sent or heard, by the sequence number
	retryAt      time.Time               // when the relay is offered again what it put off; see offerAgain
	retries      int
	ruled        bool // roles or blocks have changed since
	ask          bool // the relay is to be made to answer, see words
	answers      int  // how many of this device's keys have answered the challenge
	shut         bool // none of them may read the event
	misaddressed bool // the relay does not know the address that this device dialled as its own
	unavailable  bool // the relay said that it does not have the event
}

func newSession(l *link, conn Conn) *session {
	return &session{
		link: l, node: l.node, conn: conn, peers: map[qa.EventID]*peer{},
		self: "flyleaf-" + hex.EncodeToString(l.node.random(8)),
	}
}

// run speaks until the connection or ctx ends, and closes the connection.
func (s *session) run(ctx context.Context) error {
	frames, failed := make(chan []byte), make(chan error, 1)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			b, err := s.conn.Read()
			if err != nil {
				failed <- err
				return
			}
			select {
			case frames <- b:
			case <-quit:
				return
			}
		}
	}()
	defer func() {
		_ = s.conn.Close()
		close(quit)
		<-ended
	}()
	// A write that hangs would otherwise outlast Close.
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })()

	err := s.send(&repo.Message{
		Type: repo.TypeJoin, PeerMetadata: repo.PeerMetadata{IsEphemeral: true},
		SupportedProtocolVersions: []string{repo.ProtocolVersion},
	})
	if err != nil {
		return err
	}
	handshake := time.NewTimer(joinWithin)
	defer handshake.Stop()
	ask := time.NewTicker(askAgain)
	defer ask.Stop()
	for {
		more := s.link.more
		if s.relay == "" {
			more = nil // nothing is said before the handshake
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-handshake.C:
			if s.relay == "" {
				return &relayError{"what answers at this address is not a relay", errNoPeer}
			}
		case err := <-failed:
			if s.said != "" {
				return &relayError{"the relay ended the connection: " + s.said, err}
			}
			return err
		case b := <-frames:
			if err := s.handle(ctx, b); err != nil {
				return err
			}
		case <-more:
			if err := s.lookAtDirty(ctx); err != nil {
				return err
			}
		case <-ask.C:
			if err := s.askAgain(ctx); err != nil {
				return err
			}
		}
	}
}

func (s *session) send(m *repo.Message) error {
	m.SenderID, m.TargetID = s.self, s.relay
	b, err := repo.Encode(m)
	if err != nil {
		return err
	}
	return s.conn.Write(b)
}

func (s *session) handle(ctx context.Context, b []byte) error {
	m, err := repo.Decode(b)
	if err != nil {
		return &relayError{"the relay sent something that cannot be read", err}
	}
	switch m.Type {
	case repo.TypePeer:
		if s.relay != "" {
			return &relayError{"the relay introduced itself twice", nil}
		}
		s.relay = m.SenderID
		for _, id := range s.link.ids() {
			if err := s.attach(ctx, id); err != nil {
				return err
			}
		}
		return nil
	case repo.TypeError:
		s.said = m.Message
		s.node.cfg.Log.Warn("the relay reports an error", "relay", s.link.url, "message", m.Message)
		return nil
	}
	p := s.peers[qa.EventID(m.DocumentID)]
	if p == nil || s.relay == "" {
		return nil // about something that is not followed here, or of later versions
	}
	switch m.Type {
	case repo.TypeSync, repo.TypeRequest:
		return s.receive(ctx, p, m)
	case repo.TypeUnavailable:
		return s.notThere(ctx, p)
	case repo.TypeRefused:
		return s.noteRefused(ctx, p, m.Refused)
	case repo.TypeProof:
		return s.hearProof(ctx, p, m.Proof)
	case repo.TypeEphemeral:
		p.doc.hearPresence(m)
	case repo.TypeAccess:
		return s.proveAccess(ctx, p, m)
	}
	return nil
}

// attach begins to sync an event.
func (s *session) attach(ctx context.Context, id qa.EventID) error {
	doc, err := s.node.document(id)
	if err != nil {
		return nil // dropped meanwhile
	}
	p := &peer{doc: doc, proven: map[wire.ActorID]uint64{}}
	doc.mu.Lock()
	doc.pardon()
	p.restart()
	doc.mu.Unlock()
	doc.side.mu.Lock()
	doc.side.relayRefused = nil // what another relay or an earlier time refused is asked about again
	doc.side.mu.Unlock()
	s.peers[id] = p
	if err := doc.tend(ctx); err != nil {
		return err
	}
	return s.speak(ctx, p)
}

// restart begins the conversation about an event anew: changes have left it, and
// what was said before was said of another graph. The event's mu is held.
func (p *peer) restart() {
	// The relay may find that it has said all that it would say now.
	p.ask = p.ask || p.begun
	p.state, p.begun, p.answered = sync.NewPeer(), false, false
	p.state.RefusedBy(p.doc.unwanted)
	p.epoch = p.doc.epoch
}

// proofs returns the proofs of equivocation that the relay may not know yet, as
// messages that go before all others.
func (s *session) proofs(ctx context.Context, p *peer) ([]*repo.Message, error) {
	var out []*repo.Message
	for actor, proof := range p.doc.gone.proofs {
		if seq, said := p.proven[actor]; said && seq <= proof.seq {
			continue
		}
		travels, err := p.doc.proofOf(ctx, proof)
		if err != nil {
			return nil, err
		}
		p.proven[actor] = proof.seq
		out = append(out, &repo.Message{Type: repo.TypeProof, DocumentID: string(p.doc.id), Proof: travels})
	}
	return out, nil
}

// hearProof takes a proof of the relay's.
func (s *session) hearProof(ctx context.Context, p *peer, proof *repo.Proof) error {
	update, err := p.doc.hear(ctx, proof)
	s.node.subs.notify(update)
	if err != nil {
		return err
	}
	return s.speak(ctx, p)
}

// maxUnsaid bounds the own signals of presence that wait for the connection.
const maxUnsaid = 64

// unsaid is a signal of presence that the session is to send.
type unsaid struct {
	event  qa.EventID
	signal presence.Signal
}

// sayPresence sends what was announced since it was called last.
func (s *session) sayPresence() error {
	s.link.mu.Lock()
	unsaid := s.link.unsaid
	s.link.unsaid = nil
	s.link.mu.Unlock()
	for _, u := range unsaid {
		s.count++
		m, err := presence.Encode(u.signal, s.node.cfg.Key, u.event, s.self, s.count, s.node.cfg.Now())
		if err != nil {
			return err
		}
		if err := s.send(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) lookAtDirty(ctx context.Context) error {
	if err := s.sayPresence(); err != nil {
		return err
	}
	for id, doc := range s.link.takeDirty() {
		var err error
		switch p := s.peers[id]; {
		case doc == nil && p != nil:
			delete(s.peers, id)
			p.doc.mu.Lock() // a message on the way may have loaded it again
			p.doc.unload(ctx)
			p.doc.mu.Unlock()
		case doc == nil:
		case p == nil:
			s.link.takeAsked(id) // a first exchange says all that a probe would
			err = s.attach(ctx, id)
		case s.link.takeAsked(id):
			err = s.probe(ctx, p)
		default:
			err = s.speak(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askAgain asks anew for events that the relay did not have. A relay that leaves
// a probe unanswered is one that takes it for said already: a new connection,
// which it cannot know, makes it speak.
func (s *session) askAgain(ctx context.Context) error {
	for _, p := range s.peers {
		if err := s.offerAgain(ctx, p, false); err != nil {
			return err
		}
		if p.state.Probing() && s.node.cfg.Now().Sub(p.probedAt) >= askAgain {
			return &relayError{"the relay did not say what it holds; asking again", nil}
		}
		if !p.unavailable {
			continue
		}
		p.doc.mu.Lock()
		p.restart()
		p.ask, p.answers = false, 0 // it has just answered
		p.doc.mu.Unlock()
		if err := s.speak(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// The waits before a relay is offered again what it put off: for a rate or a quota
// time is enough, and nobody tells that it has passed.
const (
	offerAfter = 30 * time.Second
	offerMax   = 10 * time.Minute
)

// offerAgain offers own changes again that the relay put off, when it is time, or
// now, because something of the event has changed that may have been the reason.
func (s *session) offerAgain(ctx context.Context, p *peer, now bool) error {
	doc := p.doc
	doc.side.mu.Lock()
	deferred := 0
	for _, r := range doc.side.relayRefused {
		if r.Deferred {
			deferred++
		}
	}
	doc.side.mu.Unlock()
	if deferred == 0 {
		p.retryAt, p.retries = time.Time{}, 0
		return nil
	}
	at := s.node.cfg.Now()
	wait := min(offerAfter<<min(p.retries, 10), offerMax)
	switch {
	case now:
	case p.retryAt.IsZero():
		p.retryAt = at.Add(wait)
		return nil
	case at.Before(p.retryAt):
		return nil
	default:
		p.retries++
	}
	p.retryAt = at.Add(wait)
	doc.mu.Lock()
	p.restart()
	doc.mu.Unlock()
	return s.speak(ctx, p)
}

// speak says what there is to say about an event.
func (s *session) speak(ctx context.Context, p *peer) error {
	p.doc.mu.Lock()
	out, err := s.words(ctx, p)
	if err == nil {
		s.judge(p)
	}
	p.doc.mu.Unlock()
	return s.sendAll(out, err)
}

// words returns what there is to say about an event: proofs first, then the next
// sync message. The event's mu is held.
func (s *session) words(ctx context.Context, p *peer) ([]*repo.Message, error) {
	if err := p.doc.load(ctx); err != nil {
		return nil, err
	}
	if p.epoch != p.doc.epoch {
		p.restart()
	}
	out, err := s.proofs(ctx, p)
	if err != nil {
		return nil, err
	}
	m, err := s.generate(ctx, p)
	if err == nil && m != nil {
		out = append(out, m)
	}
	if err == nil && p.ask {
		out = append(out, s.question(p)...)
	}
	return out, err
}

// question makes the relay say what it holds now; it is empty when there is nothing
// that could be asked for.
func (s *session) question(p *peer) []*repo.Message {
	p.ask = false
	p.probedAt = s.node.cfg.Now()
	m, ok := p.state.Probe(p.doc.graph)
	if !ok {
		return nil
	}
	return []*repo.Message{{Type: repo.TypeSync, DocumentID: string(p.doc.id), Data: m.Encode()}}
}

func (s *session) sendAll(out []*repo.Message, err error) error {
	for _, m := range out {
		if err == nil {
			err = s.send(m)
		}
	}
	return err
}

// probe makes the relay say what it holds now.
func (s *session) probe(ctx context.Context, p *peer) error {
	p.doc.mu.Lock()
	// What this device has to say goes first, so that the answer is to that too.
	p.ask = true
	out, err := s.words(ctx, p)
	if err == nil {
		s.judge(p)
	}
	p.doc.mu.Unlock()
	return s.sendAll(out, err)
}

// source is the document as a sync message is made from it: its graph, and the
// changes of the ledger with their signatures.
type source struct {
	ctx context.Context
	doc *document
}

// Graph implements sync.Source.
func (s source) Graph() *graph.Graph { return s.doc.graph }

// Change implements sync.Source.
func (s source) Change(h wire.Hash) (sync.Change, error) {
	en, err := s.doc.node.store.Entry(s.ctx, s.doc.id, h)
	return sync.Change{Bytes: en.Bytes, Signature: en.Signature}, err
}

// generate makes the next message about an event; nil when there is nothing to
// say. The event's mu is held, and what the graph holds then is on disk.
func (s *session) generate(ctx context.Context, p *peer) (*repo.Message, error) {
	m, ok, err := p.state.Generate(source{ctx, p.doc})
	if err != nil {
		if isDeadEnd(err) {
			s.link.stick(p.doc.id, err)
		}
		return nil, fmt.Errorf("syncing event %s: %w", p.doc.id, err)
	}
	if !ok {
		return nil, nil
	}
	kind := repo.TypeSync
	if !p.begun && len(m.Heads) == 0 {
		kind = repo.TypeRequest
	}
	p.begun = true
	return &repo.Message{
		Type: kind, DocumentID: string(p.doc.id), Data: m.Encode(), Signatures: repo.JoinSignatures(m.Signatures),
	}, nil
}

// receive takes a sync message and answers it.
func (s *session) receive(ctx context.Context, p *peer, m *repo.Message) error {
	msg, err := wire.DecodeMessage(m.Data)
	if err != nil {
		return &relayError{"the relay sent something that cannot be read", err}
	}
	answer, update, err := s.digest(ctx, p, msg, p.doc.inspect(msg.Changes, m.Signatures))
	if update.Status || len(update.Posts) > 0 {
		s.node.subs.notify(update)
	}
	if err := s.sendAll(answer, err); err != nil {
		return err
	}
	if p.ruled {
		p.ruled = false
		if err := s.offerAgain(ctx, p, true); err != nil {
			return err
		}
	}
	if err := p.doc.sendReceipts(ctx, update.Posts); err != nil {
		return err
	}
	return p.doc.tend(ctx)
}

func (s *session) digest(ctx context.Context, p *peer, msg *wire.Message, changes []inspected) (answer []*repo.Message, update Update, err error) {
	doc := p.doc
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, update, err
	}
	if p.epoch != doc.epoch {
		p.restart()
	}
	before, rulings := doc.graph.Heads(), doc.policy.Rulings()
	if update, err = doc.take(ctx, changes); err != nil {
		if isDeadEnd(err) {
			s.link.stick(doc.id, err)
		}
		if errors.Is(err, storage.ErrFull) || errors.Is(err, ErrTooManyRefused) {
			err = &relayError{err.Error(), nil}
		}
		return nil, update, err
	}
	p.ruled = p.ruled || doc.policy.Rulings() != rulings
	if p.epoch == doc.epoch {
		p.state.Receive(doc.graph, msg, before, nil)
		p.answered = true
	}
	if len(msg.Heads) > 0 {
		p.unavailable, p.shut, p.misaddressed = false, false, false
	}
	known, changed, err := doc.noteDelivery(ctx, msg.Heads, p.lossKnown)
	if err != nil {
		return nil, update, err
	}
	p.lossKnown = known
	if changed {
		update.Event, update.Status = doc.id, true
	}
	if answer, err = s.words(ctx, p); err != nil {
		return nil, update, err
	}
	s.judge(p)
	return answer, update, nil
}

// judge notes the event's state. The event's mu is held, so that no change can
// come between looking and noting.
func (s *session) judge(p *peer) {
	doc := p.doc
	state, why := qa.RelaySyncing, ""
	doc.side.mu.Lock()
	relayRefused := len(doc.side.relayRefused)
	var reason string
	for _, r := range doc.side.relayRefused {
		reason = r.Reason
		break
	}
	doc.side.mu.Unlock()
	switch {
	case p.answered && !p.state.Probing() && !s.link.isAsked(doc.id) && doc.graph.Len() > 0 && p.state.InSync(doc.graph):
		state = qa.RelaySynced
	case p.misaddressed:
		why = "the relay does not know " + s.link.url + " as an address of its own, so this device cannot prove to it who it is; its operator has to name the address (syncserver --address), or somebody else stands between. Nothing is lost"
	case p.shut:
		why = "the relay shows this event only to those who were invited, and this device is not among them yet; it asks again by itself"
	case p.unavailable:
		why = "the relay does not have this event yet"
	case relayRefused > 0:
		why = fmt.Sprintf("the relay did not take %s of yours: %s", count(relayRefused), inSentence(reason))
	case len(doc.refused) > 0:
		why = fmt.Sprintf("the relay has %s that this device cannot take: %s", count(len(doc.refused)), inSentence(doc.oneReason()))
	}
	s.link.set(doc.id, state, why)
	s.link.stick(doc.id, s.disagreement(p))
}

// inSentence makes a reason, a sentence of its own, the end of another.
func inSentence(reason string) string { return strings.TrimSuffix(reason, ".") }

func count(changes int) string {
	if changes == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", changes)
}

// oneReason returns why one of the refused changes was refused, a cause before
// what only follows from it.
func (doc *document) oneReason() string {
	reason := ""
	for _, r := range doc.refused {
		if reason == "" || r.Code != string(policy.CodeDependsOn) {
			reason = r.Reason
		}
		if r.Code != string(policy.CodeDependsOn) {
			break
		}
	}
	return reason
}

// proveAccess answers a relay that shows an event only to those who hold a role in
// it, and asks for the event again. Each key is tried once until the relay is asked
// anew: an invitation that was answered gives way to the person's own.
func (s *session) proveAccess(ctx context.Context, p *peer, asked *repo.Message) error {
	p.doc.mu.Lock()
	err := p.doc.load(ctx)
	var out []*repo.Message
	if err == nil {
		p.misaddressed = p.misaddressed || asked.Message == repo.AccessAddress
		if keys := p.doc.accessKeys(); p.answers < min(len(keys), maxAccessKeys) {
			var answer *repo.Message
			if answer, err = s.accessAnswer(keys[p.answers], p.doc.id, asked); err == nil {
				p.answers++
				p.restart()
				out, err = s.words(ctx, p)
				out = append([]*repo.Message{answer}, out...)
			}
		} else {
			p.shut, p.unavailable = true, true
		}
		s.judge(p)
	}
	p.doc.mu.Unlock()
	if errors.Is(err, keys.ErrStatement) {
		return &relayError{"the relay sent something that cannot be read", err}
	}
	return s.sendAll(out, err)
}

// accessAnswer signs for the relay that this device dialled, on this connection. A
// relay of an earlier version, which does not ask for that, gets what it understands;
// what it could pass on opens nothing at relays of today.
func (s *session) accessAnswer(key keys.Key, event qa.EventID, asked *repo.Message) (*repo.Message, error) {
	answer := &repo.Message{Type: repo.TypeAccess, DocumentID: string(event)}
	var err error
	if asked.Version == 0 {
		answer.Signature, err = keys.SignOldAccess(key, event, asked.Challenge)
	} else {
		answer.Version = keys.AccessVersion
		var address string
		if address, err = keys.RelayAddress(s.link.url); err != nil {
			return nil, err
		}
		answer.Signature, err = keys.SignAccess(key, keys.Access{
			Event: event, Challenge: asked.Challenge, Address: address, Device: s.self, Relay: s.relay,
		})
	}
	if err != nil {
		return nil, err
	}
	answer.Identity, err = hex.DecodeString(string(key.Identity()))
	return answer, err
}

// notThere is the relay's word that it does not have an event. Where this device
// has it, the relay has its heads already and asks for them when it wants them.
// It is asked again by and by.
func (s *session) notThere(ctx context.Context, p *peer) error {
	p.doc.mu.Lock()
	defer p.doc.mu.Unlock()
	if err := p.doc.load(ctx); err != nil {
		return err
	}
	p.unavailable = true
	// Of an event for which it wants proof first, it says nothing about what it holds.
	if p.doc.graph.Len() > 0 && p.answers == 0 && !p.shut {
		known, _, err := p.doc.noteDelivery(ctx, nil, p.lossKnown)
		if err != nil {
			return err
		}
		p.lossKnown = known
	}
	s.judge(p)
	return nil
}

// noteRefused remembers which own changes the relay did not take. Of those it
// refused for good, this device's own rules are asked.
func (s *session) noteRefused(ctx context.Context, p *peer, refused []repo.Refused) error {
	doc := p.doc
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return err
	}
	doc.side.mu.Lock()
	if doc.side.relayRefused == nil {
		doc.side.relayRefused = map[wire.Hash]Refusal{}
	}
	for _, r := range refused {
		if len(doc.side.relayRefused) >= maxRelayRefused {
			break
		}
		h := wire.Hash(r.Hash)
		// What was put off of others' is for their devices to offer again.
		if m, here := doc.graph.Node(h); here && (!r.Deferred || doc.owns(m.Actor)) {
			doc.side.relayRefused[h] = Refusal{Hash: h, Code: qa.CleanLine(r.Code), Reason: qa.CleanLine(r.Reason), Deferred: r.Deferred}
		}
	}
	doc.side.mu.Unlock()
	update, err := doc.confirm(ctx, refused)
	if err != nil {
		return err
	}
	if update.Event != "" {
		doc.reissue(ctx)
		if err := doc.load(ctx); err != nil {
			return err
		}
		s.node.poke(doc.id) // what is left is another graph: it is spoken about anew
	}
	s.node.subs.notify(joinUpdates(update, Update{Event: doc.id, Status: true}))
	s.judge(p)
	return nil
}
