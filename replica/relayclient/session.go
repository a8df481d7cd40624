package relayclient

import (
	"context"
	"encoding/hex"
	"time"

	"flyleaf/crdt/sync/repo"
	"flyleaf/qa"
)

// askAgainEvery is how often a relay that did not have an event is asked for it again.
const askAgainEvery = 10 * time.Second

// Where the connection does not notice that the relay has stopped answering, the session pings a
// relay that was silent for silentAfter, and ends the connection if pongWait passes without any
// message.
const (
	silentAfter = 20 * time.Second
	pongWait    = 10 * time.Second
)

// session is one established connection. One goroutine reads; the goroutine that runs the
// session does everything else. So the messages about an event are sent in the order in
// which they were made.
type session struct {
	connection     *connection
	conn           Conn
	self           string // this side's peer ID, new with each connection
	relay          string // the relay's peer ID; "" before the handshake is done
	conversations  map[qa.EventID]*conversation
	lastError      string // the last error message of the relay
	ephemeralCount uint64 // of the ephemeral messages sent
	silent         *time.Timer
	pings          bool      // the relay is pinged after silence
	pinged         time.Time // when a ping was sent that nothing has followed; zero: none
}

func newSession(c *connection, conn Conn) *session {
	return &session{
		connection: c, conn: conn, conversations: map[qa.EventID]*conversation{},
		self: "flyleaf-" + hex.EncodeToString(c.client.cfg.Random(8)),
	}
}

// run exchanges messages until the connection or ctx ends, and closes the connection.
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
	// Without this, a write that hangs could outlast Client.Close.
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })()

	err := s.send(&repo.Message{
		Type: repo.TypeJoin, PeerMetadata: repo.PeerMetadata{IsEphemeral: true, AcceptsVersions: true},
		SupportedProtocolVersions: []string{repo.ProtocolVersion},
	})
	if err != nil {
		return err
	}
	handshake := time.NewTimer(joinTimeout)
	defer handshake.Stop()
	askAgain := time.NewTicker(askAgainEvery)
	defer askAgain.Stop()
	s.silent = time.NewTimer(silentAfter)
	defer s.silent.Stop()
	for {
		more := s.connection.more
		if s.relay == "" {
			more = nil // nothing is sent before the handshake
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-handshake.C:
			if s.relay == "" {
				return &relayError{"the server at this address is not a relay", errNoPeer}
			}
		case err := <-failed:
			if s.lastError != "" {
				return &relayError{"the relay ended the connection: " + s.lastError, err}
			}
			return err
		case b := <-frames:
			s.pinged = time.Time{}
			s.silent.Reset(silentAfter)
			if err := s.handle(ctx, b); err != nil {
				return err
			}
		case <-s.silent.C:
			// If the timer is late, this program was not running, and the answer may be there unread.
			if !s.pinged.IsZero() && time.Since(s.pinged) < pongWait+time.Second {
				return &relayError{"the relay does not answer", nil}
			}
			if err := s.ping(); err != nil {
				return err
			}
		case <-s.connection.check:
			if s.pinged.IsZero() {
				if err := s.ping(); err != nil {
					return err
				}
			}
		case <-more:
			if err := s.handleDirty(ctx); err != nil {
				return err
			}
		case <-askAgain.C:
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

func (s *session) sendAll(out []*repo.Message) error {
	for _, m := range out {
		if err := s.send(m); err != nil {
			return err
		}
	}
	return nil
}

// ping asks the relay for a message, if it answers pings and the connection needs them.
func (s *session) ping() error {
	if !s.pings {
		return nil
	}
	s.pinged = time.Now()
	s.silent.Reset(pongWait)
	return s.send(&repo.Message{Type: repo.TypePing})
}

// handle processes a frame from the relay.
func (s *session) handle(ctx context.Context, b []byte) error {
	m, err := repo.Decode(b)
	if err != nil {
		return unreadable(err)
	}
	switch m.Type {
	case repo.TypePeer:
		if s.relay != "" {
			return &relayError{"the relay introduced itself twice", nil}
		}
		s.relay, s.pings = m.SenderID, m.PeerMetadata.AnswersPings && !s.conn.NoticesSilence()
		for _, doc := range s.connection.documents() {
			// The first exchange answers everything that a probe would ask, also for
			// callers of Ask from before this connection.
			s.connection.takeAsked(doc.ID())
			if err := s.begin(ctx, doc); err != nil {
				return err
			}
		}
		return nil
	case repo.TypeError:
		s.lastError = m.Message
		s.connection.client.cfg.Log.Warn("the relay reports an error", "relay", s.connection.url, "message", m.Message)
		return nil
	}
	c := s.conversations[qa.EventID(m.DocumentID)]
	if c == nil || s.relay == "" {
		return nil // the event is not attached, or the message is of a later version of the protocol
	}
	switch m.Type {
	case repo.TypeSync, repo.TypeRequest:
		return c.receive(ctx, m)
	case repo.TypeUnavailable:
		return c.receiveUnavailable(ctx, m.Message)
	case repo.TypeRefused:
		return c.receiveRefused(ctx, m.Refused)
	case repo.TypeProof:
		return c.receiveProof(ctx, m.Proof)
	case repo.TypeEphemeral:
		c.doc.ReceiveEphemeral(m)
	case repo.TypeAccess:
		return c.proveAccess(ctx, m)
	}
	return nil
}

func unreadable(err error) error {
	return &relayError{"the relay sent something that cannot be read", err}
}

// begin starts the conversation about an event.
func (s *session) begin(ctx context.Context, doc Document) error {
	c := newConversation(s, doc)
	s.conversations[doc.ID()] = c
	if err := doc.Begin(ctx); err != nil {
		return err
	}
	return c.sendNext(ctx)
}

// handleDirty sends the queued messages, and continues the conversations about the marked
// events.
func (s *session) handleDirty(ctx context.Context) error {
	if err := s.sendQueued(); err != nil {
		return err
	}
	for id, doc := range s.connection.takeDirty() {
		var err error
		switch c := s.conversations[id]; {
		case doc == nil && c != nil:
			delete(s.conversations, id)
			c.doc.End(ctx)
		case doc == nil:
		case c == nil:
			s.connection.takeAsked(id) // as in handle
			err = s.begin(ctx, doc)
		case s.connection.takeAsked(id):
			err = c.probe(ctx)
		default:
			err = c.sendNext(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) sendQueued() error {
	for _, q := range s.connection.takeQueued() {
		s.ephemeralCount++
		m, err := q.message(s.self, s.ephemeralCount)
		if err != nil {
			return err
		}
		if err := s.send(m); err != nil {
			return err
		}
	}
	return nil
}

// askAgain requests events again that the relay did not have, and offers deferred changes
// again. If a probe was not answered, it ends the connection: the relay may believe that it
// has sent the answer already, and only a new connection makes it answer.
func (s *session) askAgain(ctx context.Context) error {
	for _, c := range s.conversations {
		if err := c.offerAgain(ctx, false); err != nil {
			return err
		}
		if c.state.Probing() && time.Since(c.probedAt) >= askAgainEvery {
			return &relayError{"the relay did not answer; asking again", nil}
		}
		if !c.unavailable {
			continue
		}
		c.restart()
		c.probeNext, c.keysTried = false, 0 // the relay answered a moment ago
		if err := c.sendNext(ctx); err != nil {
			return err
		}
	}
	return nil
}
