// Package repo is the envelope that automerge-repo puts around sync messages
// on a WebSocket: one CBOR map a frame, protocol version "1".
//
// It guarantees that Decode never allocates more than a small multiple of its
// input, never panics, and that what it returns keeps the bounds below. It
// understands what @automerge/automerge-repo-network-websocket 2.5 writes
// (byte strings bare or under tag 64, undefined for absent, big counts as
// floats), and passes over keys and message types it does not know.
//
// It never looks into the sync messages it carries, holds no state of a
// connection, and does no I/O.
package repo

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// ProtocolVersion is the only version of the protocol there is.
const ProtocolVersion = "1"

// The message types. The first eight are automerge-repo's; those that begin with
// "flyleaf-" are ours, and stock clients pass over them.
const (
	TypeJoin        = "join"            // client → server, first of a connection
	TypePeer        = "peer"            // server → client, the answer to join
	TypeLeave       = "leave"           // client → server, last of a connection
	TypeRequest     = "request"         // a sync message of somebody who lacks the document
	TypeSync        = "sync"            // a sync message
	TypeUnavailable = "doc-unavailable" // the answer to request: not here
	TypeEphemeral   = "ephemeral"       // a message that nobody stores
	TypeError       = "error"           // server → client, then the server closes
	TypeRefused     = "flyleaf-refused" // which changes were not taken, and why
	// TypeProof has two changes of one actor and sequence number. Earlier versions of
	// Flyleaf send it, in either direction; to others they are changes like any others.
	TypeProof = "flyleaf-proof"
	// TypeAccess is about a document that not everybody may read. From the server
	// it has a challenge, one for each connection; the client answers with an
	// identity and its signature, and then sends its request or sync again.
	TypeAccess = "flyleaf-access"

	// AccessAddress is the message of a challenge that is repeated because the answer
	// named another relay's address.
	AccessAddress = "address"
)

// A relay that serves Flyleaf for the browser says so in its answer to the WebSocket
// upgrade: AppHeader is AppPath, where the app is below the relay's address. Without the
// app the relay leaves the header out.
const (
	AppHeader = "Flyleaf-App"
	AppPath   = "/"
)

// Bounds of what Decode takes.
const (
	MaxFrame       = 8 << 20 // bytes of a frame
	MaxID          = 256     // bytes of a type, peer ID, document ID, session ID, storage ID or protocol version
	MaxText        = 4096    // bytes of an error's message, a refusal's code or its reason
	MaxVersions    = 16      // protocol versions in a join
	MaxRefusals    = 8192    // refusals in one message
	MaxCount       = 1<<53 - 1
	MaxProofChange = 256 << 10 // bytes of each of the two changes of a proof; a change of events with all its deps is less
	maxNesting     = 8
	maxMapPairs    = 1024
	SignatureLen   = 64 // bytes of one signature in Signatures
	HashLen        = 32 // bytes of Refusal.Hash
	ChallengeLen   = 32 // bytes of Challenge
	IdentityLen    = 32 // bytes of Identity
)

var (
	// ErrTooLarge is returned when a frame has more than MaxFrame bytes.
	ErrTooLarge = errors.New("repo: frame too large")
	// ErrMalformed is returned when a frame is not one CBOR map whose known
	// keys have the types they should have.
	ErrMalformed = errors.New("repo: malformed message")
	// ErrMissing is returned when a key that the message's type needs is
	// absent or empty.
	ErrMissing = errors.New("repo: incomplete message")
	// ErrBound is returned when a field goes beyond one of the bounds above.
	ErrBound = errors.New("repo: field out of bounds")
)

// PeerMetadata is what the two sides tell of themselves in join and peer.
type PeerMetadata struct {
	StorageID   string `cbor:"storageId,omitempty"` // empty: none told
	IsEphemeral bool   `cbor:"isEphemeral"`         // true: the peer keeps nothing between connections
	// AcceptsVersions: the peer takes several changes of one actor and sequence number, and
	// what builds on each of them. Stock clients do not, and do not say so.
	AcceptsVersions bool `cbor:"flyleafVersions,omitempty"`
}

// Refusal tells the sender of a change that it was not taken.
type Refusal struct {
	Hash     []byte `cbor:"hash"` // HashLen bytes: the change
	Code     string `cbor:"code"` // for programs; stable
	Reason   string `cbor:"reason"`
	Deferred bool   `cbor:"deferred"` // true: it may be taken later, when something else has come
}

// Proof is two changes of one actor with one sequence number, both signed by it.
// That they are is for the receiver to check.
type Proof struct {
	A    []byte `cbor:"a"`    // a type-1 chunk
	SigA []byte `cbor:"sigA"` // SignatureLen bytes
	B    []byte `cbor:"b"`    // another type-1 chunk
	SigB []byte `cbor:"sigB"` // SignatureLen bytes
}

// Message is any message of the protocol; Type says which fields count.
// Fields that are absent on the wire are zero.
type Message struct {
	Type       string
	SenderID   string
	TargetID   string // empty in join and leave
	DocumentID string // base58check, as automerge-repo writes it

	// sync, request: the sync message. ephemeral: the body, a CBOR item of the
	// sender's making, to be handed on as it is.
	Data []byte
	// sync, request: SignatureLen bytes for each change in Data, in order;
	// empty from stock clients. ephemeral: the sender's signature, if any.
	Signatures []byte

	PeerMetadata              PeerMetadata // join, peer
	SupportedProtocolVersions []string     // join; none means version 1
	SelectedProtocolVersion   string       // peer

	Count     uint64 // ephemeral: from 1, rising within a session; at most MaxCount
	SessionID string // ephemeral

	Message string    // error; flyleaf-access of the server: AccessAddress or empty
	Refused []Refusal // flyleaf-refused
	Proof   *Proof    // flyleaf-proof

	Challenge []byte // flyleaf-access of the server: ChallengeLen bytes
	Identity  []byte // flyleaf-access of the client: IdentityLen bytes, a public key
	Signature []byte // flyleaf-access of the client: SignatureLen bytes
	Version   uint64 // flyleaf-access: of the statement that is asked for, and signed; absent in version 1
}

// frame is the CBOR map of a message:
//
//	{ "type": text, "senderId": text, "targetId": text, "documentId": text,
//	  "data": bytes, "signatures": bytes,
//	  "peerMetadata": {"storageId": text, "isEphemeral": bool, "flyleafVersions": bool},
//	  "supportedProtocolVersions": [text], "selectedProtocolVersion": text,
//	  "count": uint, "sessionId": text, "message": text,
//	  "refused": [{"hash": bytes, "code": text, "reason": text, "deferred": bool}],
//	  "proof": {"a": bytes, "sigA": bytes, "b": bytes, "sigB": bytes},
//	  "challenge": bytes, "identity": bytes, "signature": bytes, "version": uint }
//
// Which keys are there depends on the type.
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

// must is for options that are constants: they are right or no test runs.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// JoinSignatures makes Message.Signatures of the signatures of the changes in Data, in
// order: zeros stand for a change without one. It returns nil when none is signed.
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

// Encode returns the frame of a message. ErrMissing or ErrBound is returned
// for a message that Decode would not take.
func Encode(m *Message) ([]byte, error) { return EncodeWithin(m, MaxFrame) }

// EncodeWithin is Encode with another bound than MaxFrame, in bytes.
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
	// Stock clients read peerMetadata's keys without asking whether it is there.
	if m.Type == TypeJoin || m.Type == TypePeer {
		f.PeerMetadata = &m.PeerMetadata
	}
	if m.Type == TypeEphemeral {
		f.Count = m.Count
		if m.Count > math.MaxUint32 {
			f.Count = float64(m.Count) // as cbor-x does; a longer integer it would read as a BigInt
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

// Decode reads one frame. The result does not share memory with b. A message
// of a type that is not among the constants above is returned without an
// error; of it only what happens to have known keys is kept. ErrTooLarge,
// ErrMalformed, ErrMissing or ErrBound is returned for what cannot be used.
func Decode(b []byte) (*Message, error) { return DecodeWithin(b, MaxFrame) }

// DecodeWithin is Decode with another bound than MaxFrame, in bytes: a relay
// for any document takes larger frames, and all take less before the handshake.
func DecodeWithin(b []byte, maxFrame int) (*Message, error) {
	if len(b) > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	if len(b) == 0 || b[0]>>5 != 5 { // major type 5: a map. Null would decode as an empty struct.
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
	case float64: // cbor-x writes integers above 2^32 so
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

// check holds a message against the bounds and its type's needs.
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
	return m.complete()
}

// complete holds a message against its type's needs.
func (m *Message) complete() error {
	var sender, document, data bool
	switch m.Type {
	case TypeJoin, TypePeer, TypeLeave, TypeError:
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

// IdentityIn returns the identity that the body of an ephemeral message of ours speaks
// for: IdentityLen bytes at "id" of a CBOR map; nil when there is no "id", as in
// bodies of other programs. ErrMalformed is returned when that is no identity.
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
		return nil, fmt.Errorf("%w: who speaks is no identity", ErrMalformed)
	}
	return id, nil
}
