// Package encrypted encrypts and decrypts with age (age-encryption.org/v1): the contact details of winners, and
// key files with a passphrase.
package encrypted

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"flyleaf/keys"
	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/schema"
)

// A winner's contact details are stored in the event, which every device has, so they are encrypted
// for the founder only: an age file (age-encryption.org/v1) with one ssh-ed25519 recipient, the
// founder's public key. The ciphertext does not name the sender; the signed change does.

// ErrNotForYou is returned by OpenContact when the contact is not encrypted for this
// key, or is damaged.
var ErrNotForYou = errors.New("this contact cannot be read with this key")

// SealContact encrypts a contact for the founder of an event.
func SealContact(founder qa.Identity, contact string) ([]byte, error) {
	if contact == "" || len(contact) > identity.MaxContact {
		return nil, fmt.Errorf("%w; it has %d", identity.ErrContact, len(contact))
	}
	if _, err := qa.ParseIdentity(string(founder)); err != nil {
		return nil, err
	}
	public, err := hex.DecodeString(string(founder))
	if err != nil {
		return nil, err
	}
	key, err := ssh.NewPublicKey(ed25519.PublicKey(public))
	if err != nil {
		return nil, fmt.Errorf("encrypting a contact: %w", err)
	}
	to, err := agessh.NewEd25519Recipient(key)
	if err != nil {
		return nil, fmt.Errorf("encrypting a contact: %w", err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = io.WriteString(w, contact)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting a contact: %w", err)
	}
	if out.Len() > schema.MaxContact {
		return nil, fmt.Errorf("%w; encrypted it has %d", identity.ErrContact, out.Len())
	}
	return out.Bytes(), nil
}

// OpenContact decrypts a contact with the founder's key. ErrNotForYou is returned when the contact
// is encrypted for another key, or is damaged.
func OpenContact(k keys.Key, sealed []byte) (string, error) {
	if k.IsZero() {
		return "", keys.ErrNoKey
	}
	own, err := agessh.NewEd25519Identity(ed25519.NewKeyFromSeed(k.Seed()))
	if err != nil {
		return "", fmt.Errorf("reading a contact: %w", err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), own)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotForYou, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, schema.MaxContact))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotForYou, err)
	}
	return string(b), nil
}
