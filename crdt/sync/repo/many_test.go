package repo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestEncodeForMany: head, target and tail together are the frame for that peer, also if another
// ID looks like the key of the target.
func TestEncodeForMany(t *testing.T) {
	names := []string{"p", "targetId", strings.Repeat("n", 23), strings.Repeat("n", 24), strings.Repeat("n", MaxID), "\x60é"}
	for _, sender := range []string{"relay", "targetIdatargetId", "a\x68targetIdap"} {
		for _, first := range names {
			m := Message{Type: TypeSync, SenderID: sender, TargetID: first, DocumentID: "targetId", Data: []byte("htargetIdap"), Signatures: make([]byte, SignatureLen)}
			head, tail, err := EncodeForMany(&m, MaxFrame)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				m.TargetID = name
				want, err := Encode(&m)
				if err != nil {
					t.Fatal(err)
				}
				if got := append(AppendTarget(bytes.Clone(head), name), tail...); !bytes.Equal(got, want) {
					t.Errorf("from %q to %q:\n%x, want\n%x", sender, name, got, want)
				}
			}
		}
	}
	if _, _, err := EncodeForMany(&Message{Type: TypeSync, SenderID: "a", TargetID: "b", DocumentID: "c", Data: make([]byte, 100)}, 50); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, _, err := EncodeForMany(&Message{Type: TypeLeave, SenderID: "a"}, MaxFrame); !errors.Is(err, ErrMissing) {
		t.Errorf("without a target: %v", err)
	}
}
