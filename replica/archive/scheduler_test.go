package archive

import (
	"context"
	"fmt"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/storage/mem"
)

// host is a node without documents.
type host struct {
	now        time.Time
	followed   map[qa.EventID]bool
	attached   map[qa.EventID]string
	unfinished map[qa.EventID]bool
}

func (h *host) Now() time.Time                                { return h.now }
func (h *host) Followed(id qa.EventID) bool                   { return h.followed[id] }
func (h *host) Follow(_ context.Context, id qa.EventID) error { h.followed[id] = true; return nil }

func (h *host) Unfollow(_ context.Context, id qa.EventID) error   { delete(h.followed, id); return nil }
func (h *host) Relay(context.Context, qa.EventID) (string, error) { return "ws://relay", nil }
func (h *host) Attach(id qa.EventID)                              { h.attached[id] = "ws://relay" }
func (h *host) Reattach(_ context.Context, id qa.EventID)         { h.Attach(id) }
func (h *host) Detach(_ context.Context, id qa.EventID)           { delete(h.attached, id) }
func (h *host) Synced(qa.EventID) bool                            { return true }
func (h *host) Unfinished(_ context.Context, id qa.EventID) (bool, error) {
	return h.unfinished[id], nil
}

func (h *host) Attached() map[qa.EventID]string {
	out := map[qa.EventID]string{}
	for id, url := range h.attached {
		out[id] = url
	}
	return out
}

var monday = time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC)

// oldWeeks returns a scheduler, and the given number of a club's weeks that are over and
// followed.
func oldWeeks(t *testing.T, weeks int) (*host, *Scheduler, []qa.EventID) {
	t.Helper()
	h := &host{now: monday, followed: map[qa.EventID]bool{}, attached: map[qa.EventID]string{}, unfinished: map[qa.EventID]bool{}}
	clubs := NewClubs(mem.New(), h)
	club := qa.Event{ID: qa.MakeEventID([16]byte{1}), Kind: "club"}
	h.followed[club.ID] = true
	var ids []qa.EventID
	for i := range weeks {
		e := qa.Event{ID: qa.MakeEventID([16]byte{2, byte(i), byte(i >> 8)}), Title: fmt.Sprint(i)}
		e.SetWeek(2020, time.March, 2, time.UTC)
		w := e.Listing()
		w.ID = e.ID
		club.Weeks = append(club.Weeks, w)
		h.followed[e.ID] = true
		ids = append(ids, e.ID)
	}
	if err := clubs.Update(t.Context(), club); err != nil {
		t.Fatal(err)
	}
	clear(h.attached)
	return h, NewScheduler(h, clubs), ids
}

// step does what Run does after a status change.
func (s *Scheduler) step(ctx context.Context) {
	s.detachDone(ctx)
	s.attachWaiting(ctx)
}

func TestWeeksThatAreOverTakeTurns(t *testing.T) {
	h, s, ids := oldWeeks(t, 2*MaxAttached)
	for _, id := range ids {
		h.unfinished[id] = true
		s.Attach(id)
	}
	if len(h.attached) > 0 {
		t.Fatalf("%d are attached at once", len(h.attached))
	}
	s.step(t.Context())
	if len(h.attached) != MaxAttached {
		t.Fatalf("%d are attached", len(h.attached))
	}
	if status, ok := s.Status(t.Context(), ids[MaxAttached], "ws://relay"); !ok || status.State != qa.RelayConnecting {
		t.Errorf("a week that waits: %+v", status)
	}
	for _, id := range ids[:MaxAttached] {
		h.unfinished[id] = false
	}
	s.step(t.Context())
	for i, id := range ids {
		if _, attached := h.attached[id]; attached != (i >= MaxAttached) {
			t.Errorf("week %d: attached %v", i, attached)
		}
	}
	if status, ok := s.Status(t.Context(), ids[0], "ws://relay"); !ok || status.State != qa.RelayIdle {
		t.Errorf("a week that is done: %+v", status)
	}
}

// A week that is never finished does not make others wait forever.
func TestUnfinishedWeekIsDetachedAfterItsTurn(t *testing.T) {
	h, s, ids := oldWeeks(t, MaxAttached+1)
	for _, id := range ids {
		h.unfinished[id] = true
		s.Attach(id)
	}
	s.step(t.Context())
	last := ids[MaxAttached]
	if _, attached := h.attached[last]; attached {
		t.Fatal("more than MaxAttached weeks are attached")
	}
	h.now = h.now.Add(maxTurn + time.Second)
	s.step(t.Context())
	if _, attached := h.attached[last]; !attached {
		t.Error("the last one still waits")
	}
}

func TestVisitedWeekIsAttachedAtOnce(t *testing.T) {
	h, s, ids := oldWeeks(t, 1)
	s.Visited(ids[0])
	s.Attach(ids[0])
	s.step(t.Context())
	if _, attached := h.attached[ids[0]]; !attached {
		t.Fatal("it was not attached at once")
	}
	h.now = h.now.Add(visitDuration)
	s.step(t.Context())
	if _, attached := h.attached[ids[0]]; attached {
		t.Error("the week is still attached after its visit has ended")
	}
}
