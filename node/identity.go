package node

import (
	"context"
	"errors"
	"strings"

	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ErrOtherIdentity is returned by CheckIdentity for a device on which somebody else has written.
var ErrOtherIdentity = errors.New("this device has already written under another identity")

// CheckIdentity returns ErrOtherIdentity if any change that was made on the store's device was signed
// by an identity other than who: what was written stays with the identity that signed it. Damaged
// entries are not checked.
func CheckIdentity(ctx context.Context, store storage.Store, who qa.Identity) error {
	events, err := store.Documents(ctx)
	if err != nil {
		return err
	}
	for _, id := range events {
		err := store.Entries(ctx, id, 0, func(en storage.Entry) error {
			if en.Own && qa.IdentityOfActor([]byte(en.Actor)) != who {
				return ErrOtherIdentity
			}
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return err
		}
	}
	return nil
}

// IdentityLink writes a recovery phrase as a link that opens Flyleaf in a browser at site, with
// that identity. It is as secret as the phrase.
func IdentityLink(site string, phrase []string) string {
	return identity.Link(site, strings.Join(phrase, " "))
}
