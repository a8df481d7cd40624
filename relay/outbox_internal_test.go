package relay

import (
	"testing"
	"time"
)

// TestSlowReaderLosesEphemeralMessagesOnly: ephemeral messages are sent after all others. A peer that reads slowly
// loses ephemeral messages, the oldest first, and nothing else.
func TestSlowReaderLosesEphemeralMessagesOnly(t *testing.T) {
	o, now := newOutbox(4), time.Unix(1000, 0)
	for i := range MaxEphemeralQueue + 10 {
		o.queueEphemeral([]byte{byte(i)}, now)
	}
	d := &document{}
	o.schedule(d)
	if !o.queueFrame([]byte("frame")) {
		t.Fatal("no room for a frame")
	}
	if frame, _, _ := o.next(); string(frame) != "frame" {
		t.Errorf("first %q", frame)
	}
	if _, next, _ := o.next(); next != d {
		t.Error("the sync message does not go before ephemeral ones")
	}
	for i := range MaxEphemeralQueue {
		if frame, _, _ := o.next(); len(frame) != 1 || frame[0] != byte(i+10) {
			t.Fatalf("then %v", frame)
		}
	}
	if frame, d, _ := o.next(); frame != nil || d != nil || o.ephemeralSize != 0 {
		t.Errorf("%v left, %d bytes", frame, o.ephemeralSize)
	}

	// In bytes, of the queue and over time.
	big := make([]byte, 50<<10)
	queued := 0
	for range 100 {
		o.queueEphemeral(big, now)
		queued = max(queued, o.ephemeralSize)
	}
	if queued > MaxEphemeralQueueBytes {
		t.Errorf("%d bytes wait", queued)
	}
	for len(o.ephemerals) > 0 {
		o.next()
	}
	o.queueEphemeral(big, now)
	if len(o.ephemerals) != 0 {
		t.Error("more than the burst was passed")
	}
	o.queueEphemeral(big, now.Add(10*time.Second))
	if len(o.ephemerals) != 1 {
		t.Error("nothing is passed any more")
	}
}

// TestReaderWaitsForItsWriter: the reader of a session with a full outbox waits for the writer; the session is not ended.
func TestReaderWaitsForItsWriter(t *testing.T) {
	o := newOutbox(8)
	told := make(chan int)
	go func() {
		n := 0
		for range 100 {
			o.waitForSpace()
			if o.queueFrame([]byte{1}) {
				n++
			}
		}
		told <- n
	}()
	for sent := 0; sent < 96; {
		<-o.wake
		for {
			frame, _, _ := o.next()
			if frame == nil {
				break
			}
			sent++
		}
	}
	o.close()
	if n := <-told; n < 96 {
		t.Errorf("%d of 100 were queued", n)
	}
}
