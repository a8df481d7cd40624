// Package register is the history of one key of a map: which of its writes replaced
// which others, and which of them stand for whoever counts only some of them. Policy
// and projection both ask it, each with its own idea of what counts.
package register

// Register holds the writes of one key by their numbers, from 0 in the order in which
// they were added. A write is added after all that it replaced. The zero value has no
// writes. It takes 4 bytes for a write that replaced at most one other.
type Register struct {
	replaced []int32           // by write: the one that it replaced, none or several
	several  map[int32][]int32 // of writes that replaced more than one
}

const (
	none    = -1
	several = -2
)

// Len returns how many writes there are.
func (r *Register) Len() int { return len(r.replaced) }

// Add adds a write that replaced these, which were added before.
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

// Standing appends to buf the writes that stand, in the order in which they were
// added: each that counts and that none which counts has replaced. A write that does
// not count replaces nothing, but whoever replaced it has replaced what it stood in
// place of, too. So a value comes back when only writes that do not count have
// replaced it, and does not when somebody who counts wrote in sight of it.
//
// It costs a look at each write.
func (r *Register) Standing(buf []int32, counts func(write int32) bool) []int32 {
	var small [4]uint64
	over := small[:] // replaced by one that counts, one bit each
	if n := (len(r.replaced) + 63) / 64; n > len(small) {
		over = make([]uint64, n)
	}
	first := len(buf)
	for i := int32(len(r.replaced)) - 1; i >= 0; i-- {
		is := over[i/64]&(1<<(i%64)) != 0
		switch c := counts(i); {
		case c && !is:
			buf = append(buf, i)
		case !c && !is:
			continue
		}
		switch by := r.replaced[i]; by {
		case none:
		case several:
			for _, b := range r.several[i] {
				over[b/64] |= 1 << (b % 64)
			}
		default:
			over[by/64] |= 1 << (by % 64)
		}
	}
	for i, k := first, len(buf)-1; i < k; i, k = i+1, k-1 {
		buf[i], buf[k] = buf[k], buf[i]
	}
	return buf
}
