package policytest

import (
	"bytes"
	"encoding/hex"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// WeakKeys returns three encodings of the neutral point, by description. As public keys they are
// weak: the signature that SignWeak returns satisfies the verification equation for every message.
func WeakKeys() map[string][32]byte {
	return map[string][32]byte{
		"the neutral point":                {1},
		"the neutral point with a sign":    {1, 31: 0x80},
		"the neutral point, not canonical": {0: 0xee, 1: 0xff, 2: 0xff, 3: 0xff, 4: 0xff, 5: 0xff, 6: 0xff, 7: 0xff, 8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff, 16: 0xff, 17: 0xff, 18: 0xff, 19: 0xff, 20: 0xff, 21: 0xff, 22: 0xff, 23: 0xff, 24: 0xff, 25: 0xff, 26: 0xff, 27: 0xff, 28: 0xff, 29: 0xff, 30: 0xff, 31: 0x7f},
	}
}

// SignWeak returns the signature in which R is the neutral point and S is 0. It satisfies the
// verification equation for each of WeakKeys and every message.
func SignWeak() []byte { return append([]byte{1}, make([]byte, keys.SignatureSize-1)...) }

// byWeakKey returns a change by a weak key that sets a name.
func (s *scene) byWeakKey(key [32]byte) Signed {
	x := &Writer{w: s.World, Key: s.eve.Key, Actor: wire.ActorID(key[:]) + "12345678"}
	d := x.Draft()
	at := "people/" + hex.EncodeToString(key[:])
	d.Map(at)
	d.Str(at+"/name", "Nobody")
	c := d.Sign()
	c.Signature = SignWeak()
	return c
}

func (b *build) signatures() {
	write := func(s *scene) *Draft {
		d := s.eve.Draft()
		d.Post("", "Hello")
		return d
	}
	b.add(policy.CodeSignature, "unsigned", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = nil
		return x
	})
	b.add(policy.CodeSignature, "signed with zeros", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = make([]byte, keys.SignatureSize)
		return x
	})
	b.add(policy.CodeSignature, "signature: one bit flipped", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature[17] ^= 4
		return x
	})
	b.add(policy.CodeSignature, "forged: somebody's actor, signed by another", func(s *scene) Signed {
		d := s.author.Draft()
		d.Post(s.question, "I am the author.")
		x := d.Sign()
		x.Signature, _ = keys.Sign(s.eve.Key, s.Event, x.Change.Hash)
		return x
	})
	b.add(policy.CodeSignature, "signature of another change", func(s *scene) Signed {
		x := write(s).Sign()
		x.Signature = s.Changes[len(s.Changes)-1].Signature
		return x
	})
	b.add(policy.CodeSignature, "edited after signing", func(s *scene) Signed {
		x := write(s).Sign()
		i := bytes.Index(x.Bytes, []byte("Hello"))
		c := *x.Change
		c.Ops = append([]wire.Op(nil), c.Ops...)
		c.Ops[len(c.Ops)-1].Value = wire.StringValue("Jello")
		x.Change, x.Bytes = &c, c.Encode()
		if i < 0 || bytes.Contains(x.Bytes, []byte("Hello")) {
			panic("policytest: the text was not edited")
		}
		return x
	})
	b.add(policy.CodeSignature, "signed for another event", func(s *scene) Signed {
		return write(s).SignFor(qa.MakeEventID([16]byte{7}))
	})
	for name, key := range WeakKeys() {
		b.add(policy.CodeWeakKey, "by "+name+", with a signature that satisfies the equation", func(s *scene) Signed {
			return s.byWeakKey(key)
		})
	}
	b.add(policy.CodeSignature, "an actor ID that contains no identity", func(s *scene) Signed {
		d := write(s)
		d.Actor, d.Seq = "0123456789abcdef", 1
		d.Ops = nil
		d.StrAtRoot("k", "v")
		return d.Sign()
	})
}
