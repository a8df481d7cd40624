package archive

import (
	"context"
	"time"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
)

const (
	// MaxAttached is how many weeks that are over are attached to one relay at the same
	// time, not counting weeks that a person has just visited.
	MaxAttached = 32
	// maxTurn is how long such a week stays attached while others wait.
	maxTurn = time.Minute
	// visitDuration is how long a week is kept in sync after a person looked at it.
	visitDuration = 10 * time.Minute
	// pollEvery is how often the scheduler runs when no status changes.
	pollEvery = 5 * time.Second
)

// Scheduler decides which of the weeks that are over are attached to their relays. It is
// safe for concurrent use.
type Scheduler struct {
	host  Host
	clubs *Clubs
	wake  chan struct{} // holds a token after an event was queued

	mu       lockorder.Mutex[lockorder.Schedule] // guards what follows
	visited  map[qa.EventID]time.Time            // time of the last visit
	imported map[qa.EventID]bool                 // weeks imported in this run that are over and will be listed by a club
	attached map[qa.EventID]time.Time            // weeks that are over and attached, with the time of attaching
	queue    []qa.EventID                        // weeks that wait to be attached
	queued   map[qa.EventID]bool                 // the weeks in queue
}

// NewScheduler returns a scheduler for the weeks that clubs list.
func NewScheduler(host Host, clubs *Clubs) *Scheduler {
	return &Scheduler{
		host: host, clubs: clubs, wake: make(chan struct{}, 1),
		visited: map[qa.EventID]time.Time{}, imported: map[qa.EventID]bool{},
		attached: map[qa.EventID]time.Time{}, queued: map[qa.EventID]bool{},
	}
}

// isOver reports whether a week of a club has been over for so long that it need not be
// kept in sync with its relay.
func (s *Scheduler) isOver(id qa.EventID, now time.Time) bool {
	if l, ok := s.clubs.Listed(id); ok {
		return l.Archived(now.UnixMilli())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.imported[id]
}

// Imported records that a week was imported that is over and that a club will list.
func (s *Scheduler) Imported(id qa.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.imported[id] = true
}

// Visited records that a person looks at an event now.
func (s *Scheduler) Visited(id qa.EventID) {
	now := s.host.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visited[id] = now
}

// VisitedIfOver is Visited for a week that is over. For other events it does nothing: they
// are always kept in sync.
func (s *Scheduler) VisitedIfOver(id qa.EventID) {
	if s.isOver(id, s.host.Now()) {
		s.Visited(id)
	}
}

// Attach attaches an event to its relay. A week that is over, and that nobody visited
// recently, waits until fewer than MaxAttached weeks are attached to the relay.
func (s *Scheduler) Attach(id qa.EventID) {
	now := s.host.Now()
	over := s.isOver(id, now)
	s.mu.Lock()
	wait := over && !s.recentlyVisited(id, now)
	if wait {
		s.enqueue(id)
	}
	s.mu.Unlock()
	if !wait {
		s.host.Attach(id)
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// recentlyVisited reports whether a person looked at an event within visitDuration. mu is
// held.
func (s *Scheduler) recentlyVisited(id qa.EventID, now time.Time) bool {
	return now.Sub(s.visited[id]) < visitDuration
}

// enqueue adds an event to the queue. mu is held.
func (s *Scheduler) enqueue(id qa.EventID) {
	if !s.queued[id] {
		s.queued[id] = true
		s.queue = append(s.queue, id)
	}
}

// Detached records that an event is no longer attached.
func (s *Scheduler) Detached(id qa.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.attached, id)
}

// Run attaches and detaches weeks until ctx ends. nextChange returns a channel that is
// closed when the sync status of an event changes.
func (s *Scheduler) Run(ctx context.Context, nextChange func() <-chan struct{}) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		changed := nextChange()
		s.detachDone(ctx)
		s.attachWaiting(ctx)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// detachDone detaches weeks that are over if they are finished, or if they have been
// attached longer than maxTurn while others wait.
func (s *Scheduler) detachDone(ctx context.Context) {
	now := s.host.Now()
	attached := s.host.Attached()
	var over []qa.EventID
	for id := range attached {
		if s.isOver(id, now) {
			over = append(over, id)
		}
	}
	s.mu.Lock()
	for _, id := range over {
		if _, ok := s.attached[id]; !ok {
			s.attached[id] = now
		}
	}
	for id := range s.attached {
		if _, ok := attached[id]; !ok {
			delete(s.attached, id)
		}
	}
	waiting := len(s.queue) > 0
	s.mu.Unlock()
	for _, id := range over {
		s.mu.Lock()
		visited, turnOver := s.recentlyVisited(id, now), waiting && now.Sub(s.attached[id]) > maxTurn
		s.mu.Unlock()
		if visited {
			continue
		}
		unfinished, err := s.host.Unfinished(ctx, id)
		if err != nil || !turnOver && (unfinished || !s.host.Synced(id)) {
			continue // there are changes to exchange, or may be
		}
		s.host.Detach(ctx, id)
		if unfinished {
			s.Attach(id)
		}
	}
}

// attachWaiting attaches waiting weeks, up to MaxAttached for each relay.
func (s *Scheduler) attachWaiting(ctx context.Context) {
	now := s.host.Now()
	urls := s.host.Attached()
	s.mu.Lock()
	queue := s.queue
	s.queue, s.queued = nil, map[qa.EventID]bool{}
	attached := map[string]int{} // by relay
	for id := range s.attached {
		if url, ok := urls[id]; ok && !s.recentlyVisited(id, now) {
			attached[url]++
		}
	}
	s.mu.Unlock()
	var stillWaiting []qa.EventID
	for _, id := range queue {
		unfinished, err := s.host.Unfinished(ctx, id)
		if err != nil || !unfinished {
			continue
		}
		url, err := s.host.Relay(ctx, id)
		if err != nil || url == "" {
			continue
		}
		if attached[url] >= MaxAttached {
			stillWaiting = append(stillWaiting, id)
			continue
		}
		attached[url]++
		s.mu.Lock()
		s.attached[id] = now
		s.mu.Unlock()
		s.host.Attach(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range stillWaiting {
		s.enqueue(id)
	}
}

// Status returns the status of a week that is not attached because it is over; false for
// any other event. url is the URL of its relay.
func (s *Scheduler) Status(ctx context.Context, id qa.EventID, url string) (qa.RelayStatus, bool) {
	if !s.isOver(id, s.host.Now()) {
		return qa.RelayStatus{}, false
	}
	unfinished, err := s.host.Unfinished(ctx, id)
	if err == nil && !unfinished {
		return qa.RelayStatus{URL: url, State: qa.RelayIdle, Why: "the week is over; it is synced again when somebody opens it"}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued[id] {
		return qa.RelayStatus{URL: url, State: qa.RelayConnecting, Why: "other weeks are synced first"}, true
	}
	return qa.RelayStatus{}, false
}
