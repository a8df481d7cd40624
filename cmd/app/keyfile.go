package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"flyleaf/keys"
	"flyleaf/keys/encrypted"
	"flyleaf/keys/identity"
)

// keyFile is the name of the identity in a data directory.
const keyFile = "identity.key"

// key reads the user's key, or creates it on the first start. The file is synced before it gets
// its name, so a crash leaves either no file or a complete one.
func (h home) key() (keys.Key, error) {
	path := h.path(keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, dbErr := os.Stat(h.path("flyleaf.db")); dbErr == nil {
			return keys.Key{}, fmt.Errorf("%s is missing, although this directory contains events; nothing was changed. Restore the file from a backup, or your identity with `flyleaf identity import`", path)
		}
		k, err := keys.NewKey(rand.Reader)
		if err != nil {
			return keys.Key{}, err
		}
		return k, h.saveKey(k, "")
	}
	if err != nil {
		return keys.Key{}, fmt.Errorf("reading the identity: %w", err)
	}
	k, _, err := h.openKey(b, path)
	if err != nil {
		return keys.Key{}, err
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return keys.Key{}, fmt.Errorf("other users can read %s, and its permissions cannot be changed: %w", path, err)
		}
	}
	return k, nil
}

// openKey decodes a key file, and asks for the passphrase if the file is protected. It returns
// the passphrase too, "" for an unprotected file.
func (h home) openKey(b []byte, path string) (k keys.Key, passphrase string, err error) {
	if identity.IsSealed(b) {
		if h.ask == nil {
			return k, "", fmt.Errorf("%s: %w", path, identity.ErrNoPassphrase)
		}
		if passphrase, err = h.ask(path); err != nil {
			return k, "", err
		}
	}
	k, err = encrypted.OpenFile(b, passphrase)
	switch {
	case errors.Is(err, encrypted.ErrPassphrase):
		err = codedf(exitRefused, "%w: %s; nothing was changed. If you have forgotten it, restore your identity from the recovery phrase with `flyleaf identity import`", err, path)
	case errors.Is(err, identity.ErrFile):
		err = codedf(exitRefused, "%s: %w; nothing was changed. Restore it from a backup, or from the recovery phrase with `flyleaf identity import`", path, err)
	}
	return k, passphrase, err
}

// saveKey writes the key file of this directory, protected if passphrase is not "".
func (h home) saveKey(k keys.Key, passphrase string) error {
	b, err := encrypted.SealFile(k, passphrase)
	if err == nil {
		err = writeFileSynced(h.path(keyFile), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("saving the identity: %w", err)
	}
	return nil
}

// backUpKey saves a copy of the key file that is about to be replaced, and returns its name.
// Keys are never deleted.
func (h home) backUpKey(b []byte, who string) (string, error) {
	path := h.path("identity-" + who + ".key")
	if old, err := os.ReadFile(path); err == nil && string(old) == string(b) {
		return path, nil
	}
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = h.path(fmt.Sprintf("identity-%s-%d.key", who, n))
	}
	if err := writeFileSynced(path, b, 0o600); err != nil {
		return "", fmt.Errorf("keeping the previous identity of this device: %w; nothing was changed", err)
	}
	return path, nil
}
