package wire

import (
	"slices"
	"sync"
)

// Encode returns the change as a canonical type-1 chunk: what automerge-rs and
// automerge's JS write for it. It neither checks nor sorts what it is given; a
// change whose deps or preds are out of order makes a chunk that DecodeChange
// refuses.
func (c *Change) Encode() []byte { return c.Chunk().b }

// Chunk is Encode with the hash. It does not set c.Hash.
func (c *Change) Chunk() Chunk {
	e := encoders.Get().(*encoder)
	defer e.release()
	return frameChange(e.encodeBody(c, actorTable(c)))
}

// actorTable returns the author and then, ascending, every other actor that the
// operations name.
func actorTable(c *Change) []ActorID {
	others := map[ActorID]bool{}
	note := func(id OpID) {
		if id != (OpID{}) && id.Actor != c.Actor {
			others[id.Actor] = true
		}
	}
	for i := range c.Ops {
		op := &c.Ops[i]
		note(op.Obj)
		if op.Key.Kind == ElemKey {
			note(op.Key.Elem)
		}
		for _, p := range op.Pred {
			note(p)
		}
	}
	table := make([]ActorID, 1, 1+len(others))
	table[0] = c.Actor
	for a := range others {
		table = append(table, a)
	}
	slices.Sort(table[1:])
	return table
}

// cell is one row of a column.
type cell[T comparable] struct {
	v  T
	ok bool // false: null
}

// encoder holds buffers that are reused.
type encoder struct {
	body   []byte
	data   []byte // the columns
	cols   []encodedColumn
	nums   []cell[uint64]
	strs   []cell[string]
	table  []ActorID
	lookup map[ActorID]uint64 // for large tables
}

type encodedColumn struct {
	spec byte
	end  int // in data
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// A buffer larger than this is not kept, so that one huge change does not hold memory.
const maxPooled = 1 << 20

func (e *encoder) release() {
	clear(e.strs) // so that the keys can be freed
	e.table, e.lookup = nil, nil
	if cap(e.body)+cap(e.data)+32*cap(e.nums)+32*cap(e.strs) <= maxPooled {
		encoders.Put(e)
	}
}

// encodeBody writes the body of a change chunk. The result is valid until e is
// released.
func (e *encoder) encodeBody(c *Change, table []ActorID) []byte {
	e.setTable(table)
	e.data, e.cols = e.data[:0], e.cols[:0]
	if len(c.Ops) > 0 {
		e.columns(c.Ops)
	}
	b := appendHashes(e.body[:0], c.Deps)
	b = appendBytes(b, c.Actor)
	b = appendUleb(b, c.Seq)
	b = appendUleb(b, c.StartOp)
	b = appendSleb(b, c.TimeMillis)
	b = appendBytes(b, c.Message)
	b = appendUleb(b, uint64(len(table)-1))
	for _, a := range table[1:] {
		b = appendBytes(b, a)
	}
	b = appendUleb(b, uint64(len(e.cols)))
	start := 0
	for _, col := range e.cols {
		b = appendUleb(b, uint64(col.spec))
		b = appendUleb(b, uint64(col.end-start))
		start = col.end
	}
	b = append(b, e.data...)
	b = append(b, c.Extra...)
	e.body = b
	return b
}

func (e *encoder) setTable(table []ActorID) {
	e.table, e.lookup = table, nil
	if len(table) > 16 {
		e.lookup = make(map[ActorID]uint64, len(table))
		for i, a := range table {
			e.lookup[a] = uint64(i)
		}
	}
}

func (e *encoder) index(a ActorID) uint64 {
	if e.lookup != nil {
		return e.lookup[a]
	}
	for i := range e.table {
		if e.table[i] == a {
			return uint64(i)
		}
	}
	return 0
}

// endColumn adds the column to the list unless it is empty.
func (e *encoder) endColumn(spec byte) {
	start := 0
	if n := len(e.cols); n > 0 {
		start = e.cols[n-1].end
	}
	if len(e.data) > start {
		e.cols = append(e.cols, encodedColumn{spec, len(e.data)})
	}
}

func (e *encoder) num(v uint64, ok bool) {
	if !ok {
		v = 0
	}
	e.nums = append(e.nums, cell[uint64]{v, ok})
}

func (e *encoder) str(s string, ok bool) {
	if !ok {
		s = "" // nulls must be equal to each other
	}
	e.strs = append(e.strs, cell[string]{s, ok})
}

func (e *encoder) ulebs(spec byte) {
	e.data = appendRLE(e.data, e.nums, appendUleb)
	e.nums = e.nums[:0]
	e.endColumn(spec)
}

// deltas writes the column's values as differences.
func (e *encoder) deltas(spec byte) {
	var last uint64
	for i := range e.nums {
		if n := &e.nums[i]; n.ok {
			n.v, last = n.v-last, n.v
		}
	}
	e.data = appendRLE(e.data, e.nums, func(b []byte, v uint64) []byte { return appendSleb(b, int64(v)) })
	e.nums = e.nums[:0]
	e.endColumn(spec)
}

func (e *encoder) strings(spec byte) {
	e.data = appendRLE(e.data, e.strs, appendBytes[string])
	clear(e.strs)
	e.strs = e.strs[:0]
	e.endColumn(spec)
}

// columns writes the operations' columns in the order of their specs.
func (e *encoder) columns(ops []Op) {
	e.nums, e.strs = slices.Grow(e.nums[:0], len(ops)), slices.Grow(e.strs[:0], len(ops))
	for i := range ops {
		e.num(e.index(ops[i].Obj.Actor), ops[i].Obj != OpID{})
	}
	e.ulebs(colObjActor)
	for i := range ops {
		e.num(ops[i].Obj.Counter, ops[i].Obj != OpID{})
	}
	e.ulebs(colObjCounter)

	for i := range ops {
		e.num(e.index(ops[i].Key.Elem.Actor), ops[i].Key.Kind == ElemKey)
	}
	e.ulebs(colKeyActor)
	for i := range ops {
		e.num(ops[i].Key.Elem.Counter, ops[i].Key.Kind != MapKey) // head: 0
	}
	e.deltas(colKeyCounter)
	for i := range ops {
		e.str(ops[i].Key.Prop, ops[i].Key.Kind == MapKey)
	}
	e.strings(colKeyString)

	e.data = appendBools(e.data, ops, func(op *Op) bool { return op.Insert })
	e.endColumn(colInsert)
	for i := range ops {
		e.num(uint64(ops[i].Action), true)
	}
	e.ulebs(colAction)

	for i := range ops {
		v := ops[i].Value
		e.num(uint64(len(v.Raw))<<4|uint64(v.Kind), true)
	}
	e.ulebs(colValueMeta)
	for i := range ops {
		e.data = append(e.data, ops[i].Value.Raw...)
	}
	e.endColumn(colValue)

	for i := range ops {
		e.num(uint64(len(ops[i].Pred)), true)
	}
	e.ulebs(colPredCount)
	for i := range ops {
		for _, p := range ops[i].Pred {
			e.num(e.index(p.Actor), true)
		}
	}
	e.ulebs(colPredActor)
	for i := range ops {
		for _, p := range ops[i].Pred {
			e.num(p.Counter, true)
		}
	}
	e.deltas(colPredCtr)

	if slices.ContainsFunc(ops, func(op Op) bool { return op.Expand }) {
		e.data = appendBools(e.data, ops, func(op *Op) bool { return op.Expand })
		e.endColumn(colExpand)
	}
	for i := range ops {
		if name := ops[i].MarkName; name != nil {
			e.str(*name, true)
		} else {
			e.str("", false)
		}
	}
	e.strings(colMarkName)
}

// appendRLE writes a column as the canonical runs, greedy from the left: nulls
// are one maximal null run; two or more equal neighbours one maximal run; else a
// literal that stops before a null or before two equal neighbours. A column of
// nulls only is not written.
func appendRLE[T comparable](b []byte, cells []cell[T], put func([]byte, T) []byte) []byte {
	if !slices.ContainsFunc(cells, func(c cell[T]) bool { return c.ok }) {
		return b
	}
	for i := 0; i < len(cells); {
		j := i + 1
		for j < len(cells) && cells[j] == cells[i] {
			j++
		}
		switch {
		case !cells[i].ok:
			b = append(b, 0)
			b = appendUleb(b, uint64(j-i))
		case j-i > 1:
			b = appendSleb(b, int64(j-i))
			b = put(b, cells[i].v)
		default:
			for j < len(cells) && cells[j].ok && (j+1 == len(cells) || cells[j] != cells[j+1]) {
				j++
			}
			b = appendSleb(b, -int64(j-i))
			for _, c := range cells[i:j] {
				b = put(b, c.v)
			}
		}
		i = j
	}
	return b
}

func appendBools(b []byte, ops []Op, get func(*Op) bool) []byte {
	value, run := false, uint64(0)
	for i := range ops {
		if get(&ops[i]) != value {
			b = appendUleb(b, run)
			value, run = !value, 0
		}
		run++
	}
	return appendUleb(b, run)
}
