package encrypted

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"flyleaf/keys"
	"flyleaf/keys/identity"
)

func key(t *testing.T, fill byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromSeed(bytes.Repeat([]byte{fill}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFiles(t *testing.T) {
	k := key(t, 7)
	for _, passphrase := range []string{"", "correct horse", "größe 🙏"} {
		b, err := SealFile(k, passphrase)
		if err != nil {
			t.Fatal(err)
		}
		if identity.IsSealed(b) != (passphrase != "") || len(b) > identity.MaxFile {
			t.Errorf("%q: %s", passphrase, b)
		}
		if passphrase != "" && bytes.Contains(b, []byte(hex.EncodeToString(k.Seed()))) {
			t.Error("an encrypted file contains the seed")
		}
		back, err := OpenFile(b, passphrase)
		if err != nil || back.Identity() != k.Identity() {
			t.Errorf("%q: %v", passphrase, err)
		}
		if passphrase == "" {
			continue
		}
		if _, err := OpenFile(b, ""); !errors.Is(err, identity.ErrNoPassphrase) {
			t.Errorf("without the passphrase: %v", err)
		}
		if _, err := OpenFile(b, passphrase+"x"); !errors.Is(err, ErrPassphrase) {
			t.Errorf("with another passphrase: %v", err)
		}
	}
	if _, err := SealFile(keys.Key{}, ""); !errors.Is(err, keys.ErrNoKey) {
		t.Error(err)
	}
}

// TestDamagedFilesAreErrors: a damaged file gives identity.ErrFile, never another key or a panic.
func TestDamagedFilesAreErrors(t *testing.T) {
	k := key(t, 7)
	plain, err := SealFile(k, "")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := SealFile(k, "x")
	if err != nil {
		t.Fatal(err)
	}
	seed := hex.EncodeToString(k.Seed())
	for name, b := range map[string][]byte{
		"empty":           nil,
		"short":           []byte(seed[2:]),
		"two":             []byte(seed + "\n" + seed),
		"not hex":         []byte(strings.Repeat("x", 64)),
		"another seed":    bytes.Replace(plain, []byte(seed), []byte(strings.Repeat("08", 32)), 1),
		"cut off":         sealed[:len(sealed)/2],
		"header only":     []byte("-----BEGIN AGE ENCRYPTED FILE-----"),
		"large":           bytes.Repeat([]byte("#\n"), identity.MaxFile),
		"one bit flipped": flip(sealed, len(sealed)-60),
	} {
		if got, err := OpenFile(b, "x"); !errors.Is(err, identity.ErrFile) || !got.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := OpenFile([]byte(seed), ""); err != nil || got.Identity() != k.Identity() {
		t.Errorf("a file with only the seed: %v", err)
	}
}

func flip(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 1
	return c
}

// TestFileWithAHighWorkFactorIsRefused: a hostile file cannot make this device compute for
// minutes.
func TestFileWithAHighWorkFactorIsRefused(t *testing.T) {
	costly := strings.Join([]string{
		"-----BEGIN AGE ENCRYPTED FILE-----",
		"YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBBQUFBQUFBQUFBQUFBQUFB",
		"QUFBQUFBIDIyCkFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
		"QUFBQUEKLS0tIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
		"QUFBQUEK",
		"-----END AGE ENCRYPTED FILE-----",
	}, "\n")
	_, err := OpenFile([]byte(costly), "x")
	if !errors.Is(err, identity.ErrFile) || !strings.Contains(err.Error(), "work factor") {
		t.Errorf("%v", err)
	}
}
