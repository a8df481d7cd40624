package encrypted

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"flyleaf/keys"
	"flyleaf/keys/identity"
)

// A key file with a passphrase is an armored age file with one scrypt recipient, which contains what
// identity.File returns.

// The scrypt cost parameter N, as log2 N. workFactor is for new files: deriving the key takes 128 MiB of memory
// and well under a second. Files with more than maxWorkFactor are refused, so that a hostile file cannot use more
// than 256 MiB.
const (
	workFactor    = 17
	maxWorkFactor = 18
)

// ErrPassphrase is returned by OpenFile when the passphrase is wrong.
var ErrPassphrase = errors.New("this is not the key file's passphrase")

// SealFile returns a key file, encrypted with the passphrase unless that is "".
func SealFile(k keys.Key, passphrase string) ([]byte, error) {
	plain, err := identity.File(k)
	if err != nil || passphrase == "" {
		return plain, err
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key with a passphrase: %w", err)
	}
	recipient.SetWorkFactor(workFactor)
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = armored.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting the key with a passphrase: %w", err)
	}
	return out.Bytes(), nil
}

// OpenFile reads a key file. It ignores passphrase if the file is not encrypted. identity.ErrFile,
// identity.ErrNoPassphrase or ErrPassphrase is returned when the file cannot be read.
func OpenFile(b []byte, passphrase string) (keys.Key, error) {
	if passphrase != "" && identity.IsSealed(b) && len(b) <= identity.MaxFile {
		var err error
		if b, err = unseal(b, passphrase); err != nil {
			return keys.Key{}, err
		}
	}
	return identity.Open(b)
}

func unseal(b []byte, passphrase string) ([]byte, error) {
	decryptor, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	decryptor.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(b)), decryptor)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, ErrPassphrase
	}
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(r, identity.MaxFile))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrFile, err)
	}
	return b, nil
}
