package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"flyleaf/keys"
)

// A key file is text. Without a passphrase it is the seed, after lines that begin with #:
//
//	# Flyleaf identity <public key, 64 hex>
//	<seed, 64 hex>
//
// With a passphrase it is an armored age file (age-encryption.org/v1) with one scrypt
// recipient, which contains these lines.

// MaxFile bounds a key file, in bytes.
const MaxFile = 16 << 10

// The scrypt cost parameter N, as log2 N. workFactor is for new files: deriving the key takes 128 MiB of memory
// and well under a second. Files with more than maxWorkFactor are refused, so that a hostile file cannot use more
// than 256 MiB.
const (
	workFactor    = 17
	maxWorkFactor = 18
)

var (
	// ErrFile is returned for bytes that are not a key file.
	ErrFile = errors.New("this is not a key file")
	// ErrNoPassphrase is returned by Open for an encrypted file when no passphrase is
	// given.
	ErrNoPassphrase = errors.New("the key file is encrypted with a passphrase")
	// ErrPassphrase is returned by Open when the passphrase is wrong.
	ErrPassphrase = errors.New("this is not the key file's passphrase")
)

// Seal returns a key file, encrypted with the passphrase unless that is "".
func Seal(k keys.Key, passphrase string) ([]byte, error) {
	if k.IsZero() {
		return nil, keys.ErrNoKey
	}
	plain := fmt.Appendf(nil, "# Flyleaf identity %s\n# Whoever has this file can write as this person.\n%s\n", k.Identity(), hex.EncodeToString(k.Seed()))
	if passphrase == "" {
		return plain, nil
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

// IsSealed reports whether b looks like an encrypted key file.
func IsSealed(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(b), []byte(armor.Header))
}

// Open reads a key file. It ignores passphrase if the file is not encrypted. ErrFile,
// ErrNoPassphrase or ErrPassphrase is returned when the file cannot be read.
func Open(b []byte, passphrase string) (keys.Key, error) {
	if len(b) > MaxFile {
		return keys.Key{}, fmt.Errorf("%w: it has %d bytes", ErrFile, len(b))
	}
	if IsSealed(b) {
		var err error
		if b, err = unseal(b, passphrase); err != nil {
			return keys.Key{}, err
		}
	}
	seed, owner := "", ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# Flyleaf identity "); ok {
			owner = rest
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if seed != "" {
			return keys.Key{}, fmt.Errorf("%w: it has more than one key", ErrFile)
		}
		seed = line
	}
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) != keys.SeedSize {
		return keys.Key{}, fmt.Errorf("%w: it has no line of 64 hex characters", ErrFile)
	}
	k, err := keys.KeyFromSeed(raw)
	if err == nil && owner != "" && owner != string(k.Identity()) {
		return keys.Key{}, fmt.Errorf("%w: the key does not match the identity in the file, so the file is damaged", ErrFile)
	}
	return k, err
}

func unseal(b []byte, passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, ErrNoPassphrase
	}
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
		b, err = io.ReadAll(io.LimitReader(r, MaxFile))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return b, nil
}
