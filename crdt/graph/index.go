package graph

import (
	"hash/maphash"

	"flyleaf/crdt/wire"
)

// index finds a node by its hash. It is a hash table with open addressing, of node numbers: the hashes
// are in the caller's slice, so that each is stored once. Its hash function is seeded, because an
// attacker can choose hashes.
type index struct {
	seed  maphash.Seed
	slots []int32 // node number + 1, 0: free; its length is a power of two, at most 3/4 of it is used
	count int     // of nodes
}

func newIndex() index { return index{seed: maphash.MakeSeed(), slots: make([]int32, 16)} }

func (x *index) slot(h wire.Hash) int {
	return int(maphash.Bytes(x.seed, h[:]) & uint64(len(x.slots)-1))
}

func (x *index) find(hashes []wire.Hash, h wire.Hash) (int32, bool) {
	for i := x.slot(h); x.slots[i] != 0; i = (i + 1) & (len(x.slots) - 1) {
		if node := x.slots[i] - 1; hashes[node] == h {
			return node, true
		}
	}
	return 0, false
}

// put adds a node, which must not be in the table. hashes[i] is the hash of node i.
func (x *index) put(hashes []wire.Hash, node int32) {
	if 4*(x.count+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]int32, 2*len(old))
		for _, s := range old {
			if s != 0 {
				x.place(hashes, s)
			}
		}
	}
	x.count++
	x.place(hashes, node+1)
}

func (x *index) place(hashes []wire.Hash, s int32) {
	i := x.slot(hashes[s-1])
	for x.slots[i] != 0 {
		i = (i + 1) & (len(x.slots) - 1)
	}
	x.slots[i] = s
}
