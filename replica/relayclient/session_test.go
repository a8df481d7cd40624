package relayclient

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flyleaf/crdt/sync/repo"
)

// fakeConn is a connection to a relay that the test plays.
type fakeConn struct {
	in             chan []byte
	sent           chan *repo.Message
	closed         chan struct{}
	noticesSilence bool
	once           sync.Once
}

func (c *fakeConn) Read() ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.closed:
		return nil, io.ErrClosedPipe
	}
}

func (c *fakeConn) Write(b []byte) error {
	m, err := repo.Decode(b)
	if err == nil {
		c.sent <- m
	}
	return err
}

func (c *fakeConn) NoticesSilence() bool { return c.noticesSilence }
func (c *fakeConn) Relay() RelayInfo     { return RelayInfo{} }
func (c *fakeConn) Close() error         { c.once.Do(func() { close(c.closed) }); return nil }

// playedSession is a session whose relay the test plays, in a bubble of package synctest.
type playedSession struct {
	t     *testing.T
	conn  *fakeConn
	check chan struct{}
	ended chan error
}

// play starts a session and does the handshake.
func play(t *testing.T, relay repo.PeerMetadata, noticesSilence bool) *playedSession {
	t.Helper()
	client := New(Config{Now: time.Now, Random: func(n int) []byte { return make([]byte, n) }, Log: slog.New(slog.DiscardHandler)})
	c := newConnection(client, "ws://relay.invalid")
	p := &playedSession{
		t: t, check: c.check, ended: make(chan error, 1),
		conn: &fakeConn{in: make(chan []byte), sent: make(chan *repo.Message, 16), closed: make(chan struct{}), noticesSilence: noticesSilence},
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { p.ended <- newSession(c, p.conn).run(ctx) }()
	if m := <-p.conn.sent; m.Type != repo.TypeJoin {
		t.Fatalf("the session begins with %q", m.Type)
	}
	p.receive(&repo.Message{Type: repo.TypePeer, SelectedProtocolVersion: repo.ProtocolVersion, PeerMetadata: relay})
	return p
}

// receive has the relay send a message.
func (p *playedSession) receive(m *repo.Message) {
	p.t.Helper()
	m.SenderID = "relay"
	b, err := repo.Encode(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.conn.in <- b
	synctest.Wait()
}

// nothingFor fails if the session sends something or ends before d has passed.
func (p *playedSession) nothingFor(d time.Duration) {
	p.t.Helper()
	select {
	case m := <-p.conn.sent:
		p.t.Fatalf("%q was sent", m.Type)
	case err := <-p.ended:
		p.t.Fatalf("the session ended: %v", err)
	case <-time.After(d):
	}
	synctest.Wait()
}

// pings fails unless the session has just sent a ping.
func (p *playedSession) pings() {
	p.t.Helper()
	synctest.Wait()
	select {
	case m := <-p.conn.sent:
		if m.Type != repo.TypePing || m.SenderID == "" || m.TargetID != "relay" {
			p.t.Fatalf("%+v was sent", m)
		}
	default:
		p.t.Fatal("no ping was sent")
	}
}

const moment = time.Millisecond

// TestSilentRelayIsPinged: a relay that answers pings is pinged after it was silent, and if it sends
// nothing then, the session ends.
func TestSilentRelayIsPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, repo.PeerMetadata{AnswersPings: true}, false)
		p.nothingFor(silentAfter - moment)
		p.receive(&repo.Message{Type: "of a later version"}) // any message counts
		p.nothingFor(silentAfter - moment)
		time.Sleep(moment)
		p.pings()
		p.nothingFor(pongWait - moment)
		p.receive(&repo.Message{Type: repo.TypePing})
		p.nothingFor(silentAfter - moment)
		time.Sleep(moment)
		p.pings()
		p.nothingFor(pongWait - moment)
		time.Sleep(moment)
		if err := <-p.ended; explain(err) != "the relay does not answer" {
			t.Errorf("the session ended with %v", err)
		}
	})
}

// TestWokenSessionPingsAtOnce: a session that is woken finds out at once whether the relay answers.
func TestWokenSessionPingsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := play(t, repo.PeerMetadata{AnswersPings: true}, false)
		p.nothingFor(time.Second)
		setToken(p.check)
		p.pings()
		p.receive(&repo.Message{Type: repo.TypePing})
		setToken(p.check)
		p.pings()
		p.nothingFor(pongWait / 2)
		setToken(p.check) // a ping is on its way
		p.nothingFor(pongWait/2 - moment)
		time.Sleep(moment)
		<-p.ended
	})
}

// TestNotPinged: a relay that does not say that it answers gets no ping, and neither does one whose
// silence the connection itself notices.
func TestNotPinged(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) *playedSession{
		"a stock server":         func(t *testing.T) *playedSession { return play(t, repo.PeerMetadata{IsEphemeral: true}, false) },
		"pings of the WebSocket": func(t *testing.T) *playedSession { return play(t, repo.PeerMetadata{AnswersPings: true}, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t)
				setToken(p.check)
				p.nothingFor(time.Hour)
			})
		})
	}
}
