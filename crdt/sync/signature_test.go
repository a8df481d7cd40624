package sync

import (
	"bytes"
	"testing"

	"flyleaf/crdt/wire"
)

// signingDevice is a device that signs every second change. The signature contains the change's
// hash.
type signingDevice struct{ *device }

func signatureOf(h wire.Hash) []byte {
	if h[0]%2 == 0 {
		return nil
	}
	return h[:]
}

func (d signingDevice) Change(h wire.Hash) (Change, error) {
	c, err := d.device.Change(h)
	c.Signature = signatureOf(h)
	return c, err
}

// TestChangesCarryTheirSignatures: each change of a message has its own signature, also if a slice
// omits changes.
func TestChangesCarryTheirSignatures(t *testing.T) {
	r := seeded(t)
	a, b := signingDevice{newDevice()}, newDevice()
	for range 40 {
		a.write(t, actorOf(1), 200, r)
	}
	pa, pb := NewPeer(), NewPeer()
	pa.limit = 2000
	changes := 0
	for range 100 {
		m, ok, err := pa.Generate(a)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if len(m.Signatures) != len(m.Changes) {
				t.Fatalf("%d signatures for %d changes", len(m.Signatures), len(m.Changes))
			}
			for i, chunk := range m.Changes {
				h, err := wire.ReadHash(chunk)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(m.Signatures[i], signatureOf(h)) {
					t.Errorf("change %s has the signature %x", h, m.Signatures[i])
				}
				changes++
			}
			b.receive(t, pb, m.Encode())
		}
		answer, ok, err := pb.Generate(b)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			a.receive(t, pa, answer.Encode())
		}
	}
	if changes < 40 || b.g.Len() != a.g.Len() {
		t.Errorf("%d changes were sent; %d of %d arrived", changes, b.g.Len(), a.g.Len())
	}
}
