package keys

import (
	"crypto/hmac"
	"crypto/sha256"

	"flyleaf/qa"
)

// DrawSecret returns the 32 bytes that a person puts into an event's draw (see qa.Draw):
// HMAC-SHA256 of the key's seed over "flyleaf draw secret v1" ‖ the 16 bytes of the
// event ID. The secret is derived from the key, so it survives the loss of a device, the person cannot
// choose it, and any of the person's devices can reveal it. Nobody else can compute it. ErrNoKey is returned for the zero Key.
func DrawSecret(k Key, event qa.EventID) ([]byte, error) {
	if k.IsZero() {
		return nil, ErrNoKey
	}
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, k.Seed())
	m.Write([]byte("flyleaf draw secret v1"))
	m.Write(doc[:])
	return m.Sum(nil), nil
}
