package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/relay/wsframe"
)

// failure is why a session ends: the peer is told the text, then the connection
// is closed with the code.
type failure struct {
	code int // WebSocket close code
	text string
}

func (f *failure) Error() string { return f.text }

func violation(format string, args ...any) error {
	return &failure{websocket.CloseProtocolError, fmt.Sprintf(format, args...)}
}

// errLeft ends a session whose peer said leave.
var errLeft = errors.New("relay: the peer left")

// session is one connection. Its reader is the goroutine that called run, its
// writer a second one; nobody else writes to the connection, pongs included.
type session struct {
	relay *Relay
	out   *outbox
	conn  net.Conn
	peer  string // the peer's ID, from join
	// takesVersions: it takes several versions of one change, from join.
	takesVersions bool
	deflate       bool // compression was agreed on

	in           *wsframe.Reader // reader only
	buf          []byte          // reader only: a message as it travels
	plain        []byte          // reader only: a message that was deflated
	pace         pace            // reader only: of the message that was begun
	hasLargeSlot bool            // reader only: it has its turn for a large message
	limit        int             // reader only: bytes of a message, as it travels and inflated
	memory       holding
	quit         chan struct{} // closed when the session is to end

	closeSent bool                   // the writer has sent a close frame; for the reader when the writer has ended
	writeBy   time.Time              // writer only: the deadline that was set last, zero if another may have been
	pong      atomic.Pointer[[]byte] // what the peer's last ping asks to be answered

	// sentUntil is the time, in Unix nanoseconds, until which what was written
	// may still be on its way to a slow peer, so that its pong cannot be back.
	sentUntil atomic.Int64
	documents map[qa.EventID]*document // reader only

	interests map[qa.EventID]*interest // guarded by relay.mu
	founded   []*document              // that were interests, not in documents yet; guarded by relay.mu
	inUse     int                      // documents; guarded by relay.mu

	lanes   [lanes]lane
	suspect atomic.Bool // what it or its address sent before came to nothing

	workMu sync.Mutex
	waste  quota.Bucket // what was spent on what came to nothing, in microseconds

	account        *account     // of its remote address; nil for none
	addresses      []string     // by which its peer may have dialled the relay
	ephemerals     quota.Bucket // reader only
	ephemeralBytes quota.Bucket // likewise

	mu           sync.Mutex
	logged       bool   // something was logged once
	misaddressed bool   // an answer to the challenge was for another relay's address
	challenged   []byte // what the peer has to sign to read what not everybody may; nil until asked for
	attached     bool   // conn is set
	ended        bool
	readBy       time.Time // the read deadline
	why          failure   // set with ended
}

func newSession(r *Relay) *session {
	return &session{relay: r, out: newOutbox(r.limits.Queue), documents: map[qa.EventID]*document{}, interests: map[qa.EventID]*interest{}, quit: make(chan struct{})}
}

// run is the session's whole life after the upgrade.
func (s *session) run(conn net.Conn, deflate bool, from string) {
	s.mu.Lock()
	s.conn, s.deflate, s.attached = conn, deflate, true
	ended := s.ended
	s.mu.Unlock()
	if ended { // Shutdown came between the upgrade and here
		_ = conn.SetReadDeadline(time.Now())
	}
	s.in = wsframe.NewReader(conn, deflate)
	log := s.relay.log.With("from", from)
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.runWriter()
	}()

	err := s.runReader()
	var f *failure
	switch {
	case errors.Is(err, errLeft):
		s.end(websocket.CloseNormalClosure, "")
	case errors.As(err, &f) && !s.isEnded(): // else the other end of it has told already
		s.dismiss(f)
	default: // the network's: nobody to tell
		s.end(websocket.CloseNormalClosure, "")
	}
	s.out.close()
	<-written
	s.leaveAll()
	s.drain()
	log.Debug("connection ended", "peer", s.peer, "err", err)
}

// end asks the session to stop: its reader after what it is doing, its writer
// after what is queued. Only the first call counts. It never blocks.
func (s *session) end(code int, text string) {
	s.mu.Lock()
	first := !s.ended
	if first {
		s.ended, s.why = true, failure{code, text}
		if s.attached {
			_ = s.conn.SetReadDeadline(time.Now())
		}
		close(s.quit)
	}
	s.mu.Unlock()
	if first {
		s.out.wakeWriter()
		s.relay.memory.wakeWaiting()
	}
}

// hasEnded reports whether the session is to end, without waiting for s.mu.
func (s *session) hasEnded() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// dismiss ends the session, telling its peer why.
func (s *session) dismiss(f *failure) {
	s.tell(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(f.text)})
	s.end(f.code, f.text)
}

// logOnce logs the first of the things that a peer does wrong: it could do
// them again and again, and fill the operator's disk.
func (s *session) logOnce(text string, about ...any) {
	s.mu.Lock()
	first := !s.logged
	s.logged = true
	s.mu.Unlock()
	if first {
		s.relay.log.Info(text, append(about, "peer", s.peer)...)
	}
}

func (s *session) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// drain reads what the peer was sending when it was told why its session ends, until
// it has read that: a connection that is closed with bytes unread is reset, and what was
// sent last is lost on the way.
func (s *session) drain() {
	defer s.closeConn()
	conn, ok := s.conn.(interface{ CloseWrite() error })
	if !s.closeSent || !ok || conn.CloseWrite() != nil {
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(lingerWait))
	_, _ = io.CopyN(io.Discard, s.conn, int64(s.relay.limits.Frame))
}

// closeConn closes the connection under whoever uses it.
func (s *session) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached {
		_ = s.conn.Close()
	}
}

// tell queues a message from the relay. A peer whose queue is full is
// disconnected.
func (s *session) tell(m *repo.Message) {
	m.SenderID = s.relay.id
	b, err := repo.Encode(m)
	if err != nil {
		s.relay.log.Error("a message of the relay's own cannot be encoded", "type", m.Type, "err", err)
		return
	}
	if !s.out.queueFrame(b) {
		s.end(websocket.ClosePolicyViolation, "too slow: the relay has more to say than you take")
	}
}

// setPeerDeadline sets the read deadline: d from now, or from when what was sent
// should have arrived. An ended session keeps the deadline that stops it.
func (s *session) setPeerDeadline(d time.Duration) {
	deadline := time.Now()
	if sent := time.Unix(0, s.sentUntil.Load()); sent.After(deadline) {
		deadline = sent
	}
	s.setReadDeadline(deadline.Add(d), d/64)
}

// setReadDeadline sets the read deadline, unless one stands that is so much off at most.
func (s *session) setReadDeadline(deadline time.Time, about time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Setting a deadline costs as much as decoding a message, so one that is
	// about right is left standing.
	if off := deadline.Sub(s.readBy).Abs(); s.ended || off < about {
		return
	}
	s.readBy = deadline
	_ = s.conn.SetReadDeadline(deadline)
}

// runReader does the handshake, then handles messages until the session ends.
func (s *session) runReader() error {
	l := s.relay.limits
	defer s.releaseMessage()
	s.limit = MaxJoinFrame
	last := time.Now().Add(l.Join)
	b, err := s.message(func() { s.setPeerDeadline(time.Until(last)) }, last)
	if err != nil {
		if isTimeout(err) || err == error(errTooSlow) {
			return &failure{websocket.ClosePolicyViolation, "no join in time"}
		}
		return err
	}
	if err := s.join(b); err != nil {
		return err
	}
	s.limit = l.Frame
	for {
		b, err := s.message(func() { s.setPeerDeadline(l.Ping + l.Pong) }, time.Time{})
		if err != nil {
			return err
		}
		if s.handleAnswer(b) {
			continue
		}
		m, err := s.decode(b)
		if err != nil {
			return err
		}
		if err := s.handle(m); err != nil {
			return err
		}
	}
}

// decode reads the envelope of a message.
func (s *session) decode(b []byte) (m *repo.Message, err error) {
	cost := costMessage + costKiB*float64(len(b))/1024
	if err := s.charge(wasteFactor * cost); err != nil {
		return nil, err
	}
	if err := s.inTurn(func() { m, err = repo.DecodeWithin(b, s.relay.limits.Frame) }); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, violation("not a message of the automerge-repo protocol: %v", err)
	}
	return m, s.charge(-wasteFactor * cost)
}

// join does the handshake.
func (s *session) join(b []byte) error {
	m, err := repo.DecodeWithin(b, MaxJoinFrame)
	switch {
	case err != nil:
		return violation("expected join: %v", err)
	case m.Type != repo.TypeJoin:
		return violation("expected join first, got %q", m.Type)
	case m.SenderID == s.relay.id:
		return violation("this is the relay's own peer ID")
	}
	s.peer, s.takesVersions = m.SenderID, m.PeerMetadata.TakesVersions
	// No list at all is how clients before version 1 was numbered said it.
	if v := m.SupportedProtocolVersions; len(v) > 0 && !slices.Contains(v, repo.ProtocolVersion) {
		return violation("unsupported protocol version: this relay speaks version %q only", repo.ProtocolVersion)
	}
	s.tell(&repo.Message{
		Type: repo.TypePeer, TargetID: s.peer, SelectedProtocolVersion: repo.ProtocolVersion,
		// Ephemeral and without a storage ID, so that clients store nothing about
		// this relay: one that lost its disk is then like any new one.
		PeerMetadata: repo.PeerMetadata{IsEphemeral: true},
	})
	return nil
}

// handleAnswer handles the answer that each of a post's readers gives: a sync message
// that says, of a document spoken about before, that all that is here has come. It
// comes to the same as handle, without allocating. False means that b is anything
// else, and that nothing was done.
func (s *session) handleAnswer(b []byte) bool {
	g, ok := repo.ReadUnsignedSync(b)
	if !ok || string(g.SenderID) != s.peer {
		return false
	}
	d, ok := s.documents[qa.EventID(g.DocumentID)]
	if !ok || g.Data[0] != messageV1 && !(g.Data[0] == messageV2 && s.relay.cfg.Open) {
		return false
	}
	heads, shared, ok := wire.ReadAnswer(g.Data)
	return ok && d.receiveAgreed(s, heads, shared)
}

// handle does what one message asks for. It returns when that is done and
// durable, so a peer that sends faster than the disk takes it waits in the network.
func (s *session) handle(m *repo.Message) error {
	switch m.Type {
	case repo.TypeRequest, repo.TypeSync, repo.TypeLeave, repo.TypeProof, repo.TypeAccess:
		if m.SenderID != s.peer {
			return &failure{websocket.ClosePolicyViolation, "senderId is not the one this connection joined with"}
		}
	}
	switch m.Type {
	case repo.TypeRequest, repo.TypeSync:
		return s.sync(m)
	case repo.TypeEphemeral:
		s.ephemeral(m)
	case repo.TypeProof:
		return s.proof(m)
	case repo.TypeAccess:
		if d, ok := s.documents[qa.EventID(m.DocumentID)]; ok && len(m.Identity) > 0 {
			if err := s.charge(costSignature * float64(max(1, len(s.addresses)))); err != nil { // one for each, at worst
				return err
			}
			d.proveIdentity(s, m)
		}
	case repo.TypeLeave:
		return errLeft
	case repo.TypeJoin:
		return violation("joined already")
	}
	return nil // of later versions, or of no concern to a relay
}

// sync handles a sync message, with or without changes.
func (s *session) sync(m *repo.Message) error {
	var msg *wire.Message
	var err error
	if stopped := s.inTurn(func() { msg, err = s.relay.decode(m.Data) }); stopped != nil {
		return stopped
	}
	if err != nil {
		return violation("not a sync message V1: %v", err)
	}
	if n := len(m.Signatures); n != 0 && n != len(msg.Changes)*repo.SignatureLen {
		return violation("%d bytes of signatures for %d changes", n, len(msg.Changes))
	}
	looked := s.relay.foundings.Load()
	d, event, err := s.document(m.DocumentID)
	if err == nil && d == nil {
		d, err = s.handleAbsent(m, msg, event, looked)
		if err == nil && d == nil {
			return nil
		}
	}
	if err != nil {
		return s.notServed(m.DocumentID, err)
	}
	if !d.mayRead(s) {
		return nil
	}
	sub, err := d.read(s, msg, m.Signatures)
	defer sub.release()
	if err != nil {
		return err
	}
	if len(sub.changes) == 0 {
		d.receive(sub)
	} else {
		err = s.submitChanges(sub)
	}
	// Also to who is disconnected for what this cost: they should not bring it again.
	for refused := range slices.Chunk(sub.refused, maxRefusals) {
		s.tell(&repo.Message{Type: repo.TypeRefused, TargetID: s.peer, DocumentID: m.DocumentID, Refused: refused})
	}
	if err == nil {
		err = s.chargeSearch(sub.searched, 0)
	}
	if err != nil {
		return err
	}
	if err := s.leaveUnlessFounded(d, len(msg.Heads) > 0, m.Type == repo.TypeRequest); err != nil {
		return s.notServed(m.DocumentID, err)
	}
	return nil
}

// submit waits until the submission is durable.
func (s *session) submit(sub *submission) error {
	sub.done = make(chan error, 1)
	s.relay.queue.add(sub) // the line outlives all readers
	if err := <-sub.done; err != nil {
		return &failure{websocket.CloseTryAgainLater, err.Error()}
	}
	return nil
}

// submitChanges is submit, and charges what the changes cost that were not taken.
func (s *session) submitChanges(sub *submission) error {
	malformed, each := len(sub.refusedHashes), sub.cost/float64(len(sub.changes))
	if err := s.submit(sub); err != nil {
		return err
	}
	refused, deferred := len(sub.refusedHashes)-malformed, len(sub.deferred)
	if refused+deferred == 0 {
		return nil
	}
	return s.charge(each * (wasteFactor*float64(refused) + deferredShare*float64(deferred)))
}

// proof takes the two changes by which a device of an earlier version shows that an actor
// has signed two versions of one. They are changes like any others.
func (s *session) proof(m *repo.Message) error {
	d, ok := s.documents[qa.EventID(m.DocumentID)]
	if !ok || s.relay.cfg.Open || !d.mayRead(s) {
		return nil
	}
	changes := &wire.Message{Changes: [][]byte{m.Proof.A, m.Proof.B}}
	sub, err := d.read(s, changes, slices.Concat(m.Proof.SigA, m.Proof.SigB))
	defer sub.release()
	if err != nil || len(sub.changes) == 0 {
		return err
	}
	sub.message = nil // it says nothing of what the device has
	return s.submitChanges(sub)
}

// notServed tells the peer that a document is not to be had here, and why.
func (s *session) notServed(document string, err error) error {
	if f := (*failure)(nil); errors.As(err, &f) || errors.Is(err, ErrClosed) {
		return err
	}
	if errors.Is(err, qa.ErrBadID) {
		return violation("%v", err)
	}
	s.tell(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(err.Error())})
	s.tell(&repo.Message{Type: repo.TypeUnavailable, TargetID: s.peer, DocumentID: document})
	if !errors.Is(err, ErrTooManyDocuments) && !errors.Is(err, ErrTooManyInUse) {
		s.relay.log.Error("document cannot be read", "document", document, "err", err)
	}
	return nil
}

// document returns the document of that ID, which the session enters on first use; nil when
// the document is not here.
func (s *session) document(id string) (*document, qa.EventID, error) {
	if d, ok := s.documents[qa.EventID(id)]; ok { // mostly, and reading the ID takes longer
		return d, d.event, nil
	}
	event, err := qa.ParseEventID(id)
	if err != nil {
		return nil, "", err
	}
	s.takeFounded()
	if d, ok := s.documents[event]; ok {
		return d, event, nil
	}
	s.relay.mu.Lock()
	count := len(s.documents) + len(s.interests)
	if s.interests[event] != nil {
		count--
	}
	used := s.relay.documents[event]
	s.relay.mu.Unlock()
	if count >= s.relay.limits.Documents {
		return nil, event, ErrTooManyDocuments
	}
	if used == nil || !used.founded.Load() {
		here, err := s.lookUp(event)
		if err != nil || !here {
			return nil, event, err
		}
	}
	d, err := s.relay.acquireDocument(s, event)
	if err == nil {
		err = s.enter(d)
	}
	if err != nil {
		return nil, event, err
	}
	return d, event, nil
}

// lookUp is isStored in a turn, and charged unless the document is here.
func (s *session) lookUp(event qa.EventID) (here bool, err error) {
	if err := s.charge(costLookUp); err != nil {
		return false, err
	}
	if stopped := s.inTurn(func() { here, err = s.relay.isStored(event) }); stopped != nil || err != nil || !here {
		return false, errors.Join(stopped, err)
	}
	return true, s.charge(-costLookUp)
}

// enter makes the session a member of a document, of which it is a user already.
func (s *session) enter(d *document) error {
	if err := d.enter(s); err != nil {
		s.relay.releaseDocument(s, d, true)
		return err
	}
	s.documents[d.event] = d
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	if i := s.interests[d.event]; i != nil {
		s.relay.interests.drop(i)
	}
	if n := len(s.founded); n > 0 {
		s.founded = slices.DeleteFunc(s.founded, func(o *document) bool { return o == d })
		if len(s.founded) < n { // founded meanwhile, and counted twice
			s.relay.unuse(s, d)
		}
	}
	return nil
}

// runWriter sends what the outbox holds until the session has ended and the outbox
// is empty of frames, then closes the connection.
func (s *session) runWriter() {
	defer func() {
		s.out.close()
		if !s.closeSent {
			s.closeConn()
		}
	}()
	l := s.relay.limits
	// Waiting for one channel is cheaper than for two, and is done for each post.
	tick := time.AfterFunc(l.Ping, s.out.wakeWriter)
	defer tick.Stop()
	pinged := time.Now()
	for {
		if now := time.Now(); now.Sub(pinged) >= l.Ping {
			pinged = now
			tick.Reset(l.Ping)
			if err := s.sendControl(wsframe.Ping, nil); err != nil {
				s.end(websocket.CloseNormalClosure, "")
				return
			}
		}
		if data := s.pong.Swap(nil); data != nil {
			if err := s.sendControl(wsframe.Pong, *data); err != nil {
				s.end(websocket.CloseNormalClosure, "")
				return
			}
		}
		frame, d, over := s.out.next()
		if d != nil {
			if s.suspect.Load() && s.inTurn(func() {}) != nil {
				continue // it ends
			}
			message, err := d.nextMessage(s)
			if f := (*failure)(nil); errors.As(err, &f) {
				s.dismiss(f)
				continue
			}
			if errors.Is(err, errNoWhole) {
				d.makeWhole(s)
				if s.hasEnded() {
					continue // its turn did not come
				}
				message, err = d.nextMessage(s)
			}
			if err != nil {
				s.relay.log.Warn("no sync message could be made", "document", d.event, "peer", s.peer, "err", err)
				s.end(websocket.CloseTryAgainLater, "the relay cannot go on with "+string(d.event)+": connect again")
			}
			if message == nil {
				continue
			}
			if err := s.sendSync(message); err != nil {
				s.end(websocket.CloseNormalClosure, "")
				return
			}
			continue
		}
		if frame != nil {
			if err := s.send(frame); err != nil {
				s.end(websocket.CloseNormalClosure, "")
				return
			}
			continue
		}
		if over { // the reader has ended
			s.mu.Lock()
			why := s.why
			s.mu.Unlock()
			s.closeSent = s.sendClose(why) == nil
			return
		}
		<-s.out.wake
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// clip shortens what goes into an error message.
func clip(s string) string { return clipTo(s, 500) }

func clipTo(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return string(bytes.ToValidUTF8([]byte(s), nil))
}
