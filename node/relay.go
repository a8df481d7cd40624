package node

import (
	"context"
	"slices"
	"time"

	"flyleaf/qa"
	"flyleaf/replica/relayclient"
)

func (d *Device) Status(ctx context.Context, event qa.EventID) (qa.Status, error) {
	return d.replica.StatusOf(ctx, event)
}

func (d *Device) Overview(ctx context.Context) ([]qa.Status, error) { return d.replica.Overview(ctx) }

func (d *Device) Summary(ctx context.Context) (out Summary, err error) {
	err = d.replica.EachStatus(ctx, out.add)
	return out, err
}

func (d *Device) Statuses(ctx context.Context) ([]qa.Status, error) {
	statuses, err := d.replica.Status(ctx)
	if err != nil || d.replica.Running() {
		return statuses, err
	}
	looked := map[string]qa.RelayStatus{}
	for i, s := range statuses {
		if s.Relay.URL == "" {
			continue
		}
		if _, ok := looked[s.Relay.URL]; !ok {
			looked[s.Relay.URL] = d.dialRelay(ctx, s.Relay.URL)
		}
		statuses[i].Relay = looked[s.Relay.URL]
	}
	return statuses, nil
}

// RelayCheckTimeout bounds how long CheckRelay, Statuses and RefreshRefusals wait for a relay.
const RelayCheckTimeout = 2 * time.Second

func (d *Device) CheckRelay(ctx context.Context, relay string) (qa.RelayStatus, error) {
	if d.replica.Running() {
		all, err := d.replica.Overview(ctx)
		if err != nil {
			return qa.RelayStatus{}, err
		}
		i := slices.IndexFunc(all, func(s qa.Status) bool {
			return s.Relay.URL == relay && (s.Relay.State == qa.RelaySynced || s.Relay.State == qa.RelaySyncing)
		})
		if i >= 0 {
			return all[i].Relay, nil
		}
	}
	return d.dialRelay(ctx, relay), nil
}

// dialRelay connects to a relay for a moment and returns whether it answered.
func (d *Device) dialRelay(ctx context.Context, relay string) qa.RelayStatus {
	s := qa.RelayStatus{URL: relay, State: qa.RelayOffline, SinceMillis: d.nowMillis()}
	ctx, cancel := context.WithTimeout(ctx, RelayCheckTimeout)
	defer cancel()
	conn, err := d.dial.Dial(ctx, relay)
	if err != nil {
		s.Why = relayclient.ExplainDial(err)
		return s
	}
	s.ClockOffMillis = relayclient.ClockOff(conn, d.now())
	_ = conn.Close()
	s.State = Reachable
	return s
}

// Reachable is the state of a relay that answered, but to which no connection is kept.
const Reachable = "reachable"

func (d *Device) Undelivered(ctx context.Context, event qa.EventID) (map[qa.PostID]qa.Unsent, error) {
	return d.replica.Delivery(ctx, event)
}

func (d *Device) Whereabouts(ctx context.Context, event qa.EventID) (qa.Whereabouts, error) {
	return d.replica.Whereabouts(ctx, event)
}

func (d *Device) Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.replica.Sync(ctx, event)
}

func (d *Device) ReconnectNow(context.Context) error {
	d.replica.Wake()
	return nil
}

func (d *Device) Refusals(ctx context.Context, event qa.EventID) ([]qa.NotAccepted, error) {
	return d.replica.Refusals(ctx, event)
}

func (d *Device) DiscardRefusal(ctx context.Context, event qa.EventID, hash string) error {
	return d.replica.DiscardRefusal(ctx, event, hash)
}

func (d *Device) Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error) {
	return d.replica.Presence(ctx, event)
}

func (d *Device) Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error {
	return d.replica.Announce(ctx, event, kind, post)
}

// RelaySyncTimeout bounds each sync of JoinAndFetch and SyncWithRelay.
const RelaySyncTimeout = 5 * time.Second

// JoinAndFetch joins an event and fetches it if its relay can be reached now. why is the reason
// why it was not fetched, "" if it was. In both cases the event is joined; it is fetched later.
func JoinAndFetch(ctx context.Context, n Node, inv qa.Invitation) (why string, err error) {
	if err := n.Join(ctx, inv); err != nil {
		return "", err
	}
	if inv.Relay == "" {
		return "the invitation names no relay", nil
	}
	if why, err = SyncWithRelay(ctx, n, inv); why == "" && err == nil && len(inv.Secret) > 0 {
		// The fetched event made this device claim the invitation, and the claim has to be
		// sent. If this fails, it is sent with a later sync.
		_ = n.Sync(ctx, inv.Event, RelaySyncTimeout)
	}
	return why, err
}

// SyncWithRelay syncs an event with the relay of its invitation. why is the reason why it could
// not, "" if it could.
func SyncWithRelay(ctx context.Context, n Node, inv qa.Invitation) (why string, err error) {
	if inv.Relay == "" {
		return "the event has no relay yet", nil
	}
	relay, err := n.CheckRelay(ctx, inv.Relay)
	if err != nil || relay.State == qa.RelayOffline {
		return relay.Why, err
	}
	if err := n.Sync(ctx, inv.Event, RelaySyncTimeout); err != nil {
		return err.Error(), ctx.Err()
	}
	return "", nil
}

// RelayClockWarning returns a warning if this device's clock differs from that of an event's
// relay; see qa.RelayStatus.ClockWords.
func RelayClockWarning(ctx context.Context, n Node, event qa.EventID) (string, error) {
	s, err := n.Status(ctx, event)
	if err != nil {
		return "", err
	}
	if s.Relay.ClockOffMillis == 0 && s.Relay.URL != "" {
		if s.Relay, err = n.CheckRelay(ctx, s.Relay.URL); err != nil {
			return "", err
		}
	}
	return s.Relay.ClockWarning(), nil
}

// RefreshRefusals is Refusals after a short sync, which makes the relay repeat its refusals. A
// relay's refusals are not stored, because the relay may accept the change by now. If the relay
// is already known to have refused a change, there is no sync.
func RefreshRefusals(ctx context.Context, n Node, event qa.EventID) ([]qa.NotAccepted, error) {
	all, err := n.Refusals(ctx, event)
	if err != nil || slices.ContainsFunc(all, func(n qa.NotAccepted) bool { return n.ByRelay }) {
		return all, err
	}
	s, err := n.Status(ctx, event)
	if err != nil || s.Pending == 0 {
		return all, err
	}
	if err := n.Sync(ctx, event, RelayCheckTimeout); err != nil && ctx.Err() != nil {
		return nil, err
	}
	return n.Refusals(ctx, event)
}
