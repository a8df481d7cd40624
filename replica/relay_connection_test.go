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

// A connection whose other side disappeared without closing it is detected, even if nothing is
// sent.
func TestHalfOpenConnectionIsDetected(t *testing.T) {
	checkNoGoroutineLeak(t)
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
	conn, err := dial.Dial(testContext(t), "ws"+strings.TrimPrefix(server.URL, "http"))
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
	case <-testContext(t).Done():
		t.Fatal("not noticed")
	}
}

// A connection without messages is kept while the other side answers pings.
func TestQuietConnectionIsKept(t *testing.T) {
	host := startRelay(t)
	dial := relayclient.WebSocket{PingEvery: 5 * time.Millisecond, Silence: 500 * time.Millisecond}
	n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Dial: dial}))
	id := createEvent(t, n, host.url())
	n.Start(t.Context())
	waitSynced(t, n, id, 0)
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

func TestDialErrorsAreExplained(t *testing.T) {
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
		_, err := relayclient.WebSocket{}.Dial(testContext(t), url)
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

// blockingDialer blocks the next write of one of its connections until release is closed, and
// makes all later writes of that connection fail.
type blockingDialer struct {
	relayclient.Dialer
	blockNext        atomic.Bool
	blocked, release chan struct{}
}

func (d *blockingDialer) Dial(ctx context.Context, url string) (relayclient.Conn, error) {
	conn, err := d.Dialer.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	return &blockingConn{Conn: conn, dialer: d}, nil
}

type blockingConn struct {
	relayclient.Conn
	dialer *blockingDialer
	broken bool
}

func (c *blockingConn) Write(frame []byte) error {
	if c.broken {
		return io.ErrClosedPipe
	}
	if c.dialer.blockNext.CompareAndSwap(true, false) {
		c.broken = true
		close(c.dialer.blocked)
		<-c.dialer.release
	}
	return c.Conn.Write(frame)
}

// TestQuestionIsAskedAgainOnTheNextConnection: Sync asks the relay for its heads, and the
// connection is lost before the question is sent. The next connection answers the question.
func TestQuestionIsAskedAgainOnTheNextConnection(t *testing.T) {
	host := startRelay(t)
	dial := &blockingDialer{Dialer: relayclient.WebSocket{}, blocked: make(chan struct{}), release: make(chan struct{})}
	n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Dial: dial}))
	n.Start(t.Context())
	id := createEvent(t, n, host.url())
	makeAuthor(t, n, n, id) // so that it has presence to send
	waitSynced(t, n, id, 0)

	dial.blockNext.Store(true)
	question := ask(t, n, id, "Is anybody there?")
	select {
	case <-dial.blocked:
	case <-testContext(t).Done():
		t.Fatal("nothing was sent")
	}
	if err := n.Announce(t.Context(), id, qa.PresenceAnswering, question); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Sync(over, id); err == nil { // Sync has asked when it returns
		t.Fatal("synced before anything was sent")
	}
	close(dial.release)
	waitSynced(t, n, id, 1)
}
