package node

import (
	"context"
	"errors"
	"strings"

	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ErrOtherIdentity is returned by ChangeIdentity and CheckIdentity for a device on which somebody else has written.
var ErrOtherIdentity = errors.New("this device has already written under another identity")

// CheckIdentity returns ErrOtherIdentity if any change that was made on the store's device was
// signed by an identity other than who: such changes cannot be signed again by who. Damaged entries
// are not checked.
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

// ChangeIdentity replaces the device's key, whose identity is now, by the key of the identity
// other. It reports whether the two differ. now is "" if the device's key cannot be read. check is
// CheckIdentity on the device's store; its ErrOtherIdentity is ignored with replace. The previous
// key is never lost: setAside keeps it before save stores the other one.
func ChangeIdentity(now, other qa.Identity, replace bool, check, setAside, save func() error) (changed bool, err error) {
	if now == other {
		return false, nil
	}
	if err := check(); err != nil && (!replace || !errors.Is(err, ErrOtherIdentity)) {
		return false, err
	}
	if err := setAside(); err != nil {
		return false, err
	}
	return true, save()
}

// IdentityLink writes a recovery phrase as a link that opens Flyleaf in a browser at site, with
// that identity. It is as secret as the phrase.
func IdentityLink(site string, phrase []string) string {
	return identity.Link(site, strings.Join(phrase, " "))
}
