package replica

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// The kinds of keys that a device has in an event in addition to its person's own key.
const (
	keyQuestion   = "question"   // signs one anonymous question
	keyInvitation = "invitation" // came with the invitation that this device joined with
)

// heldKey is a key that this device has in one event. Nobody else has it, unless it came
// with an invitation.
type heldKey struct {
	kind string
	key  keys.Key
}

// keyring is the keys that this device has in one event in addition to its person's own.
type keyring map[qa.Identity]heldKey

// storedKey is a heldKey as stored in the settings, which a rebuild does not change.
type storedKey struct {
	Kind string `json:"kind"`
	Seed string `json:"seed"` // hex
}

func keysPrefix(event qa.EventID) string { return "key/" + string(event) + "/" }

// readKeys returns the keys that are stored for an event. Unreadable keys are skipped and
// logged, so that one damaged setting does not make the event unusable.
func (doc *document) readKeys(ctx context.Context) (keyring, error) {
	rows, err := doc.node.store.Settings(ctx, keysPrefix(doc.id))
	if err != nil {
		return nil, err
	}
	out := keyring{}
	for name, value := range rows {
		var s storedKey
		var key keys.Key
		err := json.Unmarshal([]byte(value), &s)
		if err == nil {
			var seed []byte
			if seed, err = hex.DecodeString(s.Seed); err == nil {
				key, err = keys.KeyFromSeed(seed)
			}
		}
		if err == nil && keysPrefix(doc.id)+string(key.Identity()) != name {
			err = errors.New("the key does not match its name")
		}
		if err != nil {
			doc.node.cfg.Log.Warn("a key of an event cannot be read", "event", doc.id, "key", name, "error", err)
			continue
		}
		out[key.Identity()] = heldKey{kind: s.Kind, key: key}
	}
	return out, nil
}

// storeKey stores a key. It is called before the first change is signed with the key.
func (doc *document) storeKey(ctx context.Context, kind string, key keys.Key) error {
	value, err := json.Marshal(storedKey{Kind: kind, Seed: hex.EncodeToString(key.Seed())})
	if err != nil {
		return err
	}
	if err := doc.node.store.SetSetting(ctx, keysPrefix(doc.id)+string(key.Identity()), string(value)); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	if doc.keys == nil {
		doc.keys = keyring{}
	}
	doc.keys[key.Identity()] = heldKey{kind: kind, key: key}
	return nil
}

// isQuestion reports whether an actor belongs to the key of an anonymous question.
func (r keyring) isQuestion(a wire.ActorID) bool {
	_, ok := r.question(qa.IdentityOfActor([]byte(a)))
	return ok
}

// question returns the key of an anonymous question by its identity.
func (r keyring) question(id qa.Identity) (keys.Key, bool) {
	k, ok := r[id]
	return k.key, ok && k.kind == keyQuestion
}

// ofQuestion returns the anonymous question's key that owns a post.
func (r keyring) ofQuestion(post qa.PostID) (keys.Key, bool) {
	for id, k := range r {
		if k.kind == keyQuestion && post.MadeBy(id) {
			return k.key, true
		}
	}
	return keys.Key{}, false
}

// invitations returns the keys that came with invitations, ascending.
func (r keyring) invitations() []qa.Identity {
	var out []qa.Identity
	for id, k := range r {
		if k.kind == keyInvitation {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// keyOf returns the key of this person that an actor belongs to.
func (doc *document) keyOf(a wire.ActorID) (keys.Key, bool) {
	id := qa.IdentityOfActor([]byte(a))
	if id == doc.node.Identity() {
		return doc.node.cfg.Key, true
	}
	k, ok := doc.keys[id]
	return k.key, ok
}

// Keys returns every identity with which this device can write in an event: the person's own
// first, then those of its anonymous questions. Posts by any of them are this person's.
func (n *Node) Keys(ctx context.Context, id qa.EventID) ([]qa.Identity, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	keys, err := doc.readKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := []qa.Identity{n.Identity()}
	for id, k := range keys {
		if k.kind == keyQuestion {
			out = append(out, id)
		}
	}
	slices.Sort(out[1:])
	return out, nil
}
