package replica_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/replica/relayclient"
	"flyleaf/storage/mem"
)

// A socket whose other side is gone without a word is noticed, though nothing is
// sent on it.
func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	leaksNothing(t)
	quit := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		<-quit // reads nothing, so it answers no ping
		_ = conn.Close()
	}))
	defer server.Close()
	defer close(quit)
	dial := relayclient.WebSocket{PingEvery: 10 * time.Millisecond, Silence: 50 * time.Millisecond}
	conn, err := dial.Dial(bounded(t), "ws"+strings.TrimPrefix(server.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Read()
		failed <- err
	}()
	select {
	case err := <-failed:
		if why := relayclient.ExplainDial(err); why != "the relay does not answer" {
			t.Fatalf("%v is explained as %q", err, why)
		}
	case <-bounded(t).Done():
		t.Fatal("not noticed")
	}
}

// As long as the other side answers pings, silence is no reason to hang up.
func TestQuietConnectionIsKept(t *testing.T) {
	host := startRelay(t)
	dial := relayclient.WebSocket{PingEvery: 5 * time.Millisecond, Silence: 500 * time.Millisecond}
	n := openNode(t, quick(replica.Config{Store: mem.New(), Dial: dial}))
	id := found(t, n, host.url())
	n.Start(t.Context())
	settled(t, n, id, 0)
	since := statusOf(t, n, id).Relay.SinceMillis
	quiet, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	updates, end := n.Subscribe(id)
	defer end()
	select {
	case u := <-updates:
		t.Fatalf("something happened: %+v %+v", u, statusOf(t, n, id))
	case <-quiet.Done():
	}
	if s := statusOf(t, n, id); s.Relay.State != qa.RelaySynced || s.Relay.SinceMillis != since {
		t.Fatalf("%+v", s)
	}
}

func TestWhyARelayCannotBeReached(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	for url, want := range map[string]string{
		"ws://" + nobody: "the relay is not running",
		"ws" + strings.TrimPrefix(web.URL, "http"): "the server at this address is not a relay",
	} {
		_, err := relayclient.WebSocket{}.Dial(bounded(t), url)
		if err == nil || !strings.Contains(relayclient.ExplainDial(err), want) {
			t.Errorf("%s: %v is explained as %q", url, err, relayclient.ExplainDial(err))
		}
	}
	for err, want := range map[error]string{
		nil:                      "",
		io.EOF:                   "lost",
		context.DeadlineExceeded: "does not answer",
		&net.DNSError{IsNotFound: true, Name: "relay.invalid"}: "no relay has the name relay.invalid",
		&net.DNSError{IsTemporary: true}:                       "is there a network?",
		errors.New("something else"):                           "something else",
	} {
		if got := relayclient.ExplainDial(err); !strings.Contains(got, want) {
			t.Errorf("%v is explained as %q", err, got)
		}
	}
}

// heldDialer holds the next write of its connections back until it is let go, and fails
// all later writes of that connection.
type heldDialer struct {
	relayclient.Dialer
	hold      atomic.Bool
	held, let chan struct{}
}

func (d *heldDialer) Dial(ctx context.Context, url string) (relayclient.Conn, error) {
	conn, err := d.Dialer.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	return &heldConn{Conn: conn, dialer: d}, nil
}

type heldConn struct {
	relayclient.Conn
	dialer *heldDialer
	broken bool
}

func (c *heldConn) Write(frame []byte) error {
	if c.broken {
		return io.ErrClosedPipe
	}
	if c.dialer.hold.CompareAndSwap(true, false) {
		c.broken = true
		close(c.dialer.held)
		<-c.dialer.let
	}
	return c.Conn.Write(frame)
}

// TestAskedWhileAConnectionIsLost: a relay is to be asked what it holds, and the
// connection is lost while a message that nobody keeps is sent before that. The next
// connection answers the question all the same.
func TestAskedWhileAConnectionIsLost(t *testing.T) {
	host := startRelay(t)
	dial := &heldDialer{Dialer: relayclient.WebSocket{}, held: make(chan struct{}), let: make(chan struct{})}
	n := openNode(t, quick(replica.Config{Store: mem.New(), Dial: dial}))
	n.Start(t.Context())
	id := found(t, n, host.url())
	settled(t, n, id, 0)

	dial.hold.Store(true)
	question := ask(t, n, id, "Is anybody there?")
	select {
	case <-dial.held:
	case <-bounded(t).Done():
		t.Fatal("nothing was sent")
	}
	if err := n.Announce(t.Context(), id, qa.PresenceAnswering, question); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Sync(over, id); err == nil { // it has asked by then
		t.Fatal("synced before anything was sent")
	}
	close(dial.let)
	settled(t, n, id, 1)
}
