package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// Errors of anonymous questions.
var (
	// ErrNotYetDelivered is returned for an anonymous act while the relay does not have all
	// changes of this device. A change names its dependencies, so an anonymous change that
	// depends on a change that nobody else has would reveal who asked.
	ErrNotYetDelivered = errors.New("some of your posts or changes have not reached the relay yet, and an anonymous question sent now would show who asked. Nothing was changed; try again when everything is sent")
	// ErrInvitedOnly is returned for an anonymous question in an invitation-only event,
	// because the question's key has no role there.
	ErrInvitedOnly = errors.New("only people who were invited by name can write in this event, so nobody can ask anonymously; nothing was changed")
	// ErrOnlyQuestions is returned for an anonymous reply that is not under this person's own
	// anonymous question.
	ErrOnlyQuestions = errors.New("only questions, and replies under your own anonymous question, can be anonymous; nothing was changed")
)

// writer returns the key that signs an act: the person's own, or the key of the anonymous
// question that the act is about. For a new anonymous question it creates the key. mu is
// held and the document is loaded.
func (doc *document) writer(ctx context.Context, act *qa.Act) (keys.Key, error) {
	own := doc.node.cfg.Key
	var key keys.Key
	var found bool
	switch act.Kind {
	case qa.ActPost:
		if !act.Anonymous {
			if _, found = doc.keys.ofQuestion(act.Parent); found && len(doc.withheld) > 0 {
				return own, ErrNotYetDelivered // the reply would reveal whose question it is
			}
			return own, nil
		}
		if act.Parent != "" {
			if key, found = doc.keys.ofQuestion(act.Parent); !found {
				return own, ErrOnlyQuestions
			}
			act.Anonymous = false // the key exists already, so this is an ordinary reply by its owner
		}
	case qa.ActEdit, qa.ActWithdraw, qa.ActExtra, qa.ActReact:
		key, found = doc.keys.ofQuestion(act.Post)
	case qa.ActMark:
		if act.Mark == schema.KeyAnswered {
			key, found = doc.keys.ofQuestion(act.Post)
		}
	case qa.ActPerson:
		if act.Person != nil && act.Person.ID != "" {
			key, found = doc.keys.question(act.Person.ID)
		}
	case qa.ActContact:
		key, found = doc.keys.question(act.Identity)
	}
	anonymous := act.Kind == qa.ActPost && act.Anonymous
	if !found && !anonymous {
		return own, nil
	}
	if doc.contents.Projection().Event().Access == schema.AccessInvited {
		return own, ErrInvitedOnly
	}
	unsent, err := doc.unsent(ctx)
	if err != nil {
		return own, err
	}
	if len(unsent) > 0 {
		return own, ErrNotYetDelivered
	}
	if !found {
		if key, err = doc.node.newKey(); err != nil {
			return own, err
		}
		act.X = map[string]string{qa.XAnonymous: qa.AnonymousYes}
		err = doc.storeKey(ctx, keyQuestion, key)
	}
	return key, err
}

// newKey draws a key.
func (n *Node) newKey() (keys.Key, error) {
	n.randMu.Lock()
	defer n.randMu.Unlock()
	return keys.NewKey(n.cfg.Rand)
}

// withhold keeps new anonymous changes out of the engine until a relay has them, so that
// this person's changes meanwhile do not depend on them.
func (doc *document) withhold(entries []storage.Entry) {
	for i := range entries {
		if doc.keys.isQuestion(entries[i].Actor) {
			if doc.withheld == nil {
				doc.withheld = map[wire.Hash]bool{}
			}
			doc.withheld[entries[i].Hash()] = true
		}
	}
	if len(doc.withheld) > 0 {
		doc.engine.drop()
	}
}

func (doc *document) buildsOnWithheld(deps []wire.Hash) bool {
	return len(doc.withheld) > 0 && slices.ContainsFunc(deps, func(d wire.Hash) bool { return doc.withheld[d] })
}

// release adds withheld changes to the engine after a relay has received them.
func (doc *document) release(ctx context.Context, hashes []wire.Hash) {
	released := map[wire.Hash]bool{}
	for _, h := range hashes {
		if doc.withheld[h] {
			released[h] = true
			delete(doc.withheld, h)
		}
	}
	if len(released) == 0 {
		return
	}
	if doc.engine.doc == nil || doc.contents == nil {
		doc.engine.drop() // an engine that is being loaded does not have them
		return
	}
	for _, h := range doc.contents.Graph().NotAncestorsOf(nil) { // in causal order
		if !released[h] {
			continue
		}
		en, err := doc.node.store.Entry(ctx, doc.id, h)
		if err != nil {
			doc.engine.drop() // it is loaded again when needed
			return
		}
		doc.engine.addPending(en.Chunk)
	}
}

// releaseAll releases all withheld changes. It is called when another device's change
// depends on one of them, which shows that others already have it.
func (doc *document) releaseAll(ctx context.Context) {
	doc.release(ctx, slices.Collect(maps.Keys(doc.withheld)))
}

// headsWithoutWithheld returns the heads of the changes that are not withheld: the engine's
// heads.
func (doc *document) headsWithoutWithheld() []wire.Hash {
	heads := doc.contents.Graph().Heads()
	if len(doc.withheld) == 0 {
		return heads
	}
	heads = slices.DeleteFunc(slices.Clone(heads), func(h wire.Hash) bool { return doc.withheld[h] })
	for h := range doc.withheld {
		for _, d := range doc.contents.Graph().Deps(nil, h) {
			if doc.withheld[d] || slices.ContainsFunc(doc.contents.Graph().Dependents(d), func(x wire.Hash) bool { return !doc.withheld[x] }) {
				continue
			}
			heads = append(heads, d)
		}
	}
	slices.SortFunc(heads, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(heads)
}

// explainMissing adds ErrNotYetDelivered to an error about a missing post, if the post is
// this person's anonymous question and has not reached the relay.
func (doc *document) explainMissing(act *qa.Act, err error) error {
	if len(doc.withheld) == 0 {
		return err
	}
	for _, post := range []qa.PostID{act.Post, act.Parent} {
		if _, own := doc.keys.ofQuestion(post); own {
			return fmt.Errorf("%w (%w)", ErrNotYetDelivered, err)
		}
	}
	return err
}
