package repo

import (
	"bytes"
	"testing"
)

func TestJoinSignatures(t *testing.T) {
	signed := bytes.Repeat([]byte{7}, SignatureLen)
	if got := JoinSignatures([][]byte{nil, {1, 2}}); got != nil {
		t.Errorf("changes without a signature: %x", got)
	}
	want := append(append(bytes.Clone(signed), make([]byte, SignatureLen)...), signed...)
	if got := JoinSignatures([][]byte{signed, nil, signed}); !bytes.Equal(got, want) {
		t.Errorf("one of three without a signature: %x", got)
	}
}
