package relayclient

import (
	"time"
)

const (
	// checkEvery is how often the device's own addresses are looked at. It bounds
	// how long after the network came back the next attempt begins.
	checkEvery = time.Second
	// sleepGap is how much longer than checkEvery two looks may lie apart before
	// the device must have been asleep.
	sleepGap = 10 * time.Second
)

// WatchNetwork wakes the connections, until Close, when the device's addresses have
// changed or when it has slept: both mean that a relay that could not be reached may be
// reachable now. It returns at once.
func (c *Client) WatchNetwork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.work.Add(1)
	go c.watchNetwork()
}

func (c *Client) watchNetwork() {
	defer c.work.Done()
	t := time.NewTicker(checkEvery)
	defer t.Stop()
	w := networkWatch{addresses: addresses}
	for {
		// Round(0) takes the monotonic reading off, which stands still in sleep.
		if w.changed(time.Now().Round(0)) {
			c.Wake()
		}
		select {
		case <-c.ctx.Done():
			return
		case <-t.C:
		}
	}
}

// networkWatch compares one look at the device with the one before.
type networkWatch struct {
	addresses     func() string // what the device is reached at; "" when unknown
	lastAddresses string
	lastCheck     time.Time
}

// changed reports whether something has changed since the last look.
func (w *networkWatch) changed(now time.Time) bool {
	seen := w.addresses()
	changed := !w.lastCheck.IsZero() && (seen != w.lastAddresses || now.Sub(w.lastCheck) > checkEvery+sleepGap)
	w.lastAddresses, w.lastCheck = seen, now
	return changed
}
