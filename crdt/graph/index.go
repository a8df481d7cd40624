package graph

import (
	"hash/maphash"

	"flyleaf/crdt/wire"
)

// index finds a node by its hash: an open table of node numbers, so that each hash is
// stored once. Its hash function is seeded, because an attacker can choose hashes.
type index struct {
	seed  maphash.Seed
	slots []int32 // node number + 1, 0: free; a power of two, at most 3/4 full
	n     int
}

func newIndex() index { return index{seed: maphash.MakeSeed(), slots: make([]int32, 16)} }

func (x *index) slot(h wire.Hash) int {
	return int(maphash.Bytes(x.seed, h[:]) & uint64(len(x.slots)-1))
}

func (x *index) find(hashes []wire.Hash, h wire.Hash) (int32, bool) {
	for i := x.slot(h); x.slots[i] != 0; i = (i + 1) & (len(x.slots) - 1) {
		if n := x.slots[i] - 1; hashes[n] == h {
			return n, true
		}
	}
	return 0, false
}

// put adds node n, which must not be in the table.
func (x *index) put(hashes []wire.Hash, n int32) {
	if 4*(x.n+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]int32, 2*len(old))
		for _, s := range old {
			if s != 0 {
				x.place(hashes, s)
			}
		}
	}
	x.n++
	x.place(hashes, n+1)
}

func (x *index) place(hashes []wire.Hash, s int32) {
	i := x.slot(hashes[s-1])
	for x.slots[i] != 0 {
		i = (i + 1) & (len(x.slots) - 1)
	}
	x.slots[i] = s
}
