package replica

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ErrUnknownChange is returned by DiscardRefusal for a change that is not among the refusals
// of the event.
var ErrUnknownChange = errors.New("there is no such change among those that were not taken")

// ineffectiveAct is an act of this person that does not count, because its change is excluded or
// void.
type ineffectiveAct struct {
	hash     wire.Hash
	actor    wire.ActorID
	act      qa.Act
	status   storage.Status // InDocument: it is void
	atMillis int64          // when it was written, by this device's clock
}

// noteIneffective records the act of an excluded or void row, if it is this person's. An empty
// change that joined heads has no text that could be lost.
func (x *reissueState) noteIneffective(en *storage.Entry) {
	x.notePost(en.Bytes)
	var act qa.Act
	if !en.Own || json.Unmarshal(en.Act, &act) != nil || act.Kind == qa.ActMerge || act.Kind == qa.ActCreate {
		return
	}
	l := ineffectiveAct{hash: en.Hash, actor: en.Actor, act: act, status: en.Status, atMillis: en.ReceivedAtMillis}
	if i := slices.IndexFunc(x.ineffective, func(l ineffectiveAct) bool { return l.hash == en.Hash }); i >= 0 {
		x.ineffective[i] = l
		return
	}
	x.ineffective = append(x.ineffective, l)
}

// noteReissue records, from an act in the ledger, which own change it reissues.
func (x *reissueState) noteReissue(act []byte) {
	if !bytes.Contains(act, []byte(`"reissues"`)) {
		return // the ordinary case; parsing is not necessary
	}
	var k struct {
		Reissues string `json:"reissues"`
	}
	if json.Unmarshal(act, &k) != nil {
		return
	}
	if h, err := wire.ParseHash(k.Reissues); err == nil {
		x.reissued[h] = true
	}
}

// Settings which end the waiting of an act: it was discarded, or reissuing it would
// change nothing.
func discardedPrefix(event qa.EventID) string { return "dropped/" + string(event) + "/" }

// notReissued returns the ineffective acts that still have to be reissued, in the order in
// which they were written. mu is held and the event is loaded.
func (doc *document) notReissued(ctx context.Context) ([]ineffectiveAct, error) {
	if len(doc.excluded.ineffective) == 0 {
		return nil, nil
	}
	dropped, err := doc.node.store.Settings(ctx, discardedPrefix(doc.id))
	if err != nil {
		return nil, err
	}
	var out []ineffectiveAct
	for _, l := range doc.excluded.ineffective {
		_, drop := dropped[discardedPrefix(doc.id)+l.hash.String()]
		if !drop && !doc.excluded.reissued[l.hash] {
			out = append(out, l)
		}
	}
	return out, nil
}

// reissue writes own acts that do not count again, each in a transaction of its own,
// where the rules allow it. Acts about posts that do not count wait until the post is
// reissued. Acts that cannot be written now are tried again at the next load and when
// posts arrive. mu is held and the event is loaded; afterwards the event may be
// unloaded.
func (doc *document) reissue(ctx context.Context) {
	waiting, err := doc.notReissued(ctx)
	if err != nil {
		doc.node.cfg.Log.Warn("what is to be written anew could not be read", "event", doc.id, "error", err)
		return
	}
	for _, l := range waiting {
		if err := doc.reissueOne(ctx, l); err != nil {
			doc.excluded.reasons[l.hash] = err
			doc.node.cfg.Log.Warn("an act was not written anew", "event", doc.id, "change", l.hash, "error", err)
			if errors.Is(err, ErrNotSaved) {
				return
			}
		}
	}
}

// errWaits is why an act about a post that does not count is not reissued yet.
var errWaits = errors.New("it is about a post that is not part of the event at the moment; it is written again when that post is")

func (doc *document) reissueOne(ctx context.Context, l ineffectiveAct) error {
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	if doc.excluded.reissued[l.hash] {
		return nil // while this waited for the engine
	}
	act, ok := doc.translate(l.act)
	if !ok {
		return errWaits
	}
	key, ok := doc.keyOf(l.actor)
	if !ok {
		return errors.New("the key that it was written with is not on this device")
	}
	d := &draft{doc: doc, reissues: l.hash}
	made, err := d.doAs(key, act)
	if errors.Is(err, crdt.ErrNoPost) {
		err = errWaits
	}
	if err != nil {
		d.drop()
		return err
	}
	if made.NoChange { // the act would change nothing
		return doc.node.store.SetSetting(ctx, discardedPrefix(doc.id)+l.hash.String(), "nothing new")
	}
	return d.save(ctx)
}

// translate replaces the posts that an act is about by their reissues. It is false when
// one of them does not exist.
func (doc *document) translate(act qa.Act) (qa.Act, bool) {
	ok := true
	move := func(id qa.PostID) qa.PostID {
		if id == "" {
			return ""
		}
		now, found := doc.resolve(id)
		ok = ok && found
		return now
	}
	act.Clean() // an earlier version may have written invalid text
	switch act.Kind {
	case qa.ActPost:
		if act.Origin == "" {
			act.Origin = act.Post
		}
		act.Post = ""
		act.Parent = move(act.Parent)
	case qa.ActMark:
		act.Post = move(act.Post)
		if act.Mark == "duplicateOf" {
			act.Text = string(move(qa.PostID(act.Text)))
		}
	default:
		act.Post = move(act.Post)
	}
	return act, ok
}

// resolve returns the current post for id: the post itself, or the reissue by its
// owner. Nobody else can replace it: the ID contains its owner. Where a copied device
// made two posts with one ID, it is the one with the same text.
func (doc *document) resolve(id qa.PostID) (qa.PostID, bool) {
	if p, ok := doc.contents.Projection().Post(id); ok && !p.Void {
		return id, true
	}
	was, known := doc.excluded.posts[id]
	origin := cmp.Or(was.origin, id)
	for _, p := range doc.contents.Projection().PostsWithOrigin(origin) {
		ours := len(id) > 16 && string(p.ID[:16]) == string(id[:16])
		if ours && !p.Void && (!known || len(p.Revisions) > 0 && p.Revisions[0].Text == was.text) {
			return p.ID, true
		}
	}
	return "", false
}

// Refusals returns this device's acts in an event that do not count: because the relay
// did not accept them, in which case they stay part of the event here and wait; because
// they are excluded; or because they are void. Their text is kept. Oldest first.
func (n *Node) Refusals(ctx context.Context, id qa.EventID) ([]qa.NotAccepted, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	if none, err := doc.noneRefused(ctx); none || err != nil {
		return nil, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	waiting, err := doc.notReissued(ctx)
	if err != nil {
		return nil, err
	}
	var out []qa.NotAccepted
	for _, l := range waiting {
		code, reason := doc.whyIneffective(l)
		out = append(out, qa.NotAccepted{
			Hash: l.hash.String(), Code: code, Reason: reason, Post: l.act.Post, Act: l.act, AtMillis: l.atMillis,
		})
	}
	for _, r := range doc.cached.relayRefusals() {
		if _, excluded := doc.contents.Excluded()[r.Hash]; excluded {
			continue
		}
		en, err := n.store.Entry(ctx, id, r.Hash)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var act qa.Act
		if !en.Own || json.Unmarshal(en.Act, &act) != nil {
			continue
		}
		out = append(out, qa.NotAccepted{
			Hash: r.Hash.String(), Code: r.Code, Reason: r.Reason, Deferred: r.Deferred, ByRelay: true,
			Post: act.Post, Act: act, AtMillis: en.ReceivedAtMillis,
		})
	}
	slices.SortStableFunc(out, func(a, b qa.NotAccepted) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.Hash, b.Hash))
	})
	return out, nil
}

// noneRefused reports, without loading the event, that nothing of it was refused: the
// ordinary case, checked for every page.
func (doc *document) noneRefused(ctx context.Context) (bool, error) {
	if len(doc.cached.relayRefusals()) > 0 {
		return false, nil
	}
	s, err := doc.summarize(ctx)
	return s.counts.NotInDocument == 0 && !s.void, err
}

// whyIneffective returns why an ineffective act does not count, or why it could not be reissued.
func (doc *document) whyIneffective(l ineffectiveAct) (code, reason string) {
	code, reason = string(policy.CodeDependsOn), "It was built on something that turned out not to be part of the event."
	switch l.status {
	case storage.Refused:
		code, reason = string(policy.CodeRole), "The event's rules do not allow it; an older version of this program wrote it."
	case storage.InDocument:
		code, reason = string(policy.CodeEquivocation), "A copy of this device, made while it ran, wrote something else in the same place; neither of the two counts."
	}
	if err := doc.excluded.reasons[l.hash]; err != nil {
		reason += fmt.Sprintf(" It could not be written again: %v.", err)
	}
	return code, reason
}

// DiscardRefusal discards an act that was not accepted, by its hash in hex as Refusals gives
// it: it is no longer listed and not reissued. If only the relay did not accept a post,
// its text is withdrawn, because it is part of the event here. ErrUnknownChange is
// returned for a hash that is not among the refusals.
func (n *Node) DiscardRefusal(ctx context.Context, id qa.EventID, hash string) error {
	all, err := n.Refusals(ctx, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r qa.NotAccepted) bool { return r.Hash == hash })
	if i < 0 {
		return ErrUnknownChange
	}
	if !all[i].ByRelay {
		err := n.store.SetSetting(ctx, discardedPrefix(id)+hash, "taken back")
		if err == nil {
			n.subs.notify(qa.Update{Event: id, Status: true})
		}
		return err
	}
	if all[i].Act.Kind == qa.ActPost {
		_, err = n.Do(ctx, id, qa.Act{Kind: qa.ActWithdraw, Post: all[i].Post, On: true})
		return err
	}
	return fmt.Errorf("it is part of the event on this device and waits for a relay that takes it; undo it in the event instead: %w", ErrUnknownChange)
}
