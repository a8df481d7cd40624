package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Following a club.
//
// A device that has joined a club follows its weeks by itself as long as they are
// upcoming, running or only just over (qa.Club.Followed, which bounds them). All
// others are listed, and followed from the moment somebody opens them (Visit). What
// clubs list is kept in memory, a line a week; the weeks themselves are not. See
// rest.go for what happens to a week that is over.

// The settings that the node keeps beside those of its user.
const (
	// settingClub with an event's ID: this followed event is a club.
	settingClub = "node/club/"
	// settingByClub with an event's ID: it is followed because of the club that the
	// value names, and nobody has opened it yet.
	settingByClub = "node/by-club/"
)

// clubs is what the followed clubs list; guarded by Node.mu.
type clubs struct {
	of     map[qa.EventID]qa.Event // title, relays and weeks of each club
	listed map[qa.EventID]listed
}

// listed is a week that a club lists.
type listed struct {
	qa.ListedWeek
	club  qa.EventID
	relay string // where to fetch it
}

func (c *clubs) set(club qa.Event) {
	if c.of == nil {
		c.of = map[qa.EventID]qa.Event{}
	}
	c.of[club.ID] = club
	c.listed = map[qa.EventID]listed{}
	for id, of := range c.of {
		own := ""
		if len(of.Relays) > 0 {
			own = of.Relays[0]
		}
		for _, w := range of.Weeks {
			if w.ID == id {
				continue
			}
			if known, ok := c.listed[w.ID]; ok && known.club < id { // one and the same on every run
				continue
			}
			l := listed{ListedWeek: w, club: id, relay: w.Relay}
			if l.relay == "" {
				l.relay = own
			}
			c.listed[w.ID] = l
		}
	}
}

// readClubs reads what the clubs listed when the program last ran, and follows
// what has come near since.
func (n *Node) readClubs(ctx context.Context) error {
	known, err := n.store.Settings(ctx, settingClub)
	if err != nil {
		return err
	}
	for key := range known {
		id := qa.EventID(strings.TrimPrefix(key, settingClub))
		if n.documents[id] == nil {
			continue
		}
		club, err := n.read(ctx, id)
		if err != nil {
			return err
		}
		if club.Kind != "club" {
			continue
		}
		if err := n.lookAtClub(ctx, club); err != nil {
			return err
		}
	}
	return nil
}

// lookAtClub takes in what a club lists now.
func (n *Node) lookAtClub(ctx context.Context, club qa.Event) error {
	n.mu.Lock()
	_, known := n.clubs.of[club.ID]
	n.clubs.set(club)
	n.mu.Unlock()
	if !known {
		if err := n.store.SetSetting(ctx, settingClub+string(club.ID), "1"); err != nil {
			return err
		}
	}
	if n.byClub(ctx, club.ID) { // or one club's organiser could have us follow any number
		return nil
	}
	now := n.cfg.Now().UnixMilli()
	c := qa.NewClub(club, now)
	keep := map[qa.EventID]bool{}
	for _, w := range c.Followed(now) {
		keep[w.ID] = true
		if w.ID == club.ID {
			continue
		}
		if err := n.followListed(ctx, w.ID, club.ID); err != nil {
			return err
		}
	}
	return n.unfollowUnread(ctx, club.ID, keep)
}

// followListed follows a week because of its club.
func (n *Node) followListed(ctx context.Context, id, club qa.EventID) error {
	if _, err := qa.ParseEventID(string(id)); err != nil {
		return nil // no document has this ID
	}
	n.mu.Lock()
	known := n.documents[id] != nil
	n.mu.Unlock()
	if known {
		n.reattach(ctx, id)
		return nil
	}
	if err := n.store.SetSetting(ctx, settingByClub+string(id), string(club)); err != nil {
		return err
	}
	return n.follow(ctx, n.newEvent(id), "")
}

// reattach has an event exchanged with the relay that is now its own.
func (n *Node) reattach(ctx context.Context, id qa.EventID) {
	url, err := n.relayURL(ctx, id)
	now, attached := n.client.Attached(id)
	if err != nil || !n.Running() || attached && now == url {
		return
	}
	if attached {
		n.detach(id)
	}
	n.attend(id)
}

// unfollowUnread forgets the weeks that were followed because of a club, are no
// longer to be, and of which nothing has arrived.
func (n *Node) unfollowUnread(ctx context.Context, club qa.EventID, keep map[qa.EventID]bool) error {
	by, err := n.store.Settings(ctx, settingByClub)
	if err != nil {
		return err
	}
	for key, of := range by {
		id := qa.EventID(strings.TrimPrefix(key, settingByClub))
		if qa.EventID(of) != club || keep[id] {
			continue
		}
		counts, err := n.store.Counts(ctx, id)
		if err != nil {
			return err
		}
		if counts.Last > 0 {
			continue
		}
		if err := n.unfollow(ctx, id); err != nil {
			return err
		}
		if err := n.store.DeleteSetting(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) unfollow(ctx context.Context, id qa.EventID) error {
	if err := n.store.Unfollow(ctx, id); err != nil {
		return err
	}
	n.mu.Lock()
	doc := n.documents[id]
	delete(n.documents, id)
	delete(n.relays, id)
	n.mu.Unlock()
	n.detach(id) // after it was let go of, see attach
	if doc != nil {
		go doc.close() // whoever holds it right now is not waited for
	}
	n.subs.notify(qa.Update{Event: id, Status: true})
	return nil
}

// notice takes in what was just written of an event, when it is a club.
func (n *Node) notice(ctx context.Context, v storage.ViewUpdate) {
	if v.Event != nil && v.Event.Source != "" {
		n.forgetSources()
	}
	if v.Event == nil || v.Event.Kind != "club" {
		return
	}
	if err := n.lookAtClub(ctx, *v.Event); err != nil {
		// It is on disk; the next look, at the latest that of the next start, does it.
		n.cfg.Log.Warn("the weeks of a club could not be followed", "club", v.Event.ID, "error", err)
	}
}

// noticeClub makes up for a notice that was lost with the process. mu is held.
func (doc *document) noticeClub(ctx context.Context) error {
	kind := doc.projection.Values(wire.OpID{}, "kind")
	if len(kind) == 0 {
		return nil
	}
	if s, _ := kind[len(kind)-1].Value.Str(); s != "club" {
		return nil
	}
	doc.node.mu.Lock()
	_, known := doc.node.clubs.of[doc.id]
	doc.node.mu.Unlock()
	if known {
		return nil
	}
	return doc.node.lookAtClub(ctx, doc.projection.Event())
}

// Visit says that somebody is looking at an event. One that only a club lists is
// followed from now on; one at rest is fetched, and kept in step with its relay for
// a while. It returns at once: what is on this device can be read meanwhile.
// ErrUnknownEvent is returned for an event that is neither followed nor listed.
func (n *Node) Visit(ctx context.Context, id qa.EventID) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return ErrClosed
	}
	_, inClub := n.clubs.listed[id]
	known := n.documents[id] != nil
	if known || inClub {
		n.rest.visited[id] = n.cfg.Now()
	}
	running := n.running
	n.mu.Unlock()
	switch {
	case !known && !inClub:
		return fmt.Errorf("%s: %w", id, ErrUnknownEvent)
	case !known:
		if _, err := qa.ParseEventID(string(id)); err != nil {
			return err
		}
		return n.follow(ctx, n.newEvent(id), "")
	case inClub && n.byClub(ctx, id):
		if err := n.store.DeleteSetting(ctx, settingByClub+string(id)); err != nil {
			return err
		}
	}
	if _, attached := n.client.Attached(id); running && !attached {
		n.attach(id)
	}
	return nil
}

func (n *Node) byClub(ctx context.Context, id qa.EventID) bool {
	_, err := n.store.Setting(ctx, settingByClub+string(id))
	return err == nil
}

// Listed returns what a followed club says of a week, and which club that is; false
// when none lists it.
func (n *Node) Listed(id qa.EventID) (w qa.ListedWeek, club qa.EventID, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, ok := n.clubs.listed[id]
	return l.ListedWeek, l.club, ok
}

// archived reports whether a club's week is over for so long that it need not be
// kept in step with its relay. n.mu is held.
func (n *Node) archived(id qa.EventID, now time.Time) bool {
	if l, ok := n.clubs.listed[id]; ok {
		return l.Archived(now.UnixMilli())
	}
	return n.rest.broughtIn[id]
}

// DoAll carries out several acts in an event, one change each, in one transaction:
// all of them are on disk when it returns, or none. The errors are those of Do.
func (n *Node) DoAll(ctx context.Context, id qa.EventID, acts []qa.Act) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	for _, act := range acts {
		if _, err := d.do(act); err != nil {
			d.drop()
			return err
		}
	}
	return d.save(ctx)
}

// ErrNoBlob is returned by Blob when this device does not have it.
var ErrNoBlob = errors.New("this device does not have that picture")

// Blob returns the bytes that an event keeps under a key, read from the ledger.
// ErrNoBlob is returned when they are not here.
func (n *Node) Blob(ctx context.Context, id qa.EventID, key string) ([]byte, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	shown, err := n.read(ctx, id)
	if err != nil {
		return nil, err
	}
	var in wire.Hash
	if shown.Cover == key && shown.CoverIn != "" {
		// The cover is what pages ask for, and its view says where it is: a shelf of
		// covers needs no event in memory.
		if in, err = wire.ParseHash(shown.CoverIn); err != nil {
			return nil, err
		}
	} else {
		doc.mu.Lock()
		if err := doc.load(ctx); err != nil {
			doc.mu.Unlock()
			return nil, err
		}
		var ok bool
		in, ok = doc.projection.Blob(key)
		doc.mu.Unlock()
		if !ok {
			return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
		}
	}
	en, err := n.store.Entry(ctx, id, in)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
	}
	if err != nil {
		return nil, err
	}
	return blobIn(en.Bytes, key)
}

// blobIn returns what a change sets at a key that is the SHA-256 of the value.
func blobIn(change []byte, key string) ([]byte, error) {
	c, err := wire.DecodeChange(change)
	if err != nil {
		return nil, err
	}
	for i := range c.Ops {
		if b, ok := c.Ops[i].Value.Bin(); ok && c.Ops[i].Key.Prop == key && qa.BlobKey(b) == key {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%.80q: %w", key, ErrNoBlob)
}
