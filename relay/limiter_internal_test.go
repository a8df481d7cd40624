package relay

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"flyleaf/relay/wsframe"
	"flyleaf/storage/mem"
)

// waitFor starts a goroutine that waits for a turn in the lane, and returns once it waits. The goroutine sends
// the lane to came when it gets its turn.
func waitFor(t *fairLimiter, l *lane, suspect bool, quit chan struct{}, came chan<- *lane) {
	t.mu.Lock()
	before := len(l.waiting)
	t.mu.Unlock()
	go func() {
		if t.acquire(l, suspect, quit) {
			came <- l
		} else {
			came <- nil
		}
	}()
	for queued := false; !queued; {
		t.mu.Lock()
		queued = len(l.waiting) > before
		t.mu.Unlock()
	}
}

// TestTurnsGoRound: however many of one address wait, another address waits for one turn of each.
func TestTurnsGoRound(t *testing.T) {
	turns, quit, came := newFairLimiter(1, 0), make(chan struct{}), make(chan *lane)
	lanes := make([]lane, 3)
	busy, other, honest := &lanes[0], &lanes[1], &lanes[2]
	if !turns.acquire(busy, false, quit) {
		t.Fatal("no turn although all are free")
	}
	for range 50 {
		waitFor(turns, busy, false, quit, came)
	}
	for range 50 {
		waitFor(turns, other, false, quit, came)
	}
	waitFor(turns, honest, false, quit, came)
	holder, before := busy, 0
	for i := range 101 {
		turns.release(holder)
		if holder = <-came; holder == honest {
			before = i
		}
	}
	if before > 2 {
		t.Errorf("waited for %d turns of two others", before)
	}
	turns.release(holder)
	if turns.free != 1 || len(turns.ready[0]) > 0 {
		t.Errorf("%d free, %d ready at the end", turns.free, len(turns.ready[0]))
	}
}

// TestSuspectsWait: a peer that has sent garbage waits for the others, but gets turns.
func TestSuspectsWait(t *testing.T) {
	turns, quit, came := newFairLimiter(1, 0), make(chan struct{}), make(chan *lane)
	var clean, suspect lane
	turns.acquire(&clean, false, quit)
	for range 40 {
		waitFor(turns, &suspect, true, quit, came)
	}
	for range 40 {
		waitFor(turns, &clean, false, quit, came)
	}
	holder, first, lastClean := &clean, 0, 0
	for i := range 80 {
		turns.release(holder)
		holder = <-came
		if holder == &suspect && first == 0 {
			first = i + 1
		}
		if holder == &clean {
			lastClean = i + 1
		}
	}
	if first == 0 || first > suspectShare {
		t.Errorf("a suspect's first turn is number %d", first)
	}
	if most := 40 + 40/(suspectShare-1) + 1; lastClean > most {
		t.Errorf("40 turns took until turn %d, want at most %d", lastClean, most)
	}
}

// TestTurnsOfOneLane: a lane has a limited number of turns, other lanes do not wait for it, and a waiter that
// gives up gets none.
func TestTurnsOfOneLane(t *testing.T) {
	turns, quit, came := newFairLimiter(4, 1), make(chan struct{}), make(chan *lane, 2)
	var one, two lane
	turns.acquire(&one, false, quit)
	waitFor(turns, &one, false, quit, came)
	if !turns.acquire(&two, false, quit) || turns.free != 2 {
		t.Error("another lane has to wait")
	}
	turns.release(&one)
	if <-came != &one {
		t.Error("no second turn")
	}
	waitFor(turns, &one, false, quit, came)
	close(quit)
	if <-came != nil {
		t.Error("a waiter that gave up got a turn")
	}
	turns.release(&one)
	turns.release(&two)
	if turns.free != 4 || len(one.waiting) > 0 || one.running+two.running > 0 {
		t.Errorf("%d free at the end, lanes %+v %+v", turns.free, one, two)
	}
}

func newTestRelay(t *testing.T) *Relay {
	t.Helper()
	r, err := New(Config{Store: mem.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown(t.Context()) })
	return r
}

// TestMemoryIsTakenFromTheSlowest: a connection that needs memory gets that of the unfinished message that has made no
// progress for longest. Messages that are being handled keep theirs.
func TestMemoryIsTakenFromTheSlowest(t *testing.T) {
	r := newTestRelay(t)
	r.memory = newMemory(100, 60)
	connect := func(a *account, due int64) *session {
		s := newSession(r)
		s.account = a
		s.memory.due.Store(due)
		return s
	}
	take := func(s *session, n int, reading bool) {
		t.Helper()
		if err := r.memory.reserve(s, n, reading); err != nil {
			t.Fatal(err)
		}
	}
	a, b := &account{}, &account{}
	handled, slow, slower := connect(nil, 1), connect(a, 20), connect(a, 10)
	take(handled, 40, false)
	take(slow, 30, true)
	take(slower, 30, true)
	honest := connect(b, 30)
	got := make(chan error)
	go func() { got <- r.memory.reserve(honest, 25, true) }()
	<-slower.quit
	select {
	case err := <-got:
		t.Fatalf("taken before it was given back: %v", err)
	default:
	}
	r.memory.releaseAll(slower)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if slow.hasEnded() || handled.hasEnded() {
		t.Error("another session was ended too")
	}
	// The address uses 30 of 60, and the session that asks for more is its slowest.
	if err := r.memory.reserve(slow, 31, true); err != error(errFullOfYours) {
		t.Errorf("more than an address may have: %v", err)
	}
	if r.memory.used != 95 || a.share.bytes != 30 || b.share.bytes != 25 {
		t.Errorf("%d used, %d and %d of the addresses", r.memory.used, a.share.bytes, b.share.bytes)
	}
	for _, s := range []*session{handled, slow, honest} {
		r.memory.releaseAll(s)
	}
	if r.memory.used != 0 || len(r.memory.holders) != 0 || a.share != (share{}) {
		t.Errorf("%d used at the end by %d", r.memory.used, len(r.memory.holders))
	}
}

// TestNewMessageIsNotTheSlowest: a message that has just begun is not the slowest, even if its connection was slow before.
func TestNewMessageIsNotTheSlowest(t *testing.T) {
	r := newTestRelay(t)
	r.memory = newMemory(1<<20, 1<<20)
	payload := make([]byte, 200<<10)
	frame := clientFrame(0x80|byte(wsframe.Binary), [4]byte{}, payload)
	s := newTestSession(r, frame)
	for range 2 { // the second time with the state that the first message left
		stalled := newSession(r)
		stalled.memory.due.Store(time.Now().Add(r.limits.Stall / 2).UnixNano())
		if err := r.memory.reserve(stalled, 1<<20, true); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-stalled.quit
			r.memory.releaseAll(stalled)
		}()
		if m, err := s.message(func() {}, time.Time{}); err != nil || len(m) != len(payload) {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
		s.releaseMessage()
		s.in = wsframe.NewReader(bytes.NewReader(frame), true)
	}
}

// TestMemoryNeverExceeds: many connections together never use more memory than the limit, and none waits for ever.
func TestMemoryNeverExceeds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newTestRelay(t)
	const most, each = 1000, 300
	r.memory = newMemory(most, each)
	accounts := make([]account, 5)
	var held []*session
	for i := range 4 { // so that there is little left
		s := newSession(r)
		s.account = &accounts[i]
		if err := r.memory.reserve(s, 200, false); err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	var all sync.WaitGroup
	for i := range 40 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for range 100 {
				s := newSession(r)
				s.account = &accounts[random.IntN(len(accounts))]
				for range random.IntN(5) {
					s.memory.due.Store(random.Int64N(100))
					if r.memory.reserve(s, random.IntN(200), true) != nil {
						break
					}
				}
				r.memory.complete(s)
				if random.IntN(2) == 0 {
					_ = r.memory.reserve(s, random.IntN(200), false)
				}
				r.memory.mu.Lock()
				if s.account.share.bytes > each {
					t.Errorf("%d bytes of an address", s.account.share.bytes)
				}
				r.memory.mu.Unlock()
				r.memory.releaseAll(s)
			}
		})
	}
	all.Wait()
	for _, s := range held {
		r.memory.releaseAll(s)
	}
	if r.memory.used != 0 || r.memory.leaving != 0 || r.memory.peak > most || r.memory.peak <= 800 {
		t.Errorf("%d used at the end, %d of those who left, %d at the most", r.memory.used, r.memory.leaving, r.memory.peak)
	}
}

func TestPace(t *testing.T) {
	const grace, kib = 10 * time.Second, 1 << 10
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		name  string
		every time.Duration // between parts
		part  int           // bytes
		ends  time.Duration // after which it is too slow, rounded to parts
	}{
		{"nothing more comes", time.Hour, 0, 10 * time.Second},
		{"frames without a byte", time.Second, 0, 10 * time.Second},
		{"half the rate", time.Second, 2 * kib, 20 * time.Second},
		{"a little too slow", time.Second, 3 * kib, 37 * time.Second},
		{"the rate, for ever", time.Second, 4 * kib, FrameWait},
		{"fast, for ever", time.Second, 1 << 20, FrameWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p messageDeadline
			p.begin(start, grace, start.Add(FrameWait))
			now := start
			for now.Add(c.every).Before(p.due) {
				now = now.Add(c.every)
				p.arrived(now, c.part, grace, 4*kib)
			}
			if got := p.due.Sub(start); (got - c.ends).Abs() > time.Second {
				t.Errorf("too slow after %v, want %v", got, c.ends)
			}
		})
	}
	// What came fast before does not let it stand still for longer.
	var p messageDeadline
	p.begin(start, grace, start.Add(FrameWait))
	p.arrived(start.Add(time.Second), 1<<20, grace, 4*kib)
	if got := p.due.Sub(start); got != 11*time.Second {
		t.Errorf("after a fast MiB it may stand still until %v", got)
	}
	p.waited(time.Minute)
	if got := p.due.Sub(start); got != 71*time.Second {
		t.Errorf("a minute of waiting for the relay counts: %v", got)
	}
}

// FuzzFrames: reading any bytes ends with a message or an error, and the session holds no more memory than it
// reserved.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x82\x83\x00\x00\x00\x00abc"))
	f.Add([]byte("\x02\x81\x01\x02\x03\x04a\x89\x80\x00\x00\x00\x00\x80\x81\x01\x02\x03\x04b"))
	f.Add([]byte("\xc2\x85\x00\x00\x00\x00\x4a\x4c\x4a\x06\x00"))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
	r, err := New(Config{Store: mem.New()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Shutdown(f.Context()) })
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newTestSession(r, b)
		for range 10 {
			m, err := s.message(func() {}, time.Time{})
			if err != nil {
				break
			}
			if len(m) > s.limit {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
		if cap(s.buf) > keptBuffer && s.memory.bytes < int64(cap(s.buf)) || cap(s.plain) > keptBuffer && s.memory.bytes < int64(cap(s.plain)) {
			t.Errorf("buffers of %d and %d bytes, %d taken", cap(s.buf), cap(s.plain), s.memory.bytes)
		}
		s.releaseMessage()
		if s.memory.bytes != 0 || s.hasLargeSlot {
			t.Errorf("%d bytes are still held", s.memory.bytes)
		}
	})
}

// clientFrame returns a frame as a client writes it; first is its first byte.
func clientFrame(first byte, mask [4]byte, payload []byte) []byte {
	b := []byte{first, 0x80 | byte(min(len(payload), 127))}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(len(payload)))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// deflated returns a message in the form of RFC 7692, section 7.2.1.
func deflated(t *testing.T, message []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(message)
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// newTestSession returns a session that reads b, without a connection.
func newTestSession(r *Relay, b []byte) *session {
	s := newSession(r)
	s.in = wsframe.NewReader(bytes.NewReader(b), true)
	s.deflate, s.limit = true, 1<<20
	s.ended = true // so that no deadline is set on the connection that it lacks
	return s
}

// TestMessagesInParts: a message is read correctly however it is cut into frames, deflated or not, with pings and
// pongs in between. No part of a message is left in the next one.
func TestMessagesInParts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newTestRelay(t)
	var stream []byte
	frame := func(first byte, payload []byte) {
		stream = append(stream, clientFrame(first, [4]byte{byte(random.Uint32()), byte(random.Uint32()), 3, 4}, payload)...)
	}
	var want [][]byte
	for i := range 60 {
		m := make([]byte, random.IntN(1+50<<(i%10)))
		for j := range m {
			m[j] = byte(random.IntN(5)) // so that deflating saves something
		}
		want = append(want, m)
		first, travels := byte(wsframe.Binary), m
		if i%2 == 1 {
			first, travels = 0x40|first, deflated(t, m)
		}
		for {
			n := min(len(travels), random.IntN(1+max(1, len(m)/2)))
			last := n == len(travels)
			b0 := first
			if last {
				b0 |= 0x80
			}
			frame(b0, travels[:n])
			travels, first = travels[n:], byte(wsframe.Continuation)
			if last {
				break
			}
			if random.IntN(3) == 0 {
				frame(0x80|byte(wsframe.Ping), []byte("still there?"))
				frame(0x80|byte(wsframe.Pong), nil)
			}
		}
	}
	s := newTestSession(r, stream)
	for i, m := range want {
		got, err := s.message(func() {}, time.Time{})
		if err != nil || !bytes.Equal(got, m) {
			t.Fatalf("message %d of %d bytes: %d bytes, %v", i, len(m), len(got), err)
		}
	}
	if p := s.pong.Load(); p == nil || string(*p) != "still there?" {
		t.Error("the pings are not noticed")
	}
}

// TestEndedSessionReservesNoMemory: a session that was told to end reserves no more memory, also in the moment before
// it ends. Otherwise it would release more than was counted as leaving.
func TestEndedSessionReservesNoMemory(t *testing.T) {
	r := newTestRelay(t)
	r.memory = newMemory(1000, 1000)
	s := newSession(r)
	if err := r.memory.reserve(s, 100, true); err != nil {
		t.Fatal(err)
	}
	s.memory.leaving = true
	r.memory.leaving += s.memory.bytes
	s.share().leaving += s.memory.bytes
	if err := r.memory.reserve(s, 50, true); err == nil {
		t.Error("it reserved more memory")
	}
	r.memory.releaseAll(s)
	if r.memory.used != 0 || r.memory.leaving != 0 || s.share().leaving != 0 {
		t.Errorf("%d used, %d leaving", r.memory.used, r.memory.leaving)
	}
}
