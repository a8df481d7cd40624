// Package repo encodes and decodes the envelope that automerge-repo puts around sync messages
// on a WebSocket: one CBOR map for each frame, protocol version "1".
//
// Decode never panics, never allocates more than a small multiple of its input, and returns
// only messages within the bounds below. It reads everything that
// @automerge/automerge-repo-network-websocket 2.5 writes (byte strings with or without tag 64,
// undefined for absent values, large counts as floats). It ignores unknown keys, and accepts
// unknown message types.
//
// The package does not decode the sync messages in the envelope, keeps no state of a
// connection, and does no I/O.
package repo

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"flyleaf/crdt/wire"
)

// ProtocolVersion is the only existing version of the protocol.
const ProtocolVersion = "1"

// The message types. The first eight are those of automerge-repo. Types that begin with
// "flyleaf-" are Flyleaf's; stock clients ignore them.
const (
	TypeJoin        = "join"            // client → server, the first message of a connection
	TypePeer        = "peer"            // server → client, the answer to join
	TypeLeave       = "leave"           // client → server, the last message of a connection
	TypeRequest     = "request"         // a sync message of a peer that lacks the document
	TypeSync        = "sync"            // a sync message
	TypeUnavailable = "doc-unavailable" // the answer to request: the server does not have the document
	TypeEphemeral   = "ephemeral"       // a message that is not stored
	TypeError       = "error"           // server → client, then the server closes
	TypeRefused     = "flyleaf-refused" // which changes were not accepted, and why
	// TypeProof contains two changes with one actor and sequence number. Only earlier versions
	// of Flyleaf send it, in both directions; a receiver treats the two like any changes.
	TypeProof = "flyleaf-proof"
	// TypeAccess is about a document that not everybody may read. The server sends a
	// challenge, one for each connection. The client answers with an identity and its
	// signature, and then repeats its request or sync message.
	TypeAccess = "flyleaf-access"

	// TypePing asks the server for a message of the same type. Only servers whose metadata has
	// AnswersPings get it, from clients that cannot send pings of the WebSocket.
	TypePing = "flyleaf-ping"

	// AccessAddress is the Message of a challenge that the server repeats because the answer
	// named the address of another relay.
	AccessAddress = "address"
)

// A relay that serves Flyleaf for the browser sets the header AppHeader in its answer to the
// WebSocket upgrade. The value AppPath is the path of the app below the relay's address. A
// relay without the app omits the header.
const (
	AppHeader = "Flyleaf-App"
	AppPath   = "/"
)

// The bounds of a message that Decode accepts.
const (
	MaxFrame       = wire.MaxFrame // bytes of a frame
	MaxID          = 256           // bytes of a type, peer ID, document ID, session ID, storage ID or protocol version
	MaxText        = 4096          // bytes of an error's message, a refusal's code or its reason
	MaxVersions    = 16            // protocol versions in a join
	MaxRefusals    = 8192          // refusals in one message
	MaxCount       = 1<<53 - 1
	MaxProofChange = wire.MaxInflated // bytes of each of the two changes of a proof
	maxNesting     = 8
	maxMapPairs    = 1024
	SignatureLen   = ed25519.SignatureSize // bytes of one signature in Signatures
	HashLen        = sha256.Size           // bytes of Refusal.Hash
	ChallengeLen   = 32                    // bytes of Challenge
	IdentityLen    = ed25519.PublicKeySize // bytes of Identity
)

var (
	// ErrTooLarge is returned for a frame of more than MaxFrame bytes.
	ErrTooLarge = errors.New("repo: frame too large")
	// ErrMalformed is returned for a frame that is not one CBOR map, or in which a known key
	// has the wrong type.
	ErrMalformed = errors.New("repo: malformed message")
	// ErrMissing is returned if a key that the message's type requires is absent or empty.
	ErrMissing = errors.New("repo: incomplete message")
	// ErrBound is returned for a field that exceeds one of the bounds above.
	ErrBound = errors.New("repo: field out of bounds")
)

// PeerMetadata describes a peer, in join and peer messages.
type PeerMetadata struct {
	StorageID   string `cbor:"storageId,omitempty"` // empty: not given
	IsEphemeral bool   `cbor:"isEphemeral"`         // the peer stores nothing between connections
	// AcceptsVersions is set if the peer accepts several changes with one actor and sequence
	// number, and changes that depend on each of them. Stock clients never set it.
	AcceptsVersions bool `cbor:"flyleafVersions,omitempty"`
	// AnswersPings is set if the peer answers TypePing. Only relays of Flyleaf set it.
	AnswersPings bool `cbor:"flyleafPings,omitempty"`
}

// Refusal tells the sender of a change that the change was not accepted.
type Refusal struct {
	Hash     []byte `cbor:"hash"` // HashLen bytes: the change
	Code     string `cbor:"code"` // for programs; stable
	Reason   string `cbor:"reason"`
	Deferred bool   `cbor:"deferred"` // the change may be accepted later
}

// Proof is two changes with one actor and sequence number, both signed by the actor. The
// receiver must check that.
type Proof struct {
	A    []byte `cbor:"a"`    // a type-1 chunk
	SigA []byte `cbor:"sigA"` // SignatureLen bytes
	B    []byte `cbor:"b"`    // another type-1 chunk
	SigB []byte `cbor:"sigB"` // SignatureLen bytes
}

// Message is any message of the protocol. Type determines which fields are used. Fields that
// are absent from the frame are zero.
type Message struct {
	Type       string
	SenderID   string
	TargetID   string // empty in join and leave
	DocumentID string // base58check, as automerge-repo writes it

	// sync, request: the sync message. ephemeral: the body, one CBOR item of any kind, which
	// must be forwarded unchanged.
	Data []byte
	// sync, request: SignatureLen bytes for each change in Data, in order;
	// empty from stock clients. ephemeral: the sender's signature, if any.
	Signatures []byte

	PeerMetadata              PeerMetadata // join, peer
	SupportedProtocolVersions []string     // join; none means version 1
	SelectedProtocolVersion   string       // peer

	Count     uint64 // ephemeral: from 1, rising within a session; at most MaxCount
	SessionID string // ephemeral

	Message string    // error; doc-unavailable: why, empty if the server lacks the document; flyleaf-access of the server: AccessAddress or empty
	Refused []Refusal // flyleaf-refused
	Proof   *Proof    // flyleaf-proof

	Challenge []byte // flyleaf-access of the server: ChallengeLen bytes
	Identity  []byte // flyleaf-access of the client: IdentityLen bytes, a public key
	Signature []byte // flyleaf-access of the client: SignatureLen bytes
	Version   uint64 // flyleaf-access: the version of the statement to sign; absent in version 1
}

// frame is the CBOR map of a message:
//
//	{ "type": text, "senderId": text, "targetId": text, "documentId": text,
//	  "data": bytes, "signatures": bytes,
//	  "peerMetadata": {"storageId": text, "isEphemeral": bool, "flyleafVersions": bool, "flyleafPings": bool},
//	  "supportedProtocolVersions": [text], "selectedProtocolVersion": text,
//	  "count": uint, "sessionId": text, "message": text,
//	  "refused": [{"hash": bytes, "code": text, "reason": text, "deferred": bool}],
//	  "proof": {"a": bytes, "sigA": bytes, "b": bytes, "sigB": bytes},
//	  "challenge": bytes, "identity": bytes, "signature": bytes, "version": uint }
//
// The type determines which keys are present.
type frame struct {
	Type                      string        `cbor:"type"`
	SenderID                  string        `cbor:"senderId,omitempty"`
	TargetID                  string        `cbor:"targetId,omitempty"`
	DocumentID                string        `cbor:"documentId,omitempty"`
	Data                      []byte        `cbor:"data,omitempty"`
	Signatures                []byte        `cbor:"signatures,omitempty"`
	PeerMetadata              *PeerMetadata `cbor:"peerMetadata,omitempty"`
	SupportedProtocolVersions []string      `cbor:"supportedProtocolVersions,omitempty"`
	SelectedProtocolVersion   string        `cbor:"selectedProtocolVersion,omitempty"`
	Count                     any           `cbor:"count,omitempty"`
	SessionID                 string        `cbor:"sessionId,omitempty"`
	Message                   string        `cbor:"message,omitempty"`
	Refused                   []Refusal     `cbor:"refused,omitempty"`
	Proof                     *Proof        `cbor:"proof,omitempty"`
	Challenge                 []byte        `cbor:"challenge,omitempty"`
	Identity                  []byte        `cbor:"identity,omitempty"`
	Signature                 []byte        `cbor:"signature,omitempty"`
	Version                   uint64        `cbor:"version,omitempty"`
}

var (
	encMode = must(cbor.EncOptions{}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   maxNesting,
		MaxMapPairs:       maxMapPairs,
		MaxArrayElements:  MaxRefusals,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode())
)

// must panics on an error. It is for constant options, which every test would find wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// JoinSignatures returns Message.Signatures for the signatures of the changes in Data, in
// order. Zeros stand for an unsigned change. It returns nil if no change is signed.
func JoinSignatures(signatures [][]byte) []byte {
	if !slices.ContainsFunc(signatures, func(s []byte) bool { return len(s) == SignatureLen }) {
		return nil
	}
	out := make([]byte, len(signatures)*SignatureLen)
	for i, s := range signatures {
		if len(s) == SignatureLen {
			copy(out[i*SignatureLen:], s)
		}
	}
	return out
}

// Encode returns the frame of a message. It returns ErrMissing or ErrBound for a message that
// Decode would refuse.
func Encode(m *Message) ([]byte, error) { return EncodeWithin(m, MaxFrame) }

// EncodeWithin is Encode with another limit than MaxFrame, in bytes.
func EncodeWithin(m *Message, maxFrame int) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	f := frame{
		Type: m.Type, SenderID: m.SenderID, TargetID: m.TargetID, DocumentID: m.DocumentID,
		Data: m.Data, Signatures: m.Signatures,
		SupportedProtocolVersions: m.SupportedProtocolVersions, SelectedProtocolVersion: m.SelectedProtocolVersion,
		SessionID: m.SessionID, Message: m.Message, Refused: m.Refused, Proof: m.Proof,
		Challenge: m.Challenge, Identity: m.Identity, Signature: m.Signature, Version: m.Version,
	}
	// Stock clients read the keys of peerMetadata without checking that it exists.
	if m.Type == TypeJoin || m.Type == TypePeer {
		f.PeerMetadata = &m.PeerMetadata
	}
	if m.Type == TypeEphemeral {
		f.Count = m.Count
		if m.Count > math.MaxUint32 {
			f.Count = float64(m.Count) // as cbor-x writes it; it would decode a 64-bit integer as a BigInt
		}
	}
	b, err := encMode.Marshal(&f)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if len(b) > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	return b, nil
}

// Decode reads one frame. The result does not share memory with b. A message of an unknown
// type is not an error; Decode returns the fields with known keys. The errors are ErrTooLarge,
// ErrMalformed, ErrMissing and ErrBound.
func Decode(b []byte) (*Message, error) { return DecodeWithin(b, MaxFrame) }

// DecodeWithin is Decode with another limit than MaxFrame, in bytes. A relay for any document
// accepts larger frames; before the handshake all relays accept only smaller ones.
func DecodeWithin(b []byte, maxFrame int) (*Message, error) {
	if len(b) > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	if len(b) == 0 || b[0]>>5 != 5 { // Not of major type 5, a map. (Null would decode as an empty struct.)
		return nil, fmt.Errorf("%w: not a map", ErrMalformed)
	}
	var f frame
	if err := decMode.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	m := &Message{
		Type: f.Type, SenderID: f.SenderID, TargetID: f.TargetID, DocumentID: f.DocumentID,
		Data: f.Data, Signatures: f.Signatures,
		SupportedProtocolVersions: f.SupportedProtocolVersions, SelectedProtocolVersion: f.SelectedProtocolVersion,
		SessionID: f.SessionID, Message: f.Message, Refused: f.Refused, Proof: f.Proof,
		Challenge: f.Challenge, Identity: f.Identity, Signature: f.Signature, Version: f.Version,
	}
	if f.PeerMetadata != nil {
		m.PeerMetadata = *f.PeerMetadata
	}
	switch n := f.Count.(type) {
	case nil:
	case uint64:
		m.Count = n
	case float64: // how cbor-x writes integers above 2^32
		if n < 0 || n > MaxCount || n != math.Trunc(n) {
			return nil, fmt.Errorf("%w: count %v", ErrBound, n)
		}
		m.Count = uint64(n)
	default:
		return nil, fmt.Errorf("%w: count is not a number", ErrMalformed)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// check checks the bounds of a message, and that it is complete.
func (m *Message) check() error {
	if m.Type == "" {
		return fmt.Errorf("%w: no type", ErrMissing)
	}
	for _, id := range []struct{ name, s string }{
		{"type", m.Type},
		{"senderId", m.SenderID},
		{"targetId", m.TargetID},
		{"documentId", m.DocumentID},
		{"sessionId", m.SessionID},
		{"storageId", m.PeerMetadata.StorageID},
		{"selectedProtocolVersion", m.SelectedProtocolVersion},
	} {
		if len(id.s) > MaxID {
			return fmt.Errorf("%w: %s of %d bytes", ErrBound, id.name, len(id.s))
		}
	}
	if len(m.SupportedProtocolVersions) > MaxVersions {
		return fmt.Errorf("%w: %d protocol versions", ErrBound, len(m.SupportedProtocolVersions))
	}
	for _, v := range m.SupportedProtocolVersions {
		if len(v) > MaxID {
			return fmt.Errorf("%w: protocol version of %d bytes", ErrBound, len(v))
		}
	}
	if len(m.Message) > MaxText {
		return fmt.Errorf("%w: message of %d bytes", ErrBound, len(m.Message))
	}
	if len(m.Signatures)%SignatureLen != 0 {
		return fmt.Errorf("%w: %d bytes of signatures", ErrBound, len(m.Signatures))
	}
	if m.Count > MaxCount {
		return fmt.Errorf("%w: count %d", ErrBound, m.Count)
	}
	if len(m.Refused) > MaxRefusals {
		return fmt.Errorf("%w: %d refusals", ErrBound, len(m.Refused))
	}
	for _, r := range m.Refused {
		if len(r.Hash) != HashLen || len(r.Code) > MaxText || len(r.Reason) > MaxText {
			return fmt.Errorf("%w: refusal", ErrBound)
		}
	}
	if p := m.Proof; p != nil && (len(p.A) > MaxProofChange || len(p.B) > MaxProofChange || len(p.SigA) != SignatureLen || len(p.SigB) != SignatureLen) {
		return fmt.Errorf("%w: proof", ErrBound)
	}
	for _, f := range []struct {
		name string
		b    []byte
		want int
	}{{"challenge", m.Challenge, ChallengeLen}, {"identity", m.Identity, IdentityLen}, {"signature", m.Signature, SignatureLen}} {
		if len(f.b) != 0 && len(f.b) != f.want {
			return fmt.Errorf("%w: %s of %d bytes", ErrBound, f.name, len(f.b))
		}
	}
	return m.checkComplete()
}

// checkComplete checks that a message has the fields that its type requires.
func (m *Message) checkComplete() error {
	var sender, document, data bool
	switch m.Type {
	case TypeJoin, TypePeer, TypeLeave, TypeError, TypePing:
		sender = true
	case TypeRequest, TypeSync, TypeEphemeral:
		sender, document, data = true, true, true
	case TypeUnavailable, TypeRefused, TypeProof, TypeAccess:
		sender, document = true, true
	}
	switch {
	case sender && m.SenderID == "":
		return fmt.Errorf("%w: %s without senderId", ErrMissing, m.Type)
	case document && m.DocumentID == "":
		return fmt.Errorf("%w: %s without documentId", ErrMissing, m.Type)
	case data && len(m.Data) == 0:
		return fmt.Errorf("%w: %s without data", ErrMissing, m.Type)
	case m.Type == TypeProof && (m.Proof == nil || len(m.Proof.A) == 0 || len(m.Proof.B) == 0):
		return fmt.Errorf("%w: %s without two changes", ErrMissing, m.Type)
	case m.Type == TypeAccess && len(m.Challenge) == 0 && (len(m.Identity) == 0 || len(m.Signature) == 0):
		return fmt.Errorf("%w: %s without a challenge, or identity and signature", ErrMissing, m.Type)
	}
	return nil
}

// IdentityIn returns the identity in the body of an ephemeral message of Flyleaf: the bytes at
// the key "id" of a CBOR map. It returns nil if there is no "id", as in messages of other
// programs, and ErrMalformed if "id" is not IdentityLen bytes.
func IdentityIn(body []byte) ([]byte, error) {
	if len(body) == 0 || body[0]>>5 != 5 {
		return nil, nil
	}
	var keys map[string]cbor.RawMessage
	if decMode.Unmarshal(body, &keys) != nil {
		return nil, nil
	}
	raw, ok := keys["id"]
	if !ok {
		return nil, nil
	}
	var id []byte
	if err := decMode.Unmarshal(raw, &id); err != nil || len(id) != IdentityLen {
		return nil, fmt.Errorf("%w: the ID in an ephemeral message is not an identity", ErrMalformed)
	}
	return id, nil
}
