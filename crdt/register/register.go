// Package register keeps the write history of one map key and returns its current
// writes when some writes are ignored. Policy ignores writes that are void or outside a
// change's past; projection ignores void writes.
package register

// Register holds the writes of one key. They are numbered from 0 in the order in which
// they were added; a write is added after all the writes that it replaced. The zero
// value has no writes. A write that replaced at most one other takes 4 bytes.
type Register struct {
	replaced []int32           // by write: the number of the write that it replaced, or none or several
	several  map[int32][]int32 // of writes that replaced more than one
}

const (
	none    = -1
	several = -2
)

// Len returns how many writes there are.
func (r *Register) Len() int { return len(r.replaced) }

// Add adds a write and the earlier writes that it replaced.
func (r *Register) Add(replaced ...int32) {
	switch len(replaced) {
	case 0:
		r.replaced = append(r.replaced, none)
	case 1:
		r.replaced = append(r.replaced, replaced[0])
	default:
		if r.several == nil {
			r.several = map[int32][]int32{}
		}
		r.several[int32(len(r.replaced))] = append([]int32(nil), replaced...)
		r.replaced = append(r.replaced, several)
	}
}

// Current appends to buf the current writes, in the order in which they were added: the
// writes that count and that no counting write has replaced. Replacement is transitive
// through ignored writes: when A was replaced by an ignored write, and that by a
// counting one, A is not current. So an earlier value reappears if only ignored writes
// replaced it.
//
// It takes time in proportion to the number of writes.
func (r *Register) Current(buf []int32, counts func(write int32) bool) []int32 {
	var small [4]uint64
	replaced := small[:] // writes that a counting write replaced, one bit each
	if n := (len(r.replaced) + 63) / 64; n > len(small) {
		replaced = make([]uint64, n)
	}
	first := len(buf)
	for i := int32(len(r.replaced)) - 1; i >= 0; i-- {
		isReplaced := replaced[i/64]&(1<<(i%64)) != 0
		switch c := counts(i); {
		case c && !isReplaced:
			buf = append(buf, i)
		case !c && !isReplaced:
			continue
		}
		switch by := r.replaced[i]; by {
		case none:
		case several:
			for _, b := range r.several[i] {
				replaced[b/64] |= 1 << (b % 64)
			}
		default:
			replaced[by/64] |= 1 << (by % 64)
		}
	}
	for i, k := first, len(buf)-1; i < k; i, k = i+1, k-1 {
		buf[i], buf[k] = buf[k], buf[i]
	}
	return buf
}
