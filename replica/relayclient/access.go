package relayclient

import (
	"context"
	"encoding/hex"
	"errors"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
)

// maxAccessKeys bounds the keys that are shown to a relay for one event.
const maxAccessKeys = 8

// proveAccess answers the challenge of a relay that shows an event only to people with a
// role in it, and requests the event again. Each call tries the next key; after the last
// one the event counts as not available until the session asks again.
func (c *conversation) proveAccess(ctx context.Context, asked *repo.Message) error {
	err := c.view(ctx, func(st State) ([]*repo.Message, error) {
		defer c.noteStatus(st)
		c.unknownAddress = c.unknownAddress || asked.Message == repo.AccessAddress
		mine := st.AccessKeys()
		if c.keysTried >= min(len(mine), maxAccessKeys) {
			c.notInvited, c.unavailable = true, true
			return nil, nil
		}
		answer, err := c.session.accessAnswer(mine[c.keysTried], c.doc.ID(), asked)
		if err != nil {
			return nil, err
		}
		c.keysTried++
		c.restart()
		out, err := c.messages(ctx, st)
		return append([]*repo.Message{answer}, out...), err
	})
	if errors.Is(err, keys.ErrStatement) {
		return unreadable(err)
	}
	return err
}

// accessAnswer signs the relay's challenge. The signature is valid only for the relay that
// this device dialled, and only on this connection. A relay of an earlier version gets the
// older form, which it could forward to others; current relays do not accept that form.
func (s *session) accessAnswer(key keys.Key, event qa.EventID, asked *repo.Message) (*repo.Message, error) {
	answer := &repo.Message{Type: repo.TypeAccess, DocumentID: string(event)}
	var err error
	if asked.Version == 0 {
		answer.Signature, err = keys.SignOldAccess(key, event, asked.Challenge)
	} else {
		answer.Version = keys.AccessVersion
		var address string
		if address, err = keys.RelayAddress(s.connection.url); err != nil {
			return nil, err
		}
		answer.Signature, err = keys.SignAccess(key, keys.Access{
			Event: event, Challenge: asked.Challenge, Address: address, Device: s.self, Relay: s.relay,
		})
	}
	if err != nil {
		return nil, err
	}
	answer.Identity, err = hex.DecodeString(string(key.Identity()))
	return answer, err
}
