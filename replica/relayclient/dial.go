package relayclient

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"flyleaf/qa"
)

// Dialer opens connections to relays.
type Dialer interface {
	// Dial connects to a ws:// or wss:// URL. It returns when the connection is
	// established, when it fails, or when ctx ends.
	Dial(ctx context.Context, url string) (Conn, error)
}

// Conn is a connection that carries whole frames. Read and Write may be called
// at the same time, each by one goroutine; Close by any, any number of times.
type Conn interface {
	// Read returns the next frame, at most wire.MaxFrame bytes. If NoticesSilence, it fails
	// within 15 s after the other side stopped answering, even if neither side sends frames.
	Read() ([]byte, error)
	NoticesSilence() bool
	// Write sends a frame. It fails when the other side has not received it within 10 s.
	Write(frame []byte) error
	Close() error
	// Relay returns what was learned about the relay while dialling.
	Relay() RelayInfo
}

// RelayInfo is what a Conn learned about the relay while dialling. The zero value says nothing.
type RelayInfo struct {
	Time      time.Time // the relay's time when it answered; zero: unknown
	ServesApp bool      // the relay serves Flyleaf for the browser, if AppKnown
	AppKnown  bool
}

// ClockOff returns how many ms this device's clock is ahead of the relay's, negative when it
// is behind; 0 when the difference is small (qa.ClocksApart) or the relay's time is unknown.
// It is only for telling the person that one of the two clocks is wrong.
func ClockOff(conn Conn, now time.Time) int64 {
	relay := conn.Relay().Time
	if relay.IsZero() || !qa.ClocksDiffer(now, relay) {
		return 0
	}
	return now.UnixMilli() - relay.UnixMilli()
}

// ErrNoDialer is returned on platforms that have no way to reach a relay.
var ErrNoDialer = errors.New("this build has no way to reach a relay")

// RefusedError says that a server answered, and why it does not accept a connection now.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the relay refused the connection: " + e.Reason }

// ExplainDial returns in a few words why a relay could not be reached, or why the
// connection ended.
func ExplainDial(err error) string {
	var dns *net.DNSError
	var opErr *net.OpError
	var refused *RefusedError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no relay has the name " + dns.Name
	case errors.As(err, &dns):
		return "the relay's name could not be looked up; is there a network?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the relay is not running, or does not listen at this address"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no network to the relay"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the relay does not answer"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection to the relay was lost"
	case errors.As(err, &opErr) && opErr.Err != nil:
		return "the relay cannot be reached: " + opErr.Err.Error()
	case strings.Contains(err.Error(), "bad handshake"):
		return "the server at this address is not a relay"
	}
	return "the relay cannot be reached: " + err.Error()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
