package identity

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"flyleaf/keys"
)

// A key file is text. Without a passphrase it is the seed, after lines that begin with #:
//
//	# Flyleaf identity <public key, 64 hex>
//	<seed, 64 hex>
//
// With a passphrase it is an armored age file, which package encrypted writes and reads.

// MaxFile bounds a key file, in bytes.
const MaxFile = 16 << 10

var (
	// ErrFile is returned for bytes that are not a key file.
	ErrFile = errors.New("this is not a key file")
	// ErrNoPassphrase is returned for an encrypted file when no passphrase is given.
	ErrNoPassphrase = errors.New("the key file is encrypted with a passphrase")
)

// File returns a key file without a passphrase.
func File(k keys.Key) ([]byte, error) {
	if k.IsZero() {
		return nil, keys.ErrNoKey
	}
	return fmt.Appendf(nil, "# Flyleaf identity %s\n# Whoever has this file can write as this person.\n%s\n", k.Identity(), hex.EncodeToString(k.Seed())), nil
}

// IsSealed reports whether b looks like an encrypted key file.
func IsSealed(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN AGE ENCRYPTED FILE-----"))
}

// Open reads a key file without a passphrase. ErrFile or ErrNoPassphrase is returned when the file cannot be read.
func Open(b []byte) (keys.Key, error) {
	if len(b) > MaxFile {
		return keys.Key{}, fmt.Errorf("%w: it has %d bytes", ErrFile, len(b))
	}
	if IsSealed(b) {
		return keys.Key{}, ErrNoPassphrase
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
