package qa

import (
	"fmt"
	"time"
)

// Status is what a device knows about one event's delivery.
type Status struct {
	Event   EventID     `json:"event"`
	Title   string      `json:"title"`
	Posts   int         `json:"posts"`
	Pending int         `json:"pending"` // local changes that are only on this device
	Changes int         `json:"changes"`
	Heads   []string    `json:"heads"` // hex, ascending; empty for an idle week, and where they are not asked for
	Relay   RelayStatus `json:"relay"`
}

// Waiting returns how many local changes wait to be sent: none if there is no relay to send them to.
func (s *Status) Waiting() int {
	if s.Relay.State == RelayNone || s.Relay.State == "" {
		return 0
	}
	return s.Pending
}

// The states of a connection to a relay.
const (
	RelayNone       = "none"       // the event has no relay
	RelayOffline    = "offline"    // not connected; Why says why
	RelayConnecting = "connecting" // dialling or joining
	RelaySyncing    = "syncing"    // connected, heads differ
	RelaySynced     = "synced"     // relay and device have the same heads
	RelayIdle       = "idle"       // a week that is over and was synced; the relay is not asked until somebody opens it
)

// RelayStatus is the state of the connection to an event's relay.
type RelayStatus struct {
	URL         string `json:"url"`
	State       string `json:"state"`
	Why         string `json:"why,omitempty"`
	SinceMillis int64  `json:"since,omitempty"`
	// Tries is how often connecting to the relay has failed since it was connected last, or since the program was
	// started. LastTryMillis is when the last attempt began, NextTryMillis when the next one will; 0: none is waiting.
	Tries         int   `json:"tries,omitempty"`
	LastTryMillis int64 `json:"lastTry,omitempty"`
	NextTryMillis int64 `json:"nextTry,omitempty"`
	// ClockOffMillis is how far this device's clock is ahead of the relay's, negative when
	// it is behind, where they differ by more than ClockTolerance.
	ClockOffMillis int64 `json:"clockOff,omitempty"`
}

// ClockWarning says how far this device's clock and the relay's differ; "" if they agree.
func (r *RelayStatus) ClockWarning() string {
	if r.ClockOffMillis == 0 {
		return ""
	}
	off, way := time.Duration(r.ClockOffMillis)*time.Millisecond, "ahead of"
	if r.ClockOffMillis < 0 {
		off, way = -off, "behind"
	}
	n, unit := int64(off/time.Minute), "minutes"
	switch {
	case off >= 48*time.Hour:
		n, unit = int64(off/(24*time.Hour)), "days"
	case off >= 2*time.Hour:
		n, unit = int64(off/time.Hour), "hours"
	}
	return fmt.Sprintf("this device’s clock is %d %s %s the relay’s. One of them is wrong. Your posts use this device’s time", n, unit, way)
}

// Unsent says what about a post this device has written and no relay has, as far as is known.
type Unsent struct {
	Text     bool `json:"text,omitempty"`     // the post itself, an edit, a choice among versions or its withdrawal
	Vote     bool `json:"vote,omitempty"`     // a vote for it was given or taken back
	Reaction bool `json:"reaction,omitempty"` // another reaction
	Mark     bool `json:"mark,omitempty"`     // anything else, such as that it is hidden or answered
	Changes  int  `json:"changes,omitempty"`  // how many changes
}

// Add counts an act in.
func (u *Unsent) Add(a *Act) {
	u.Changes++
	switch {
	case a.Kind == ActPost, a.Kind == ActEdit, a.Kind == ActWithdraw:
		u.Text = true
	case a.Kind == ActReact && a.Emoji == WantEmoji:
		u.Vote = true
	case a.Kind == ActReact:
		u.Reaction = true
	default:
		u.Mark = true
	}
}
