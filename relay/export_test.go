package relay

import "flyleaf/qa"

// Seen is what a relay uses, for tests.
type Seen struct {
	Rooms     int
	Interests int
	Unfounded int
	Turns     int64
	Rebuilt   int64
	InLine    int // submissions that wait for a turn, of all rooms
}

// See returns what the relay uses now.
func (r *Relay) See() (s Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Rooms, s.Interests, s.Unfounded = len(r.rooms), r.interests.count, len(r.unfounded)
	s.Turns, s.Rebuilt = r.turnsTaken.Load(), r.rebuilt.Load()
	r.turns.mu.Lock()
	defer r.turns.mu.Unlock()
	for _, m := range r.rooms {
		s.InLine += len(m.errand.waiting)
	}
	return s
}

// Asked says by how many connections a document that is not here is waited for.
func (r *Relay) Asked(event qa.EventID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.interests.of[event])
}

// Scarcity is how little room the disk has, from 0 to 3.
func (r *Relay) Scarcity() int { return int(r.scarcity()) }
