package relay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"flyleaf/relay/wsframe"
)

// lateConn delays SetWriteDeadline, a number of times, until the deadline has passed: as if the relay's goroutine
// did not get to run meanwhile.
type lateConn struct {
	net.Conn
	late int
}

func (c *lateConn) SetWriteDeadline(at time.Time) error {
	err := c.Conn.SetWriteDeadline(at)
	if c.late > 0 {
		c.late--
		time.Sleep(time.Until(at) + 10*time.Millisecond)
	}
	return err
}

// tcp returns both ends of a connection.
func tcp(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}

// TestRelaysOwnDelayIsNotThePeers: a peer is not too slow because the relay was late to write to it.
func TestRelaysOwnDelayIsNotThePeers(t *testing.T) {
	r := newTestRelay(t)
	r.limits.Write = 50 * time.Millisecond
	for _, n := range []int{100, 3 * wsframe.MaxCopied} {
		server, client := tcp(t)
		s := newSession(r)
		s.conn = &lateConn{server, 1}
		message := bytes.Repeat([]byte("x"), n)
		if err := s.send(message); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		want := wsframe.AppendFrame(nil, wsframe.Binary, message)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrived changed: %v", n, err)
		}
		s.conn = &lateConn{server, 2}
		s.writeBy = time.Time{}
		if err := s.send(message); !isTimeout(err) {
			t.Errorf("%d bytes to a peer that is too slow twice: %v", n, err)
		}
	}
}

// hookedConn calls a function whenever a write deadline is set.
type hookedConn struct {
	net.Conn
	hook func()
}

func (c *hookedConn) SetWriteDeadline(at time.Time) error {
	c.hook()
	return c.Conn.SetWriteDeadline(at)
}

// TestSecondWriteContinues: a write that did not finish in time continues where it stopped.
func TestSecondWriteContinues(t *testing.T) {
	r := newTestRelay(t)
	r.limits.Write = time.Minute
	server, client := tcp(t)
	s := newSession(r)
	got := make(chan []byte)
	s.conn = &hookedConn{server, func() {
		go func() {
			b, _ := io.ReadAll(client)
			got <- b
		}()
	}}
	var parts [][]byte
	for i := range 2 {
		b := make([]byte, 16<<20) // more than the kernel holds
		for j := range b {
			b[j] = byte(i + j>>8)
		}
		parts = append(parts, b)
	}
	want := bytes.Join(parts, nil)
	_ = server.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	if err := s.write(parts...); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if b := <-got; !bytes.Equal(b, want) {
		t.Errorf("%d of %d bytes arrived, or other bytes", len(b), len(want))
	}
}
