package relayclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// The waits before deferred changes are offered to the relay again. A rate limit or a quota
// recovers with time, and the relay does not announce it.
const (
	offerAgainMin = 30 * time.Second
	offerAgainMax = 10 * time.Minute
)

// epochUnknown is the epoch of a conversation that has not read its document yet.
const epochUnknown = -1

// conversation is the state of one session about one event. Only the session's goroutine
// uses it.
type conversation struct {
	session   *session
	doc       Document
	state     *sync.Peer
	epoch     int  // the State.Epoch that the field state belongs to
	firstSent bool // the first message was sent
	// answered says that the relay has sent a sync message.
	answered  bool
	probeNext bool      // a probe is due, see messages
	probedAt  time.Time // when the last probe was sent; by time.Now, because a wrong clock must not affect waits

	lossKnown        bool      // see State.NoteDelivery
	authorityChanged bool      // roles or blocks have changed; see offerAgain
	retryAt          time.Time // when deferred changes are offered to the relay again
	retries          int

	keysTried      int    // how many of this device's keys have answered the relay's challenge
	notInvited     bool   // none of these keys may read the event
	unknownAddress bool   // the relay does not recognise the address that this device dialled
	unavailable    bool   // the relay said that it does not have the event, or does not serve it
	notServed      string // why it does not serve the event; "" if it does not have it
}

func newConversation(s *session, doc Document) *conversation {
	return &conversation{session: s, doc: doc, state: sync.NewPeer(), epoch: epochUnknown}
}

// restart starts the conversation again on the same connection.
func (c *conversation) restart() {
	// The relay remembers the earlier messages and may find that it has nothing to add, so
	// ask it.
	c.probeNext = c.probeNext || c.firstSent
	c.state, c.firstSent, c.answered, c.epoch = sync.NewPeer(), false, false, epochUnknown
}

// catchUp restarts the conversation if changes have been excluded from the document.
func (c *conversation) catchUp(st State, epoch int) {
	if c.epoch != epoch && c.epoch != epochUnknown {
		c.restart()
	}
	c.epoch = epoch
	c.state.RefusedBy(st.Refuses)
}

// view calls f with the document and sends the messages that f returns.
func (c *conversation) view(ctx context.Context, f func(State) ([]*repo.Message, error)) error {
	var out []*repo.Message
	err := c.doc.View(ctx, func(st State) (err error) {
		out, err = f(st)
		return err
	})
	if err != nil {
		return err
	}
	return c.session.sendAll(out)
}

// sendNext sends the next messages about the event, if any.
func (c *conversation) sendNext(ctx context.Context) error {
	return c.view(ctx, func(st State) ([]*repo.Message, error) {
		out, err := c.messages(ctx, st)
		if err == nil {
			c.noteStatus(st)
		}
		return out, err
	})
}

// probe asks the relay which changes it has now. The device's own sync message is sent
// first, so the answer covers it.
func (c *conversation) probe(ctx context.Context) error {
	c.probeNext = true
	return c.sendNext(ctx)
}

// messages returns the next messages about the event: the next sync message, then a probe
// if one is due.
func (c *conversation) messages(ctx context.Context, st State) ([]*repo.Message, error) {
	c.catchUp(st, st.Epoch())
	var out []*repo.Message
	m, err := c.nextSync(st)
	if err != nil {
		return nil, err
	}
	if m != nil {
		out = append(out, m)
	}
	if c.probeNext {
		c.probeNext, c.probedAt = false, time.Now()
		if m, ok := c.state.Probe(st.Graph()); ok {
			out = append(out, &repo.Message{Type: repo.TypeSync, DocumentID: string(c.doc.ID()), Data: m.Encode()})
		}
	}
	return out, nil
}

// nextSync returns the next sync message; nil when there is nothing to send.
func (c *conversation) nextSync(st State) (*repo.Message, error) {
	m, ok, err := c.state.Generate(st)
	if err != nil {
		if IsDeadEnd(err) {
			c.session.connection.noteDeadEnd(c.doc.ID(), err)
		}
		return nil, fmt.Errorf("syncing event %s: %w", c.doc.ID(), err)
	}
	if !ok {
		return nil, nil
	}
	kind := repo.TypeSync
	if !c.firstSent && len(m.Heads) == 0 {
		kind = repo.TypeRequest
	}
	c.firstSent = true
	return &repo.Message{
		Type: kind, DocumentID: string(c.doc.ID()), Data: m.Encode(), Signatures: repo.JoinSignatures(m.Signatures),
	}, nil
}

// receive processes a sync message and answers it.
func (c *conversation) receive(ctx context.Context, m *repo.Message) error {
	msg, err := wire.DecodeMessage(m.Data)
	if err != nil {
		return unreadable(err)
	}
	var answer []*repo.Message
	posts, err := c.doc.Receive(ctx, msg.Changes, m.Signatures, func(st State, before Received) (err error) {
		answer, err = c.answer(ctx, st, before, msg)
		return err
	})
	if err != nil {
		if IsDeadEnd(err) {
			c.session.connection.noteDeadEnd(c.doc.ID(), err)
		}
		if errors.Is(err, storage.ErrFull) || errors.Is(err, ErrTooManyRefused) {
			err = &relayError{err.Error(), nil}
		}
		return err
	}
	if err := c.session.sendAll(answer); err != nil {
		return err
	}
	if c.authorityChanged {
		c.authorityChanged = false
		if err := c.offerAgain(ctx, true); err != nil {
			return err
		}
	}
	return c.doc.Respond(ctx, posts)
}

// answer processes the heads and requests of a sync message, after its changes were added,
// and returns the answer.
func (c *conversation) answer(ctx context.Context, st State, before Received, msg *wire.Message) ([]*repo.Message, error) {
	c.authorityChanged = c.authorityChanged || st.AuthorityChanges() != before.AuthorityChanges
	c.catchUp(st, before.Epoch)
	if c.epoch == st.Epoch() {
		c.state.Receive(st.Graph(), msg, sync.Received{Changes: before.Changes, Before: before.Heads})
		c.answered = true
	}
	if len(msg.Heads) > 0 {
		c.unavailable, c.notServed, c.notInvited, c.unknownAddress = false, "", false, false
	}
	var err error
	if c.lossKnown, err = st.NoteDelivery(ctx, msg.Heads, c.lossKnown); err != nil {
		return nil, err
	}
	out, err := c.messages(ctx, st)
	if err == nil {
		c.noteStatus(st)
	}
	return out, err
}

// offerAgain offers local changes again that the relay deferred. It does so when their time has
// come, or at once if now is set: the reason for the deferral may be gone.
func (c *conversation) offerAgain(ctx context.Context, now bool) error {
	if !slices.ContainsFunc(c.doc.RelayRefusals(), func(r Refusal) bool { return r.Deferred }) {
		c.retryAt, c.retries = time.Time{}, 0
		return nil
	}
	at := time.Now()
	wait := min(offerAgainMin<<min(c.retries, 10), offerAgainMax)
	switch {
	case now:
	case c.retryAt.IsZero():
		c.retryAt = at.Add(wait)
		return nil
	case at.Before(c.retryAt):
		return nil
	default:
		c.retries++
	}
	c.retryAt = at.Add(wait)
	c.restart()
	return c.sendNext(ctx)
}

// receiveProof processes the two changes with which a relay of an earlier version proves
// that an actor signed two versions of one change. They are received like other changes.
func (c *conversation) receiveProof(ctx context.Context, proof *repo.Proof) error {
	posts, err := c.doc.Receive(ctx, [][]byte{proof.A, proof.B}, slices.Concat(proof.SigA, proof.SigB), func(State, Received) error { return nil })
	if err != nil {
		return err
	}
	if err := c.doc.Respond(ctx, posts); err != nil {
		return err
	}
	return c.sendNext(ctx)
}

// receiveUnavailable processes the message that the relay does not have the event or, if it says
// why, does not serve it. If this device has the event, the relay knows its heads and can request
// the changes. The session asks again from time to time.
func (c *conversation) receiveUnavailable(ctx context.Context, why string) error {
	return c.doc.View(ctx, func(st State) (err error) {
		c.unavailable, c.notServed = true, inSentence(strings.TrimPrefix(qa.CleanLine(why), "relay: "))
		// A relay that first wants proof of access does not say which changes it has.
		if st.Graph().Len() > 0 && c.keysTried == 0 && !c.notInvited && c.notServed == "" {
			if c.lossKnown, err = st.NoteDelivery(ctx, nil, c.lossKnown); err != nil {
				return err
			}
		}
		c.noteStatus(st)
		return nil
	})
}

// receiveRefused processes the list of local changes that the relay did not accept.
func (c *conversation) receiveRefused(ctx context.Context, refused []repo.Refusal) error {
	return c.doc.View(ctx, func(st State) error {
		if err := st.NoteRefused(ctx, refused); err != nil {
			return err
		}
		c.noteStatus(st)
		return nil
	})
}

// noteStatus updates the event's sync status. The document is locked, so its state cannot
// change between the check and the update.
func (c *conversation) noteStatus(st State) {
	state, why := qa.RelaySyncing, ""
	byRelay := st.RelayRefusals()
	refusedHere, whyHere := st.RefusedHere()
	conn := c.session.connection
	switch {
	case c.answered && !c.state.Probing() && !conn.isAsked(c.doc.ID()) && st.Graph().Len() > 0 && c.state.InSync(st.Graph()):
		state = qa.RelaySynced
	case c.unknownAddress:
		why = "the relay does not recognise " + conn.url + " as one of its addresses, so this device cannot prove its identity to it. Its operator has to add the address (syncserver --address); otherwise another server is in between. Nothing is lost"
	case c.notInvited:
		why = "the relay shows this event only to people who were invited, and you are not among them yet; this device asks again automatically"
	case c.notServed != "":
		why = "the relay refuses this event now: " + c.notServed + ". This device asks again automatically; nothing is lost"
	case c.unavailable:
		why = "the relay does not have this event yet"
	case len(byRelay) > 0:
		why = fmt.Sprintf("the relay did not accept %s of yours: %s", count(len(byRelay)), inSentence(byRelay[0].Reason))
	case refusedHere > 0:
		why = fmt.Sprintf("the relay has %s that this device does not accept: %s", count(refusedHere), inSentence(whyHere))
	}
	conn.setStatus(c.doc.ID(), state, why)
	conn.noteDeadEnd(c.doc.ID(), c.disagreement(st, byRelay))
}

// inSentence removes a reason's full stop, so that it can end another sentence.
func inSentence(reason string) string { return strings.TrimSuffix(reason, ".") }

func count(changes int) string {
	if changes == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", changes)
}

// disagreement returns ErrDisagree if every change of the relay that this device lacks was
// refused here, and every change that the relay lacks was refused by the relay or depends on
// a change that was. Changes that the relay deferred do not count: it may accept them later.
func (c *conversation) disagreement(st State, byRelay []Refusal) error {
	g := st.Graph()
	theirs, heard := c.state.TheirHeads()
	if !heard || !c.answered || c.unavailable || c.state.Probing() || c.session.connection.isAsked(c.doc.ID()) || c.state.InSync(g) {
		return nil
	}
	refused := map[wire.Hash]bool{}
	for _, r := range byRelay {
		if !r.Deferred {
			refused[r.Hash] = true
		}
	}
	missing := g.MissingFrom(theirs)
	wanted := func(h wire.Hash) bool { return !st.Refuses(h) }
	if len(refused)+len(missing) == 0 || slices.ContainsFunc(missing, wanted) {
		return nil
	}
	var deps []wire.Hash
	for _, h := range g.NotAncestorsOf(c.state.KnownHeads()) { // deps come first
		if refused[h] {
			continue
		}
		deps = g.Deps(deps[:0], h)
		for _, d := range deps {
			refused[h] = refused[h] || refused[d]
		}
		if !refused[h] {
			return nil
		}
	}
	return ErrDisagree
}
