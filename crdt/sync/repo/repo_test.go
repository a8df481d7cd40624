package repo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// stock are frames as cbor-x writes them with the settings of automerge-repo: maps have a
// 16-bit length, undefined is kept, and tag 64 is off unless the name says otherwise.
var stock = []struct {
	name, hex string
	want      Message
}{
	{
		"join, undefined storageId",
		"b900046474797065646a6f696e6873656e646572496466706565722d616c706565724d65746164617461b900026b6973457068656d6572616cf5" +
			"6973746f726167654964f77819737570706f7274656450726f746f636f6c56657273696f6e73816131",
		Message{Type: TypeJoin, SenderID: "peer-a", PeerMetadata: PeerMetadata{IsEphemeral: true}, SupportedProtocolVersions: []string{"1"}},
	},
	{
		"join, storageId",
		"b900046474797065646a6f696e6873656e646572496466706565722d616c706565724d65746164617461b900026b6973457068656d6572616cf4" +
			"6973746f72616765496464336631657819737570706f7274656450726f746f636f6c56657273696f6e73816131",
		Message{Type: TypeJoin, SenderID: "peer-a", PeerMetadata: PeerMetadata{StorageID: "3f1e"}, SupportedProtocolVersions: []string{"1"}},
	},
	{
		"join, undefined metadata",
		"b90003" + "6474797065646a6f696e" + "6873656e646572496461" + "61" + "6c706565724d65746164617461f7",
		Message{Type: TypeJoin, SenderID: "a"},
	},
	{
		"sync",
		"b9000564747970656473796e636464617461430102036873656e6465724964616168746172676574496461626a646f63756d656e7449646164",
		Message{Type: TypeSync, Data: []byte{1, 2, 3}, SenderID: "a", TargetID: "b", DocumentID: "d"},
	},
	{
		"sync, data under tag 64",
		"b9000564747970656473796e636464617461d840430102036873656e6465724964616168746172676574496461626a646f63756d656e7449646164",
		Message{Type: TypeSync, Data: []byte{1, 2, 3}, SenderID: "a", TargetID: "b", DocumentID: "d"},
	},
	{
		"ephemeral",
		"b90007647479706569657068656d6572616c6464617461410165636f756e74016973657373696f6e496461736873656e646572496461" +
			"6168746172676574496461626a646f63756d656e7449646164",
		Message{Type: TypeEphemeral, Data: []byte{1}, Count: 1, SessionID: "s", SenderID: "a", TargetID: "b", DocumentID: "d"},
	},
	{
		"ephemeral, count as float",
		"b90007647479706569657068656d6572616c6464617461410165636f756e74fb42304c533c0000006973657373696f6e496461736873656e646572496461" +
			"6168746172676574496461626a646f63756d656e7449646164",
		Message{Type: TypeEphemeral, Data: []byte{1}, Count: 70000000000, SessionID: "s", SenderID: "a", TargetID: "b", DocumentID: "d"},
	},
	{
		"leave",
		"b900026474797065656c656176656873656e64657249646161",
		Message{Type: TypeLeave, SenderID: "a"},
	},
	{
		"unknown type with a nested map under an unknown key",
		"a2" + "6474797065" + "6178" + "686e65774865616473" + "a16173a2656865616473816178" + "6974696d657374616d70fb42785df88a000000",
		Message{Type: "x"},
	},
}

// flyleafMessages are messages that stock clients do not know.
var flyleafMessages = []Message{
	{Type: TypeProof, SenderID: "r", TargetID: "a", DocumentID: "d", Proof: &Proof{
		A: []byte{1}, SigA: bytes.Repeat([]byte{2}, SignatureLen), B: bytes.Repeat([]byte{3}, MaxProofChange), SigB: bytes.Repeat([]byte{4}, SignatureLen),
	}},
	{Type: TypeAccess, SenderID: "r", TargetID: "a", DocumentID: "d", Challenge: bytes.Repeat([]byte{5}, ChallengeLen), Version: 2},
	{
		Type: TypeAccess, SenderID: "a", TargetID: "r", DocumentID: "d",
		Identity: bytes.Repeat([]byte{6}, IdentityLen), Signature: bytes.Repeat([]byte{7}, SignatureLen), Version: 2,
	},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeStock(t *testing.T) {
	for _, s := range stock {
		t.Run(s.name, func(t *testing.T) {
			m, err := Decode(unhex(t, s.hex))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*m, s.want) {
				t.Errorf("got %+v\nwant %+v", *m, s.want)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	hash := bytes.Repeat([]byte{7}, HashLen)
	for _, m := range []Message{
		{Type: TypeJoin, SenderID: "a", PeerMetadata: PeerMetadata{StorageID: "s", IsEphemeral: true}, SupportedProtocolVersions: []string{"1"}},
		{Type: TypePeer, SenderID: "r", TargetID: "a", SelectedProtocolVersion: "1"},
		{Type: TypePeer, SenderID: "r", TargetID: "a", SelectedProtocolVersion: "1", PeerMetadata: PeerMetadata{IsEphemeral: true, AnswersPings: true}},
		{Type: TypePing, SenderID: "a", TargetID: "r"},
		{Type: TypeLeave, SenderID: "a"},
		{Type: TypeRequest, SenderID: "a", TargetID: "r", DocumentID: "d", Data: []byte{0x42}},
		{Type: TypeSync, SenderID: "a", TargetID: "r", DocumentID: "d", Data: []byte{0x42}, Signatures: bytes.Repeat([]byte{1}, 128)},
		{Type: TypeUnavailable, SenderID: "r", TargetID: "a", DocumentID: "d"},
		{Type: TypeEphemeral, SenderID: "a", TargetID: "r", DocumentID: "d", Data: []byte{0xf6}, SessionID: "s", Count: MaxCount},
		{Type: TypeEphemeral, SenderID: "a", TargetID: "r", DocumentID: "d", Data: []byte{0xf6}, SessionID: "s"},
		{Type: TypeError, SenderID: "r", TargetID: "a", Message: "unsupported protocol version"},
		{Type: TypeRefused, SenderID: "r", TargetID: "a", DocumentID: "d", Refused: []Refusal{
			{Hash: hash, Code: "signature", Reason: "not signed", Deferred: true},
			{Hash: hash, Code: "x"},
		}},
		flyleafMessages[0], flyleafMessages[1], flyleafMessages[2],
	} {
		b, err := Encode(&m)
		if err != nil {
			t.Fatalf("%s: %v", m.Type, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", m.Type, err)
		}
		if !reflect.DeepEqual(*got, m) {
			t.Errorf("%s: got %+v\nwant %+v", m.Type, *got, m)
		}
	}
}

// TestEncodeAlwaysHasMetadata: stock clients read these keys without checking that they exist.
func TestEncodeAlwaysHasMetadata(t *testing.T) {
	b, err := Encode(&Message{Type: TypePeer, SenderID: "r", TargetID: "a", SelectedProtocolVersion: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("peerMetadata\xa1\x6bisEphemeral\xf4")) {
		t.Errorf("%x", b)
	}
	if b, err = Encode(&Message{Type: TypeEphemeral, SenderID: "a", DocumentID: "d", Data: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("count\x00")) {
		t.Errorf("%x", b)
	}
}

func TestDecodeRefuses(t *testing.T) {
	sync := func(mutate func(*Message)) []byte {
		m := Message{Type: TypeSync, SenderID: "a", DocumentID: "d", Data: []byte{1}}
		mutate(&m)
		f := frame{
			Type: m.Type, SenderID: m.SenderID, DocumentID: m.DocumentID, Data: m.Data, Signatures: m.Signatures,
			Message: m.Message, SupportedProtocolVersions: m.SupportedProtocolVersions, Refused: m.Refused,
			Proof: m.Proof, Challenge: m.Challenge, Identity: m.Identity, Signature: m.Signature, Version: m.Version,
		}
		b, err := encMode.Marshal(&f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	deep := append([]byte("\xa2\x64type\x61x\x61y"), bytes.Repeat([]byte{0x81}, 40)...)
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrMalformed},
		{"null", []byte{0xf6}, ErrMalformed},
		{"array", []byte{0x80}, ErrMalformed},
		{"empty map", []byte{0xa0}, ErrMissing},
		{"map that claims 2^63 pairs", []byte("\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"), ErrMalformed},
		{"array that claims 2^31 elements", []byte("\xa2\x64type\x61x\x61y\x9a\x7f\xff\xff\xff"), ErrMalformed},
		{"byte string that claims 2^40 bytes", []byte("\xa2\x64type\x61x\x64data\x5b\x00\x00\x01\x00\x00\x00\x00\x00"), ErrMalformed},
		{"deep nesting", append(deep, 0), ErrMalformed},
		{"two items", append(sync(func(*Message) {}), 0xa0), ErrMalformed},
		{"a key twice", []byte("\xa2\x64type\x61x\x64type\x61y"), ErrMalformed},
		{"type is a number", []byte("\xa1\x64type\x01"), ErrMalformed},
		{"data is text", []byte("\xa2\x64type\x61x\x64data\x61y"), ErrMalformed},
		{"text is not UTF-8", []byte("\xa1\x64type\x61\xff"), ErrMalformed},
		{"count is text", []byte("\xa2\x64type\x61x\x65count\x61y"), ErrMalformed},
		{"count is negative", []byte("\xa2\x64type\x61x\x65count\x20"), ErrMalformed},
		{"count is NaN", []byte("\xa2\x64type\x61x\x65count\xf9\x7e\x00"), ErrBound},
		{"count is a half", []byte("\xa2\x64type\x61x\x65count\xf9\x38\x00"), ErrBound},
		{"count is 2^60", []byte("\xa2\x64type\x61x\x65count\x1b\x10\x00\x00\x00\x00\x00\x00\x00"), ErrBound},
		{"no sender", sync(func(m *Message) { m.SenderID = "" }), ErrMissing},
		{"no document", sync(func(m *Message) { m.DocumentID = "" }), ErrMissing},
		{"no data", sync(func(m *Message) { m.Data = nil }), ErrMissing},
		{"long sender", sync(func(m *Message) { m.SenderID = strings.Repeat("a", MaxID+1) }), ErrBound},
		{"odd signatures", sync(func(m *Message) { m.Signatures = make([]byte, 65) }), ErrBound},
		{"long message", sync(func(m *Message) { m.Message = strings.Repeat("a", MaxText+1) }), ErrBound},
		{"many versions", sync(func(m *Message) { m.SupportedProtocolVersions = make([]string, MaxVersions+1) }), ErrBound},
		{"short hash", sync(func(m *Message) { m.Refused = []Refusal{{Hash: []byte{1}}} }), ErrBound},
		{"no proof", sync(func(m *Message) { m.Type = TypeProof }), ErrMissing},
		{"half a proof", sync(func(m *Message) {
			*m = flyleafMessages[0]
			m.Proof = &Proof{A: []byte{1}, SigA: m.Proof.SigA, SigB: m.Proof.SigB}
		}), ErrMissing},
		{"a proof without a signature", sync(func(m *Message) {
			*m = flyleafMessages[0]
			m.Proof = &Proof{A: []byte{1}, B: []byte{2}, SigA: m.Proof.SigA}
		}), ErrBound},
		{"a proof of a large change", sync(func(m *Message) {
			*m = flyleafMessages[0]
			m.Proof = &Proof{A: make([]byte, MaxProofChange+1), B: []byte{2}, SigA: m.Proof.SigA, SigB: m.Proof.SigB}
		}), ErrBound},
		{"access without an identity", sync(func(m *Message) { m.Type = TypeAccess }), ErrMissing},
		{"access without signature", sync(func(m *Message) { *m = flyleafMessages[2]; m.Signature = nil }), ErrMissing},
		{"short challenge", sync(func(m *Message) { *m = flyleafMessages[1]; m.Challenge = m.Challenge[1:] }), ErrBound},
		{"long identity", sync(func(m *Message) {
			*m = flyleafMessages[2]
			m.Identity = append(m.Identity[:IdentityLen:IdentityLen], 0)
		}), ErrBound},
		{"too large", make([]byte, MaxFrame+1), ErrTooLarge},
	} {
		if m, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v; want %v", c.name, m, err, c.want)
		}
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for _, m := range []Message{
		{},
		{Type: TypeSync, SenderID: "a", DocumentID: "d"},
		{Type: TypeSync, SenderID: "a", DocumentID: "d", Data: []byte{1}, Signatures: []byte{1}},
	} {
		if _, err := Encode(&m); err == nil {
			t.Errorf("%+v was encoded", m)
		}
	}
	if _, err := Encode(&Message{Type: TypeSync, SenderID: "a", DocumentID: "d", Data: make([]byte, MaxFrame)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: a decoded message can be encoded, and decodes to the same message.
func FuzzDecode(f *testing.F) {
	for _, s := range stock {
		f.Add(unhex(f, s.hex))
	}
	for _, m := range flyleafMessages {
		if m.Proof != nil {
			m.Proof = &Proof{A: []byte{1}, SigA: m.Proof.SigA, B: []byte{2}, SigB: m.Proof.SigB} // small, so that mutations are effective
		}
		b, err := Encode(&m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		out, err := Encode(m)
		if err != nil {
			t.Fatalf("decoded but not encodable: %v", err)
		}
		again, err := Decode(out)
		if err != nil {
			t.Fatal(err)
		}
		out2, err := Encode(again)
		if err != nil || !bytes.Equal(out, out2) {
			t.Fatalf("%x\n%x", out, out2)
		}
	})
}
