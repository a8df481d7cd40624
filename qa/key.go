package qa

import "encoding/hex"

// weakKeys are the encodings of the eight points of small order, also those that are
// not canonical, by their y with the sign bit cleared: 0, 1, p-1, the two of order 8,
// p and p+1. For such a key a signature can be made that fits any message.
var weakKeys = func() (out [7][32]byte) {
	for i, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		b, err := hex.DecodeString(y)
		if err != nil {
			panic(err) // a constant
		}
		out[i] = [32]byte(b)
	}
	return out
}()

// IsStrongKey reports whether a public key of 32 bytes encodes no point of small order and its y is below
// p = 2^255-19. A randomly generated key is always strong. The check costs a few comparisons; it does not
// check that the bytes encode a point at all.
func IsStrongKey(public []byte) bool {
	if len(public) != 32 {
		return false
	}
	y := [32]byte(public)
	y[31] &= 0x7f
	for i := range weakKeys {
		if y == weakKeys[i] {
			return false
		}
	}
	if y[31] != 0x7f || y[0] < 0xed {
		return true
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}

// HasStrongKey is IsStrongKey for an identity. An identity with a weak key is still shown if an earlier
// version accepted its changes.
func (id Identity) HasStrongKey() bool {
	b, err := hex.DecodeString(string(id))
	return err == nil && IsStrongKey(b)
}
