package relayclient

import (
	"time"
)

const (
	// checkEvery is how often the device's own addresses are checked. It bounds the time
	// from the return of the network to the next attempt.
	checkEvery = time.Second
	// sleepGap is how much longer than checkEvery the time between two checks may be; if
	// it is longer, the device has been asleep.
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
		// Round(0) removes the monotonic reading, which stops while the device sleeps.
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

// networkWatch compares the device's addresses and clock with the previous check.
type networkWatch struct {
	addresses     func() string // the device's addresses; "" when unknown
	lastAddresses string
	lastCheck     time.Time
}

// changed reports whether the addresses have changed, or the device has slept, since the
// previous call.
func (w *networkWatch) changed(now time.Time) bool {
	seen := w.addresses()
	changed := !w.lastCheck.IsZero() && (seen != w.lastAddresses || now.Sub(w.lastCheck) > checkEvery+sleepGap)
	w.lastAddresses, w.lastCheck = seen, now
	return changed
}
