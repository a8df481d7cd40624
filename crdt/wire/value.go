package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"
)

// StringValue returns a string scalar; s must be UTF-8.
func StringValue(s string) Value { return rawValue(String, []byte(s)) }

// BytesValue returns a byte scalar, which aliases b.
func BytesValue(b []byte) Value { return rawValue(Bytes, b) }

// UintValue returns an unsigned integer.
func UintValue(v uint64) Value { return rawValue(Uint, appendUleb(nil, v)) }

// IntValue returns a signed integer.
func IntValue(v int64) Value { return rawValue(Int, appendSleb(nil, v)) }

// BoolValue returns true or false.
func BoolValue(v bool) Value {
	if v {
		return Value{Kind: True}
	}
	return Value{Kind: False}
}

// rawValue keeps an empty value's Raw nil, as the decoder does.
func rawValue(k ValueKind, raw []byte) Value {
	if len(raw) == 0 {
		raw = nil
	}
	return Value{Kind: k, Raw: raw}
}

// Str returns the string, and false if the value is not a string.
func (v Value) Str() (string, bool) { return string(v.Raw), v.Kind == String }

// Bin returns the bytes, which must not be modified, and false if the value is not bytes.
func (v Value) Bin() ([]byte, bool) { return v.Raw, v.Kind == Bytes }

// Bool returns the truth value, and false if the value is not one.
func (v Value) Bool() (value, ok bool) { return v.Kind == True, v.Kind == True || v.Kind == False }

// Uint returns the integer, and false if the value is not of kind Uint.
func (v Value) Uint() (uint64, bool) {
	if v.Kind != Uint {
		return 0, false
	}
	n, size := uleb(v.Raw)
	return n, size > 0
}

// Int returns the integer, and false if the value is not of kind Int, Counter
// or Timestamp.
func (v Value) Int() (int64, bool) {
	if v.Kind != Int && v.Kind != Counter && v.Kind != Timestamp {
		return 0, false
	}
	n, size := sleb(v.Raw)
	return n, size > 0
}

// Float returns the float, and false if the value is not a float.
func (v Value) Float() (float64, bool) {
	if v.Kind != F64 || len(v.Raw) != 8 {
		return 0, false
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v.Raw)), true
}

// check returns the sentinel for bytes that are invalid for their kind.
func (v Value) check() error {
	ok := true
	switch v.Kind {
	case Null, False, True:
		ok = len(v.Raw) == 0
	case Uint:
		_, n := uleb(v.Raw)
		ok = n > 0 && n == len(v.Raw)
		if n < 0 {
			return ErrOverlong
		}
	case Int, Counter, Timestamp:
		_, n := sleb(v.Raw)
		ok = n > 0 && n == len(v.Raw)
		if n < 0 {
			return ErrOverlong
		}
	case F64:
		ok = len(v.Raw) == 8
	case String:
		if !utf8.Valid(v.Raw) {
			return ErrNotUTF8
		}
	case Bytes:
	default:
		return ErrValueType
	}
	if !ok {
		return ErrValue
	}
	return nil
}

// ParseHash reads a hash from 64 lower-case hex characters. It returns ErrHex
// for anything else.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) || strings.ToLower(s) != s {
		return Hash{}, fail(ErrHex, "hash", -1)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fail(ErrHex, "hash", -1)
	}
	return h, nil
}
