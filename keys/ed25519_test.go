package keys_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/edwards25519"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/verify"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

var update = flag.Bool("update", false, "write testdata/ed25519.json")

// signatureCase is a signature that some implementations accept and others reject.
type signatureCase struct {
	Name      string `json:"name"`
	Public    string `json:"public"`    // 32 bytes, hex
	Event     string `json:"event"`     // the document ID, 16 bytes, hex
	Change    string `json:"change"`    // the hash, 32 bytes, hex
	Signature string `json:"signature"` // 64 bytes, hex
	Code      string `json:"code"`      // "" if it is valid, else the code of its refusal
}

func littleEndian(n byte) []byte { return append([]byte{n}, make([]byte, 31)...) }

func scalar(t *testing.T, seed string) *edwards25519.Scalar {
	t.Helper()
	h := sha512.Sum512([]byte(seed))
	s, err := edwards25519.NewScalar().SetUniformBytes(h[:])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// torsion returns a point of order 8.
func torsion(t *testing.T) *edwards25519.Point {
	t.Helper()
	b, _ := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// smallOrder computes every encoding that decodes to a point of small order: the eight points,
// each with both signs and, where it fits into 255 bits, with p added.
func smallOrder(t *testing.T) map[[32]byte]bool {
	t.Helper()
	out := map[[32]byte]bool{}
	p := edwards25519.NewIdentityPoint()
	for range 8 {
		p = new(edwards25519.Point).Add(p, torsion(t))
		y := [32]byte(p.Bytes())
		y[31] &= 0x7f
		ys := [][32]byte{y}
		if y[0] < 19 && y == [32]byte{y[0]} { // y + p < 2^255
			over := [32]byte{}
			for i := range over {
				over[i] = 0xff
			}
			over[0], over[31] = 0xed+y[0], 0x7f
			ys = append(ys, over)
		}
		for _, y := range ys {
			for _, sign := range []byte{0, 0x80} {
				y[31] = y[31]&0x7f | sign
				q, err := new(edwards25519.Point).SetBytes(y[:])
				if err != nil {
					t.Fatalf("%x: %v", y, err)
				}
				if new(edwards25519.Point).MultByCofactor(q).Equal(edwards25519.NewIdentityPoint()) != 1 {
					t.Fatalf("%x is not of small order", y)
				}
				out[y] = true
			}
		}
	}
	return out
}

// TestIsStrongKeyRejectsSmallOrderAndNonCanonicalKeys: qa.IsStrongKey rejects exactly the keys of
// small order, which are computed here, and non-canonical encodings.
func TestIsStrongKeyRejectsSmallOrderAndNonCanonicalKeys(t *testing.T) {
	small := smallOrder(t)
	if len(small) != 14 {
		t.Errorf("%d encodings", len(small))
	}
	for k := range small {
		if qa.IsStrongKey(k[:]) {
			t.Errorf("%x is accepted", k)
		}
	}
	for n := range byte(19) { // y from p to 2^255-1
		k := [32]byte{}
		for i := range k {
			k[i] = 0xff
		}
		k[0], k[31] = 0xed+n, 0x7f
		if qa.IsStrongKey(k[:]) {
			t.Errorf("y = p+%d is accepted", n)
		}
	}
	below := [32]byte{}
	for i := range below {
		below[i] = 0xff
	}
	below[0], below[31] = 0xeb, 0x7f
	if !qa.IsStrongKey(below[:]) || !qa.IsStrongKey(littleEndian(2)) || qa.IsStrongKey(below[:31]) || qa.IsStrongKey(nil) {
		t.Error("a canonical key of large order is rejected, or bytes that are not a key are accepted")
	}
	for i := range 1000 {
		seed := make([]byte, 32)
		binary.LittleEndian.PutUint64(seed, uint64(i))
		if !qa.IsStrongKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)) {
			t.Fatalf("key %d is rejected", i)
		}
	}
}

// signatureCases computes the cases, each from the equation that it satisfies.
func signatureCases(t *testing.T) (out []signatureCase) {
	doc := [16]byte{1, 2, 3}
	message := func(h [32]byte) []byte {
		return append(append([]byte("flyleaf change v1"), doc[:]...), h[:]...)
	}
	challenge := func(r, a []byte, h [32]byte) *edwards25519.Scalar {
		d := sha512.New()
		d.Write(r)
		d.Write(a)
		d.Write(message(h))
		k, err := edwards25519.NewScalar().SetUniformBytes(d.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	add := func(name, code string, a []byte, h [32]byte, r, s []byte) {
		out = append(out, signatureCase{name, hex.EncodeToString(a), hex.EncodeToString(doc[:]), hex.EncodeToString(h[:]), hex.EncodeToString(append(append([]byte(nil), r...), s...)), code})
	}
	base := func(s *edwards25519.Scalar) *edwards25519.Point {
		return new(edwards25519.Point).ScalarBaseMult(s)
	}
	a, r := scalar(t, "a"), scalar(t, "r")
	key, h := base(a).Bytes(), [32]byte{9}
	k := challenge(base(r).Bytes(), key, h)
	s := edwards25519.NewScalar().MultiplyAdd(k, a, r)
	add("an ordinary one", "", key, h, base(r).Bytes(), s.Bytes())

	// S + L: the same number modulo L.
	order, _ := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	large, carry := make([]byte, 32), 0
	for i, b := range s.Bytes() {
		n := int(b) + int(order[i]) + carry
		large[i], carry = byte(n), n>>8
	}
	add("S is not below L", "signature", key, h, base(r).Bytes(), large)

	// R is the neutral point: its writer chose r = 0.
	zero := edwards25519.NewIdentityPoint().Bytes()
	k = challenge(zero, key, h)
	add("R is the neutral point", "", key, h, zero, edwards25519.NewScalar().Multiply(k, a).Bytes())
	over, _ := hex.DecodeString("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	k = challenge(over, key, h)
	add("R is the neutral point, not canonical", "signature", key, h, over, edwards25519.NewScalar().Multiply(k, a).Bytes())

	// R has a component of small order: fits with the cofactor only.
	mixed := new(edwards25519.Point).Add(base(r), torsion(t)).Bytes()
	k = challenge(mixed, key, h)
	add("R with a component of small order", "signature", key, h, mixed, edwards25519.NewScalar().MultiplyAdd(k, a, r).Bytes())

	// A has one: fits without the cofactor when 8 divides k.
	mixed = new(edwards25519.Point).Add(base(a), torsion(t)).Bytes()
	var fits, fitsNot bool
	for n := byte(0); !fits || !fitsNot; n++ {
		h := [32]byte{n, 1}
		k := challenge(base(r).Bytes(), mixed, h)
		s := edwards25519.NewScalar().MultiplyAdd(k, a, r).Bytes()
		if k.Bytes()[0]%8 == 0 && !fits {
			fits = true
			add("A with a component of small order, k a multiple of 8", "", mixed, h, base(r).Bytes(), s)
		} else if k.Bytes()[0]%8 != 0 && !fitsNot {
			fitsNot = true
			add("A with a component of small order, k not a multiple of 8", "signature", mixed, h, base(r).Bytes(), s)
		}
	}

	// A is of small order: S = 0 and R = -[k]A fit.
	for _, x := range []struct{ name, hex string }{
		{"A is the neutral point", "0100000000000000000000000000000000000000000000000000000000000000"},
		{"A is the neutral point with a sign", "0100000000000000000000000000000000000000000000000000000000000080"},
		{"A is the neutral point, not canonical", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
		{"A is the neutral point, not canonical, with a sign", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
	} {
		b, _ := hex.DecodeString(x.hex)
		add(x.name, "weak-key", b, h, zero, make([]byte, 32))
	}
	return out
}

// TestEd25519Rules: signatures on which implementations differ are accepted or rejected as
// crdt/policy/DESIGN.md says.
func TestEd25519Rules(t *testing.T) {
	b := func(s string) []byte {
		out, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range signatureCases(t) {
		event := qa.MakeEventID([16]byte(b(c.Event)))
		actor := wire.ActorID(b(c.Public)) + "12345678"
		err := keys.Verify(event, actor, wire.Hash(b(c.Change)), b(c.Signature))
		code := ""
		if err != nil {
			code = string(policy.RefusalOf(err).Code)
		}
		if code != c.Code {
			t.Errorf("%s: %q, want %q (%v)", c.Name, code, c.Code, err)
		}
	}
}

// TestEd25519File: testdata/ed25519.json, for other implementations, has the cases of TestEd25519Rules.
func TestEd25519File(t *testing.T) {
	text, err := json.MarshalIndent(signatureCases(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	file := filepath.Join("testdata", "ed25519.json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != string(text) {
		t.Errorf("%s does not have the computed cases (-update writes it): %v", file, err)
	}
}

// TestWeakKeysProveNothing: weak keys are rejected in ephemeral messages, roles and claims.
func TestWeakKeysProveNothing(t *testing.T) {
	event := qa.MakeEventID([16]byte{1})
	weak := qa.Identity(hex.EncodeToString(littleEndian(1)))
	sig := append(littleEndian(1), make([]byte, 32)...)
	if err := keys.VerifyEphemeral(event, weak, "s", 1, []byte("hi"), sig); err == nil {
		t.Error("an ephemeral message was accepted")
	}
	for _, act := range []qa.Act{
		{Kind: qa.ActRole, Identity: weak, Role: qa.RoleAuthor, On: true},
		{Kind: qa.ActClaim, Identity: qa.Identity(hex.EncodeToString(littleEndian(2))), Successor: weak, Role: qa.RoleInviteAuthor},
	} {
		if err := act.Validate(); err == nil {
			t.Errorf("%s: the act was accepted", act.Kind)
		}
	}
}

// TestSmallOrderBundle: in a bundle that an attacker signed with a key of small order, the
// attacker's change is refused.
func TestSmallOrderBundle(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "faults", "attacks", "10-small-order-key", "small-order.bundle"))
	if err != nil {
		t.Skip("no ../shared/faults beside this module")
	}
	event, changes, err := bundle.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	v := verify.New(event)
	var codes []string
	for _, c := range changes {
		codes = append(codes, v.Add(c.Bytes, c.Signature).Code)
	}
	if len(codes) != 2 || codes[0] != "" || codes[1] != string(policy.CodeWeakKey) {
		t.Errorf("%q", codes)
	}
}
