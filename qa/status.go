package qa

// Status is what a device knows about one event's delivery.
type Status struct {
	Event   EventID     `json:"event"`
	Title   string      `json:"title"`
	Posts   int         `json:"posts"`
	Pending int         `json:"pending"` // own changes that are only on this device
	Changes int         `json:"changes"`
	Heads   []string    `json:"heads"` // hex, ascending; not read of a week at rest
	Relay   RelayStatus `json:"relay"`
}

// The states of a link to a relay.
const (
	RelayNone       = "none"       // the event has no relay
	RelayOffline    = "offline"    // not connected; Why says why
	RelayConnecting = "connecting" // dialling or joining
	RelaySyncing    = "syncing"    // connected, heads differ
	RelaySynced     = "synced"     // relay and device hold the same heads
	RelayResting    = "resting"    // a week that is over, last seen in step; not asked about until it is opened
)

// RelayStatus is the state of the link to an event's relay.
type RelayStatus struct {
	URL         string `json:"url"`
	State       string `json:"state"`
	Why         string `json:"why,omitempty"`
	SinceMillis int64  `json:"since,omitempty"`
}
