package replica

import (
	"slices"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
)

// Update tells a subscriber what changed; see qa.Update.
type Update = qa.Update

// subscribers delivers updates without blocking: updates that a slow subscriber has not
// read yet are merged into one Update for each event.
type subscribers struct {
	mu     lockorder.Mutex[lockorder.Subscribers] // guards what follows
	closed bool
	all    map[*subscription]bool
}

type subscription struct {
	event qa.EventID // "": all events
	out   chan Update
	more  chan struct{} // holds one token while pending is not empty
	done  chan struct{}
	ended chan struct{}

	mu      lockorder.Mutex[lockorder.Subscription] // guards what follows
	order   []qa.EventID
	pending map[qa.EventID]*mergedUpdate
}

// mergedUpdate is what one subscriber has not read yet about one event.
type mergedUpdate struct {
	posts  map[qa.PostID]bool
	order  []qa.PostID
	status bool
}

// Subscribe returns a channel of updates about an event, or about all events if event is "",
// and a function that ends the subscription. The channel is closed when the subscription or
// the node ends. A slow reader gets fewer and larger updates, and never delays the node.
func (n *Node) Subscribe(event qa.EventID) (<-chan Update, func()) {
	s := &subscription{
		event: event, out: make(chan Update), more: make(chan struct{}, 1),
		done: make(chan struct{}), ended: make(chan struct{}), pending: map[qa.EventID]*mergedUpdate{},
	}
	n.subs.mu.Lock()
	defer n.subs.mu.Unlock()
	if n.subs.closed {
		close(s.out)
		return s.out, func() {}
	}
	if n.subs.all == nil {
		n.subs.all = map[*subscription]bool{}
	}
	n.subs.all[s] = true
	go s.run()
	return s.out, func() { n.subs.end(s) }
}

// notify delivers an update; one without an event is ignored.
func (s *subscribers) notify(u Update) {
	if u.Event == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.all {
		if sub.event == "" || sub.event == u.Event {
			sub.add(u)
		}
	}
}

func (s *subscribers) end(sub *subscription) {
	s.mu.Lock()
	if s.all[sub] {
		delete(s.all, sub)
		close(sub.done)
	}
	s.mu.Unlock()
	<-sub.ended
}

func (s *subscribers) close() {
	s.mu.Lock()
	s.closed = true
	ending := make([]*subscription, 0, len(s.all))
	for sub := range s.all {
		ending = append(ending, sub)
	}
	s.mu.Unlock()
	for _, sub := range ending {
		s.end(sub)
	}
}

func (s *subscription) add(u Update) {
	s.mu.Lock()
	j := s.pending[u.Event]
	if j == nil {
		j = &mergedUpdate{posts: map[qa.PostID]bool{}}
		s.pending[u.Event] = j
		s.order = append(s.order, u.Event)
	}
	for _, p := range u.Posts {
		if !j.posts[p] {
			j.posts[p] = true
			j.order = append(j.order, p)
		}
	}
	j.status = j.status || u.Status
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *subscription) next() (Update, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		return Update{}, false
	}
	id := s.order[0]
	s.order = slices.Delete(s.order, 0, 1)
	j := s.pending[id]
	delete(s.pending, id)
	return Update{Event: id, Posts: j.order, Status: j.status}, true
}

func (s *subscription) run() {
	defer close(s.ended)
	defer close(s.out)
	for {
		select {
		case <-s.done:
			return
		case <-s.more:
		}
		for {
			u, ok := s.next()
			if !ok {
				break
			}
			select {
			case <-s.done:
				return
			case s.out <- u:
			}
		}
	}
}
