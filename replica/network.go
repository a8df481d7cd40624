package replica

import (
	"context"
	"time"
)

const (
	// lookEvery is how often the device's own addresses are looked at. It bounds
	// how long after the network came back the next attempt begins.
	lookEvery = time.Second
	// sleepGap is how much longer than lookEvery two looks may lie apart before
	// the device must have been asleep.
	sleepGap = 10 * time.Second
)

// watchNetwork wakes the links when the device's addresses have changed, or when
// it has slept: both mean that what could not be reached may be there now.
func (n *Node) watchNetwork() {
	defer n.work.Done()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	w := networkWatch{addresses: addresses}
	for {
		// Round(0) takes the monotonic reading off, which stands still in sleep.
		if w.look(time.Now().Round(0)) {
			n.Wake()
		}
		select {
		case <-n.ctx.Done():
			return
		case <-t.C:
		}
	}
}

// networkWatch compares one look at the device with the one before.
type networkWatch struct {
	addresses func() string // what the device is reached at; "" when unknown
	seen      string
	at        time.Time
}

// look reports whether something has changed since the last look.
func (w *networkWatch) look(now time.Time) bool {
	seen := w.addresses()
	changed := !w.at.IsZero() && (seen != w.seen || now.Sub(w.at) > lookEvery+sleepGap)
	w.seen, w.at = seen, now
	return changed
}

// Start keeps links to the relays of all followed events, those joined later
// included, until Close. It returns at once.
func (n *Node) Start(context.Context) {
	n.mu.Lock()
	if n.closed || n.running || n.cfg.Offline {
		n.mu.Unlock()
		return
	}
	n.running = true
	n.work.Add(3)
	events := n.followed()
	n.mu.Unlock()
	go n.watchNetwork()
	for _, id := range events {
		n.attend(id)
	}
	go n.takeTurns()
	go n.briefs()
}
