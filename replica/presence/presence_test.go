package presence

import (
	"crypto/rand"
	"testing"
	"time"

	"flyleaf/keys"
	"flyleaf/qa"
)

func newKey(t *testing.T) keys.Key {
	t.Helper()
	key, err := keys.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var (
	event = qa.MakeEventID([16]byte{1})
	start = time.UnixMilli(1_700_000_000_000)
)

func post(i byte) qa.PostID {
	actor := make([]byte, 40)
	return qa.MakePostID(qa.IdentityOfActor(actor), actor, uint64(i)+1)
}

// receive gives a board a signal signed with a key. It reports whether the signal is new.
func receive(t *testing.T, b *Board, key keys.Key, kind string, of qa.PostID, count uint64, sent, heard time.Time) bool {
	t.Helper()
	m, err := Encode(Signal{Kind: kind, By: key.Identity(), Post: of}, key, event, "session", count, sent)
	if err != nil {
		t.Fatal(err)
	}
	_, isNew := b.Receive(event, m, heard)
	return isNew
}

func TestSignalIsShownUntilItExpires(t *testing.T) {
	var b Board
	key := newKey(t)
	if !receive(t, &b, key, qa.PresenceAnswering, post(1), 1, start, start) {
		t.Error("the first signal is not new")
	}
	if receive(t, &b, key, qa.PresenceAnswering, post(1), 1, start, start) {
		t.Error("the same message again is new")
	}
	if !receive(t, &b, key, qa.PresenceSeen, post(1), 2, start, start) {
		t.Error("another kind of signal is not new")
	}
	if got := b.List(start.Add(29*time.Second), 30*time.Second); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if got := b.List(start.Add(30*time.Second), 30*time.Second); len(got) != 1 || got[0].Kind != qa.PresenceSeen {
		t.Errorf("after the time of an answer: %+v", got)
	}
}

func TestOldAndForeignSignalsAreNotShown(t *testing.T) {
	var b Board
	key := newKey(t)
	for _, sent := range []time.Time{start.Add(-maxSkew - time.Millisecond), start.Add(maxSkew + time.Millisecond)} {
		if receive(t, &b, key, qa.PresenceSeen, post(1), 1, sent, start) {
			t.Errorf("sent at %s, heard at %s", sent, start)
		}
	}
	m, err := Encode(Signal{Kind: qa.PresenceSeen, By: newKey(t).Identity(), Post: post(1)}, key, event, "session", 1, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, isNew := b.Receive(event, m, start); isNew {
		t.Error("a signal signed by another person is shown")
	}
	m, err = Encode(Signal{Kind: qa.PresenceSeen, By: key.Identity(), Post: post(1)}, key, event, "session", 1, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, isNew := b.Receive(qa.MakeEventID([16]byte{2}), m, start); isNew {
		t.Error("a signal of another event is shown")
	}
}

// However many people send signals, a bounded number is remembered.
func TestSignalsOfManyPeopleAreBounded(t *testing.T) {
	var b Board
	for range maxSignals + 88 {
		receive(t, &b, newKey(t), qa.PresenceSeen, post(1), 1, start, start)
	}
	if got := len(b.List(start, time.Hour)); got != maxSignals {
		t.Errorf("%d are remembered", got)
	}
}

func TestExpireReportsEachPostOnce(t *testing.T) {
	var b Board
	now := start
	receive(t, &b, newKey(t), qa.PresenceAnswering, post(1), 1, now, now)
	var reported []qa.PostID
	expire := func() {
		b.Expire(func() time.Time { return now }, time.Hour, func(posts []qa.PostID) { reported = append(reported, posts...) })
	}
	expire()
	if len(reported) > 0 {
		t.Fatalf("reported too early: %v", reported)
	}
	now = now.Add(time.Hour)
	expire()
	expire()
	if len(reported) != 1 || reported[0] != post(1) {
		t.Errorf("reported %v", reported)
	}
	b.Stop()
}

func TestReceiptsAreSentOnce(t *testing.T) {
	var b Board
	var posts []qa.PostID
	for i := range byte(MaxReceipts + 5) {
		posts = append(posts, post(i))
	}
	if got := b.ToAcknowledge(posts); len(got) != MaxReceipts || got[0] != post(5) {
		t.Errorf("%d posts, the first %s", len(got), got[0])
	}
	if got := b.ToAcknowledge(posts); len(got) > 0 {
		t.Errorf("again: %v", got)
	}
}
