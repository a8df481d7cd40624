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

// closeReason is why a session ends. The relay sends the text to the peer, and then closes the
// connection with the code.
type closeReason struct {
	code int // WebSocket close code
	text string
}

func (f *closeReason) Error() string { return f.text }

func violation(format string, args ...any) error {
	return &closeReason{websocket.CloseProtocolError, fmt.Sprintf(format, args...)}
}

// errPeerLeft ends a session whose peer sent leave.
var errPeerLeft = errors.New("relay: the peer left")

// session is one connection. Its reader is the goroutine that called run, and its writer is a second
// goroutine. Only the writer writes to the connection, even pongs.
type session struct {
	relay *Relay
	out   *outbox
	conn  net.Conn
	peer  string // the peer's ID, from join
	// acceptsVersions reports whether the peer accepts several versions of one change; set by join.
	acceptsVersions bool
	deflate         bool // compression was agreed on

	in           *wsframe.Reader // reader only
	buf          []byte          // reader only: a message as received
	plain        []byte          // reader only: a message that was deflated
	pace         messageDeadline // reader only: of the unfinished message
	hasLargeSlot bool            // reader only: the session has a slot for a large message
	limit        int             // reader only: the maximum bytes of a message, both as received and inflated
	memory       messageMemory
	quit         chan struct{} // closed when the session is to end

	closeSent bool                   // the writer has sent a close frame; for the reader when the writer has ended
	writeBy   time.Time              // writer only: the deadline that the writer set last, zero if another may have been set since
	pong      atomic.Pointer[[]byte] // payload of the peer's last ping, to be answered

	// sentUntil is the time, in Unix nanoseconds, until which frames may still be on their way
	// to a slow peer. Until then the peer's pong may be missing.
	sentUntil atomic.Int64
	documents map[qa.EventID]*document // reader only

	interests map[qa.EventID]*interest // guarded by relay.mu
	founded   []*document              // documents that were created since, to be moved from interests to documents; guarded by relay.mu
	inUse     int                      // documents; guarded by relay.mu

	lanes   [lanes]lane
	suspect atomic.Bool // much of the input from this session or its address was rejected

	workMu sync.Mutex
	waste  quota.Bucket // CPU time spent on rejected input, in microseconds

	account        *account     // of its remote address; nil for none
	addresses      []string     // addresses by which its peer may have dialled the relay
	ephemerals     quota.Bucket // reader only
	ephemeralBytes quota.Bucket // reader only

	mu           sync.Mutex
	logged       bool   // one violation was logged
	misaddressed bool   // an answer to the challenge had another relay's address
	challenged   []byte // the bytes that the peer has to sign to read invitation-only events; nil until needed
	attached     bool   // conn is set
	ended        bool
	readBy       time.Time   // the read deadline
	why          closeReason // set with ended
}

func newSession(r *Relay) *session {
	return &session{relay: r, out: newOutbox(r.limits.Queue), documents: map[qa.EventID]*document{}, interests: map[qa.EventID]*interest{}, quit: make(chan struct{})}
}

// run serves the connection from the upgrade to its end.
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
	var f *closeReason
	switch {
	case errors.Is(err, errPeerLeft):
		s.end(websocket.CloseNormalClosure, "")
	case errors.As(err, &f) && !s.isEnded(): // otherwise the peer was already told
		s.disconnect(f)
	default: // a network error: nobody can be told
		s.end(websocket.CloseNormalClosure, "")
	}
	s.out.close()
	<-written
	s.leaveAll()
	s.drain()
	log.Debug("connection ended", "peer", s.peer, "err", err)
}

// end asks the session to stop: its reader after the current message, its writer after
// the queued frames. Only the first call counts. It never blocks.
func (s *session) end(code int, text string) {
	s.mu.Lock()
	first := !s.ended
	if first {
		s.ended, s.why = true, closeReason{code, text}
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

// hasEnded reports whether the session was asked to end, without locking s.mu.
func (s *session) hasEnded() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// disconnect ends the session and tells its peer why.
func (s *session) disconnect(f *closeReason) {
	s.queueMessage(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(f.text)})
	s.end(f.code, f.text)
}

// logOnce logs only the first violation of a peer, which could otherwise fill the
// operator's disk.
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

// drain reads and discards input, so that the peer can read why its session ends: closing a
// connection with unread bytes resets it, and the last frames sent would be lost.
func (s *session) drain() {
	defer s.closeConn()
	conn, ok := s.conn.(interface{ CloseWrite() error })
	if !s.closeSent || !ok || conn.CloseWrite() != nil {
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(lingerWait))
	_, _ = io.CopyN(io.Discard, s.conn, int64(s.relay.limits.Frame))
}

// closeConn closes the connection, even while it is in use.
func (s *session) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached {
		_ = s.conn.Close()
	}
}

// queueMessage queues a message of the relay. A peer whose queue is full is
// disconnected.
func (s *session) queueMessage(m *repo.Message) {
	m.SenderID = s.relay.id
	b, err := repo.Encode(m)
	if err != nil {
		s.relay.log.Error("a message of the relay's own cannot be encoded", "type", m.Type, "err", err)
		return
	}
	if !s.out.queueFrame(b) {
		s.end(websocket.ClosePolicyViolation, "too slow: messages for you arrive faster than you read them")
	}
}

// setPeerDeadline sets the read deadline to d from now, or from the time when the frames that were
// sent should have arrived. An ended session keeps the deadline that stops it.
func (s *session) setPeerDeadline(d time.Duration) {
	deadline := time.Now()
	if sent := time.Unix(0, s.sentUntil.Load()); sent.After(deadline) {
		deadline = sent
	}
	s.setReadDeadline(deadline.Add(d), d/64)
}

// setReadDeadline sets the read deadline, unless the current one differs by at most the
// tolerance.
func (s *session) setReadDeadline(deadline time.Time, about time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Setting a deadline costs as much as decoding a message, so a deadline that is
	// about right is kept.
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
			return &closeReason{websocket.ClosePolicyViolation, "no join in time"}
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
	s.peer, s.acceptsVersions = m.SenderID, m.PeerMetadata.AcceptsVersions
	// Clients from before version 1 had a number send no list.
	if v := m.SupportedProtocolVersions; len(v) > 0 && !slices.Contains(v, repo.ProtocolVersion) {
		return violation("unsupported protocol version: this relay speaks version %q only", repo.ProtocolVersion)
	}
	s.queueMessage(&repo.Message{
		Type: repo.TypePeer, TargetID: s.peer, SelectedProtocolVersion: repo.ProtocolVersion,
		// Ephemeral and without a storage ID, so that clients store nothing about this
		// relay: to them, a relay that lost its disk is a new one.
		PeerMetadata: repo.PeerMetadata{IsEphemeral: true, AnswersPings: true},
	})
	return nil
}

// handleAnswer handles the acknowledgement that each reader of a post sends: a sync message which
// says that the peer has all changes of the relay. It does the same as handle, without allocating.
// For any other message it does nothing and returns false.
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

// handle processes one message. It returns when the result is durable, so a peer that
// sends faster than the disk can store waits in the network.
func (s *session) handle(m *repo.Message) error {
	switch m.Type {
	case repo.TypeRequest, repo.TypeSync, repo.TypeLeave, repo.TypeProof, repo.TypeAccess, repo.TypePing:
		if m.SenderID != s.peer {
			return &closeReason{websocket.ClosePolicyViolation, "senderId is not the one this connection joined with"}
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
			if err := s.charge(costSignature * float64(max(1, len(s.addresses)))); err != nil { // at worst, one signature check for each address
				return err
			}
			d.proveIdentity(s, m)
		}
	case repo.TypePing:
		s.out.waitForSpace()
		s.queueMessage(&repo.Message{Type: repo.TypePing, TargetID: s.peer})
	case repo.TypeLeave:
		return errPeerLeft
	case repo.TypeJoin:
		return violation("joined already")
	}
	return nil // a message of a later version, or not meant for a relay
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
		return s.sendUnavailable(m.DocumentID, err)
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
	// Send the refusals also to a peer that is disconnected for the cost, so that it
	// does not send the same changes again.
	for refused := range slices.Chunk(sub.refused, maxRefusals) {
		s.queueMessage(&repo.Message{Type: repo.TypeRefused, TargetID: s.peer, DocumentID: m.DocumentID, Refused: refused})
	}
	if err == nil {
		err = s.chargeSearch(sub.searched, 0)
	}
	if err != nil {
		return err
	}
	if err := s.leaveUnlessFounded(d, len(msg.Heads) > 0, m.Type == repo.TypeRequest); err != nil {
		return s.sendUnavailable(m.DocumentID, err)
	}
	return nil
}

// submit waits until the submission is durable.
func (s *session) submit(sub *submission) error {
	sub.done = make(chan error, 1)
	s.relay.queue.add(sub) // the queue outlives all readers
	if err := <-sub.done; err != nil {
		return &closeReason{websocket.CloseTryAgainLater, err.Error()}
	}
	return nil
}

// submitChanges is submit, and charges the cost of the changes that were not accepted.
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

// proof handles the two changes by which a device of an earlier version proves that an
// actor has signed two versions of one change. They are handled like other changes.
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
	sub.message = nil // the message says nothing about what the device has
	return s.submitChanges(sub)
}

// sendUnavailable tells the peer that a document is not available here, and why.
func (s *session) sendUnavailable(document string, err error) error {
	if f := (*closeReason)(nil); errors.As(err, &f) || errors.Is(err, ErrClosed) {
		return err
	}
	if errors.Is(err, qa.ErrBadID) {
		return violation("%v", err)
	}
	s.queueMessage(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(err.Error())})
	s.queueMessage(&repo.Message{Type: repo.TypeUnavailable, TargetID: s.peer, DocumentID: document, Message: clip(err.Error())})
	if !errors.Is(err, ErrTooManyDocuments) && !errors.Is(err, ErrTooManyInUse) {
		s.relay.log.Error("document cannot be read", "document", document, "err", err)
	}
	return nil
}

// document returns the document with an ID; nil when the relay does not have it. On first use, the
// session becomes a member of the document.
func (s *session) document(id string) (*document, qa.EventID, error) {
	if d, ok := s.documents[qa.EventID(id)]; ok { // the usual case, and faster than parsing the ID
		return d, d.event, nil
	}
	event, err := qa.ParseEventID(id)
	if err != nil {
		return nil, "", err
	}
	s.addFounded()
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

// lookUp is isStored within a turn, charged unless the relay has the document.
func (s *session) lookUp(event qa.EventID) (here bool, err error) {
	if err := s.charge(costLookUp); err != nil {
		return false, err
	}
	if stopped := s.inTurn(func() { here, err = s.relay.isStored(event) }); stopped != nil || err != nil || !here {
		return false, errors.Join(stopped, err)
	}
	return true, s.charge(-costLookUp)
}

// enter makes the session a member of a document that it already uses.
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
		if len(s.founded) < n { // it was founded meanwhile, and counted twice
			s.relay.removeUse(s, d)
		}
	}
	return nil
}

// runWriter sends what the outbox contains until the session has ended and no frames
// are left, then closes the connection.
func (s *session) runWriter() {
	defer func() {
		s.out.close()
		if !s.closeSent {
			s.closeConn()
		}
	}()
	l := s.relay.limits
	// Waiting on one channel is cheaper than on two, and happens for each post.
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
		frame, d, closed := s.out.next()
		if d != nil {
			if s.suspect.Load() && s.inTurn(func() {}) != nil {
				continue // the session is ending
			}
			message, err := d.nextMessage(s)
			if f := (*closeReason)(nil); errors.As(err, &f) {
				s.disconnect(f)
				continue
			}
			if errors.Is(err, errNoDocumentChunk) {
				d.makeDocumentChunk(s)
				if s.hasEnded() {
					continue // the session ended before its turn
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
		if closed { // the reader has ended
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

// clip shortens text for an error message.
func clip(s string) string { return clipTo(s, 500) }

func clipTo(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return string(bytes.ToValidUTF8([]byte(s), nil))
}
