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
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// ErrUnknownChange is returned by DiscardRefusal for a change that is not among the refusals
// of the event.
var ErrUnknownChange = errors.New("there is no such change among those that were not accepted")

// ineffectiveAct is an act of this person that has no effect, because its change is excluded
// or void.
type ineffectiveAct struct {
	hash     wire.Hash
	actor    wire.ActorID
	act      qa.Act
	status   storage.Status // InDocument: it is void
	atMillis int64          // when it was written, by this device's clock
}

// noteIneffective records the act of an excluded or void row, if it is this person's. It
// ignores changes that only joined heads or created the event: these are not reissued.
func (x *reissueState) noteIneffective(en *storage.Entry) {
	x.notePost(en.Chunk)
	var act qa.Act
	if !en.Own || json.Unmarshal(en.Act, &act) != nil || act.Kind == qa.ActMerge || act.Kind == qa.ActCreate {
		return
	}
	l := ineffectiveAct{hash: en.Hash(), actor: en.Actor, act: act, status: en.Status, atMillis: en.ReceivedAtMillis}
	if i := slices.IndexFunc(x.ineffective, func(l ineffectiveAct) bool { return l.hash == en.Hash() }); i >= 0 {
		x.ineffective[i] = l
		return
	}
	x.ineffective = append(x.ineffective, l)
}

// noteReissue records, from an act in the ledger, which local change it reissues.
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

// discardedPrefix returns the prefix of the settings that name the acts which are not
// reissued: the person discarded the act, or reissuing it would change nothing. The
// change's hash follows.
func discardedPrefix(event qa.EventID) string { return "dropped/" + string(event) + "/" }

// notReissued returns the ineffective acts that still have to be reissued, in the order in
// which they were written. mu is held and the document is loaded.
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

// reissue writes ineffective local acts again, each in its own transaction, where the rules allow
// it. Acts about ineffective posts wait until the post is reissued. Acts that cannot be written now
// are tried again at the next load and when posts arrive. mu is held and the document is loaded;
// afterwards it may be unloaded.
func (doc *document) reissue(ctx context.Context) {
	waiting, err := doc.notReissued(ctx)
	if err != nil {
		doc.node.cfg.Log.Warn("the acts to be reissued could not be read", "event", doc.id, "error", err)
		return
	}
	for _, l := range waiting {
		if err := doc.reissueOne(ctx, l); err != nil {
			doc.excluded.reasons[l.hash] = err
			doc.node.cfg.Log.Warn("an act could not be reissued", "event", doc.id, "change", l.hash, "error", err)
			if errors.Is(err, ErrNotSaved) {
				return
			}
		}
	}
}

// errWaits is the reason why an act about an ineffective post is not reissued yet.
var errWaits = errors.New("it is about a post that is not part of the event at the moment; it is written again once the post is")

func (doc *document) reissueOne(ctx context.Context, l ineffectiveAct) error {
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	if doc.excluded.reissued[l.hash] {
		return nil // reissued while this call waited for the engine
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

// translate replaces the posts that an act is about with their reissues. It returns false if
// one of the posts has none.
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
		if act.Mark == schema.KeyDuplicateOf {
			act.Text = string(move(qa.PostID(act.Text)))
		}
	default:
		act.Post = move(act.Post)
	}
	return act, ok
}

// resolve returns the current post for id: the post itself, or its reissue by the same
// owner. Nobody else can replace the post, because post IDs contain the owner. If a copied
// device made two posts with one ID, the reissue with the same text is returned.
func (doc *document) resolve(id qa.PostID) (qa.PostID, bool) {
	if p, ok := doc.contents.Projection().Post(id); ok && !p.Void {
		return id, true
	}
	was, known := doc.excluded.posts[id]
	origin := cmp.Or(was.origin, id)
	for _, p := range doc.contents.Projection().PostsWithOrigin(origin) {
		sameOwner := id.MadeBy(p.By)
		if sameOwner && !p.Void && (!known || len(p.Revisions) > 0 && p.Revisions[0].Text == was.text) {
			return p.ID, true
		}
	}
	return "", false
}

// Refusals returns the local acts in an event that were not accepted, the oldest first. Acts that
// the relay did not accept stay part of the event on this device and wait. The others are excluded
// or void. The text of all of them is kept.
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
	smallsort.StableFunc(out, func(a, b qa.NotAccepted) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.Hash, b.Hash))
	})
	return out, nil
}

// noneRefused reports, without loading the event, that none of its changes were refused.
// This is the usual case, and is checked for every page.
func (doc *document) noneRefused(ctx context.Context) (bool, error) {
	if len(doc.cached.relayRefusals()) > 0 {
		return false, nil
	}
	s, err := doc.summarize(ctx)
	return s.counts.NotInDocument == 0 && !s.void, err
}

// whyIneffective returns why an act has no effect, and why it could not be reissued.
func (doc *document) whyIneffective(l ineffectiveAct) (code, reason string) {
	code, reason = string(policy.CodeDependsOn), "It depends on a change that is not part of the event."
	switch l.status {
	case storage.Refused:
		code, reason = string(policy.CodeRole), "The event's rules do not allow it; an older version of this program wrote it."
	case storage.InDocument:
		code, reason = string(policy.CodeEquivocation), "A copy of this device that was used at the same time wrote another change with the same number, so neither of the two changes counts."
	}
	if err := doc.excluded.reasons[l.hash]; err != nil {
		reason += fmt.Sprintf(" It could not be written again: %v.", err)
	}
	return code, reason
}

// DiscardRefusal discards an act that was not accepted, so that it is no longer listed or
// reissued. hash is the act's hash in hex, as returned by Refusals. A post that only the
// relay did not accept is part of the event here, so its text is withdrawn. ErrUnknownChange
// is returned for a hash that is not among the refusals, and for other acts that only the
// relay did not accept.
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
	return fmt.Errorf("it is part of the event on this device and waits for a relay that accepts it; undo it in the event instead: %w", ErrUnknownChange)
}
