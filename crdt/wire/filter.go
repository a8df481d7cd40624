package wire

import "encoding/binary"

// Filter is a Bloom filter over change hashes. The zero Filter contains nothing.
// As bytes it is nothing at all for no entries, else
//
//	entries uLEB | bitsPerEntry uLEB | probes uLEB | bits
//
// with ceil(entries × bitsPerEntry / 8) bytes of bits; bit i is
// bits[i >> 3] & (1 << (i & 7)). The rate of false positives is about 1 %.
type Filter struct {
	Entries, BitsPerEntry, Probes uint32
	Bits                          []byte
}

// The parameters that every Automerge implementation uses.
const (
	filterBitsPerEntry = 10
	filterProbes       = 7
)

// NewFilter returns a filter that contains hashes.
func NewFilter(hashes []Hash) Filter {
	if len(hashes) == 0 {
		return Filter{}
	}
	f := Filter{
		Entries:      uint32(len(hashes)),
		BitsPerEntry: filterBitsPerEntry,
		Probes:       filterProbes,
		Bits:         make([]byte, (len(hashes)*filterBitsPerEntry+7)/8),
	}
	for _, h := range hashes {
		f.probe(h, func(i uint64) bool {
			f.Bits[i>>3] |= 1 << (i & 7)
			return true
		})
	}
	return f
}

// Contains reports whether h is in the filter. False positives are possible.
func (f *Filter) Contains(h Hash) bool {
	if f.Entries == 0 || len(f.Bits) == 0 {
		return false
	}
	return f.probe(h, func(i uint64) bool { return f.Bits[i>>3]&(1<<(i&7)) != 0 })
}

// probe calls visit with the bits of h until it returns false. With x, y, z the
// first three little-endian uint32 of h, modulo the number of bits m:
//
//	probe x; then probes-1 times: x = (x + y) mod m; y = (y + z) mod m; probe x
func (f *Filter) probe(h Hash, visit func(uint64) bool) bool {
	m := 8 * uint64(len(f.Bits))
	x := uint64(binary.LittleEndian.Uint32(h[0:])) % m
	y := uint64(binary.LittleEndian.Uint32(h[4:])) % m
	z := uint64(binary.LittleEndian.Uint32(h[8:])) % m
	for i := uint32(0); ; {
		if !visit(x) {
			return false
		}
		if i++; i >= f.Probes {
			return true
		}
		x = (x + y) % m
		y = (y + z) % m
	}
}

func (f *Filter) append(b []byte) []byte {
	if f.Entries == 0 {
		return append(b, 0)
	}
	var head [15]byte
	h := appendUleb(head[:0], uint64(f.Entries))
	h = appendUleb(h, uint64(f.BitsPerEntry))
	h = appendUleb(h, uint64(f.Probes))
	b = appendUleb(b, uint64(len(h)+len(f.Bits)))
	return append(append(b, h...), f.Bits...)
}

// decodeFilter reads a filter. Its bits are copied, so that a sync state which
// keeps it does not hold on to the frame.
func decodeFilter(b []byte, at int) (Filter, error) {
	const where = "filter"
	if len(b) == 0 {
		return Filter{}, nil
	}
	r := reader{b: b, base: at}
	var nums [3]uint64
	for i := range nums {
		var err error
		if nums[i], err = r.uleb(where); err != nil {
			return Filter{}, err
		}
	}
	entries, bits, probes := nums[0], nums[1], nums[2]
	within := func(v uint64) bool { return v >= 1 && v <= maxFilterParam }
	if entries == 0 || entries > 8*uint64(len(b)) || !within(bits) || !within(probes) ||
		(entries*bits+7)/8 != uint64(r.left()) {
		return Filter{}, fail(ErrFilter, where, at)
	}
	return Filter{
		Entries:      uint32(entries),
		BitsPerEntry: uint32(bits),
		Probes:       uint32(probes),
		Bits:         append([]byte(nil), b[r.pos:]...),
	}, nil
}
