package wire

import (
	"bytes"
	"cmp"
	"compress/flate"
	"math"
	"slices"
	"sort"
)

// A document chunk holds many changes as one: each of their operations once, in
// document order, with its successors instead of its predecessors. Hashes of changes
// are not stored; a reader reconstructs the changes and computes them. The body is
//
//	actors           uLEB count, bytes each; ascending
//	heads            uLEB count, hashes; ascending
//	change columns   uLEB count, then (spec, length) each
//	op columns       likewise
//	column data      of the changes, then of the operations
//	head indexes     uLEB for each head: its index among the changes
//
// A row of the change columns is a change; dependencies come first. A row of the op
// columns is an operation other than a delete, ordered by object (the root first, the
// others by ID), then in a map by key and ID, and in a list by the position of the
// element and ID; a deleted element keeps its position. succ are the operations that
// have the row's operation as a pred. Deletes have no row: a reader infers a delete
// from an ID that appears only in succ.
//
// Columns of deflateColumn bytes and more are deflated singly.
const (
	docActor     = 0x01 // RLE of uLEB
	docSeq       = 0x03 // delta
	docMaxOp     = 0x13 // delta
	docTime      = 0x23 // delta
	docMessage   = 0x35 // RLE of string; null for none
	docDepsCount = 0x40 // RLE of uLEB
	docDeps      = 0x43 // delta, a row for each dep: its index
	docExtraMeta = 0x56 // RLE of uLEB: length << 4 | Bytes
	docExtra     = 0x57 // the bytes

	colIDActor   = 0x21 // RLE of uLEB
	colIDCounter = 0x23 // delta
	colSuccCount = 0x80 // RLE of uLEB
	colSuccActor = 0x81 // RLE of uLEB, a row for each succ
	colSuccCtr   = 0x83 // delta, a row for each succ

	deflateColumn = 256
	documentLevel = 6 // of the deflated columns
)

// EncodeDocument returns a document chunk of changes, which must be all changes up to
// heads, in causal order, as DecodeChange returns them. It returns ErrDocument when an
// operation refers to something that does not exist: a complete graph does not imply
// that operations are valid. It takes O(n log n) time for n operations, and about 300
// bytes of memory for each.
//
// In a change, many operations can share one run-length encoded long key; in document
// order the key may have to be repeated, so a few bytes of changes could make a
// document of any size. EncodeDocument therefore first adds up the bytes of keys, mark
// names and values of all operations, without run-length encoding, and of the changes'
// messages. It returns ErrDocumentSize when they exceed maxText bytes.
func EncodeDocument(changes []*Change, heads []Hash, maxText int) ([]byte, error) {
	d := documentEncoder{changes: changes, place: make(map[Hash]int, len(changes))}
	if textSize(changes) > uint64(max(maxText, 0)) {
		return nil, fail(ErrDocumentSize, "operations", -1)
	}
	if err := d.index(); err != nil {
		return nil, err
	}
	if err := d.link(); err != nil {
		return nil, err
	}
	if err := d.arrange(); err != nil {
		return nil, err
	}
	var e encoder
	body := appendUleb(nil, uint64(len(d.actors)))
	for _, a := range d.actors {
		body = appendBytes(body, a)
	}
	body = appendHashes(body, heads)
	changeMeta, changeData, err := d.changeColumns(&e)
	if err != nil {
		return nil, err
	}
	opMeta, opData, err := d.opColumns(&e)
	if err != nil {
		return nil, err
	}
	body = slices.Concat(body, changeMeta, opMeta, changeData, opData)
	for _, h := range heads {
		i, ok := d.place[h]
		if !ok {
			return nil, fail(ErrDocument, "heads", -1)
		}
		body = appendUleb(body, uint64(i))
	}
	b, _ := frameChunk(chunkDocument, body)
	return b, nil
}

// textSize returns the total bytes of keys, mark names, values and messages, without
// run-length encoding.
func textSize(changes []*Change) (n uint64) {
	for _, c := range changes {
		n += uint64(len(c.Message) + len(c.Extra))
		for i := range c.Ops {
			op := &c.Ops[i]
			n += uint64(len(op.Key.Prop) + len(op.Value.Raw))
			if op.MarkName != nil {
				n += uint64(len(*op.MarkName))
			}
		}
	}
	return n
}

// documentEncoder encodes one document chunk. It numbers operations in the order of the
// changes.
type documentEncoder struct {
	changes []*Change
	place   map[Hash]int
	actors  []ActorID // ascending
	number  map[ActorID]uint32
	chains  [][]int // by actor: its changes, in order
	first   []int   // by change: the number of its first operation, plus a final entry: the number of all operations
	ops     []docOp
	succs   []succ // sorted by the operation that they succeed
	rows    []int32
}

// docID is an operation's ID, ordered like OpID.
type docID struct{ counter, actor uint32 }

func (a docID) compare(b docID) int {
	if c := cmp.Compare(a.counter, b.counter); c != 0 {
		return c
	}
	return cmp.Compare(a.actor, b.actor)
}

type docOp struct {
	*Op
	id     docID
	obj    docID // zero: the root
	elem   int32 // the operation that inserted the element that this one is about; -1: a map key
	at     int32 // an insert's place in its list
	object int32 // the operation that made obj, -1: the root
}

type succ struct {
	of int32
	id docID
}

// index numbers actors and operations.
func (d *documentEncoder) index() error {
	d.number = map[ActorID]uint32{}
	for i, c := range d.changes {
		d.place[c.Hash] = i
		if _, ok := d.number[c.Actor]; !ok {
			d.number[c.Actor] = 0
			d.actors = append(d.actors, c.Actor)
		}
	}
	slices.Sort(d.actors)
	for i, a := range d.actors {
		d.number[a] = uint32(i)
	}
	d.chains = make([][]int, len(d.actors))
	d.first = make([]int, len(d.changes)+1)
	for i, c := range d.changes {
		if c.StartOp == 0 || c.MaxOp() > maxCounter {
			return fail(ErrDocument, "operation counters", -1)
		}
		a := d.number[c.Actor]
		d.chains[a] = append(d.chains[a], i)
		d.first[i+1] = d.first[i] + len(c.Ops)
	}
	d.ops = make([]docOp, d.first[len(d.changes)])
	return nil
}

// find returns the number of the operation with the ID, and its docID.
func (d *documentEncoder) find(id OpID) (n int32, short docID, ok bool) {
	a, ok := d.number[id.Actor]
	if !ok {
		return 0, short, false
	}
	chain := d.chains[a]
	i := sort.Search(len(chain), func(i int) bool { return d.changes[chain[i]].StartOp > id.Counter }) - 1
	if i < 0 || id.Counter > d.changes[chain[i]].MaxOp() {
		return 0, short, false
	}
	c := chain[i]
	return int32(d.first[c] + int(id.Counter-d.changes[c].StartOp)), docID{uint32(id.Counter), a}, true
}

// link finds for each operation its object, its element, and what follows it.
func (d *documentEncoder) link() error {
	for i, c := range d.changes {
		for k := range c.Ops {
			op := docOp{Op: &c.Ops[k], id: docID{uint32(c.StartOp) + uint32(k), d.number[c.Actor]}, elem: -1, object: -1}
			var ok bool
			if op.Obj != (OpID{}) {
				if op.object, op.obj, ok = d.find(op.Obj); !ok {
					return fail(ErrDocument, "object", -1)
				}
			}
			if op.Key.Kind == ElemKey {
				if op.elem, _, ok = d.find(op.Key.Elem); !ok {
					return fail(ErrDocument, "element", -1)
				}
			}
			n := d.first[i] + k
			d.ops[n] = op
			if op.Action == Del && len(op.Pred) == 0 {
				return fail(ErrDocument, "delete", -1)
			}
			for _, p := range op.Pred {
				of, _, ok := d.find(p)
				// A delete has no row, so it cannot have successors. A successor must
				// be about the same key or element: that is all that a reader knows of
				// a delete.
				if !ok || int(of) >= n || d.ops[of].Action == Del || !d.samePlace(of, int32(n)) {
					return fail(ErrDocument, "pred", -1)
				}
				d.succs = append(d.succs, succ{of, op.id})
			}
		}
	}
	slices.SortFunc(d.succs, func(a, b succ) int {
		if c := cmp.Compare(a.of, b.of); c != 0 {
			return c
		}
		return a.id.compare(b.id)
	})
	for i := range d.ops {
		if err := d.checkKeyKind(&d.ops[i]); err != nil {
			return err
		}
	}
	return nil
}

// samePlace says whether two operations are about the same key or element.
func (d *documentEncoder) samePlace(x, y int32) bool {
	a, b := &d.ops[x], &d.ops[y]
	if a.obj != b.obj || (a.Key.Kind == MapKey) != (b.Key.Kind == MapKey) {
		return false
	}
	if a.Key.Kind == MapKey {
		return a.Key.Prop == b.Key.Prop
	}
	return d.element(x) == d.element(y)
}

// element is the operation that inserted the element which n is about.
func (d *documentEncoder) element(n int32) int32 {
	if d.ops[n].Insert {
		return n
	}
	return d.ops[n].elem
}

// checkKeyKind reports whether the operation's key is of the kind that its object has:
// map key or list position.
func (d *documentEncoder) checkKeyKind(op *docOp) error {
	list := false
	if op.object >= 0 {
		switch d.ops[op.object].Action {
		case MakeMap, MakeTable:
		case MakeList, MakeText:
			list = true
		default:
			return fail(ErrDocument, "object", -1)
		}
	}
	switch {
	case list != (op.Key.Kind != MapKey), op.Insert && !list, op.Key.Kind == HeadKey && !op.Insert:
		return fail(ErrDocument, "key", -1)
	case op.elem >= 0 && (!d.ops[op.elem].Insert || d.ops[op.elem].obj != op.obj):
		return fail(ErrDocument, "element", -1)
	}
	return nil
}

// arrange puts the rows into the document's order.
func (d *documentEncoder) arrange() error {
	if err := d.placeElements(); err != nil {
		return err
	}
	d.rows = make([]int32, 0, len(d.ops))
	for i := range d.ops {
		if d.ops[i].Action != Del {
			d.rows = append(d.rows, int32(i))
		}
	}
	slices.SortFunc(d.rows, func(x, y int32) int {
		a, b := &d.ops[x], &d.ops[y]
		if c := a.obj.compare(b.obj); c != 0 {
			return c
		}
		if a.Key.Kind == MapKey {
			if c := cmp.Compare(a.Key.Prop, b.Key.Prop); c != 0 {
				return c
			}
		} else if c := cmp.Compare(d.position(x), d.position(y)); c != 0 {
			return c
		}
		return a.id.compare(b.id)
	})
	return nil
}

// position returns the index, in its list, of the element that an operation is about.
func (d *documentEncoder) position(n int32) int32 { return d.ops[d.element(n)].at }

// placeElements gives every insert its index in its list: after the element that it
// refers to. Of several inserts after one element, the one with the highest ID comes
// first.
func (d *documentEncoder) placeElements() error {
	const none = -1
	// The elements after another form a list, linked from the highest ID on.
	next := make([]int32, len(d.ops))  // the next insert after the same element
	child := make([]int32, len(d.ops)) // the first insert after this element
	for i := range child {
		child[i] = none
	}
	head := map[docID]int32{} // by list: the first insert at its start
	var inserts []int32
	for i := range d.ops {
		if d.ops[i].Insert {
			inserts = append(inserts, int32(i))
		}
	}
	// In ascending order of IDs, because each goes before those already placed.
	slices.SortFunc(inserts, func(a, b int32) int { return d.ops[a].id.compare(d.ops[b].id) })
	for _, n := range inserts {
		op := &d.ops[n]
		if op.elem >= 0 {
			next[n], child[op.elem] = child[op.elem], n
			continue
		}
		before, ok := head[op.obj]
		if !ok {
			before = none
		}
		next[n], head[op.obj] = before, n
	}
	placed := 0
	var stack []int32
	for _, n := range head {
		at := int32(0)
		for stack = append(stack[:0], n); len(stack) > 0; {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			d.ops[n].at = at
			at++
			placed++
			if next[n] != none {
				stack = append(stack, next[n])
			}
			if child[n] != none {
				stack = append(stack, child[n])
			}
		}
	}
	if placed != len(inserts) { // some refer to each other in a cycle
		return fail(ErrDocument, "element", -1)
	}
	return nil
}

func (d *documentEncoder) changeColumns(e *encoder) (meta, data []byte, err error) {
	e.data, e.cols = e.data[:0], e.cols[:0]
	for _, c := range d.changes {
		e.num(uint64(d.number[c.Actor]), true)
	}
	e.ulebs(docActor)
	for _, c := range d.changes {
		e.num(c.Seq, true)
	}
	e.deltas(docSeq)
	for _, c := range d.changes {
		e.num(c.MaxOp(), true)
	}
	e.deltas(docMaxOp)
	var last int64
	for _, c := range d.changes {
		// Implementations differ on a difference of times that overflows 64 bits.
		if t := c.TimeMillis; last < 0 && t > math.MaxInt64+last || last > 0 && t < math.MinInt64+last {
			return nil, nil, fail(ErrDocument, "time", -1)
		}
		last = c.TimeMillis
		e.num(uint64(last), true)
	}
	e.deltas(docTime)
	for _, c := range d.changes {
		e.str(c.Message, c.Message != "")
	}
	e.strings(docMessage)
	for _, c := range d.changes {
		e.num(uint64(len(c.Deps)), true)
	}
	e.ulebs(docDepsCount)
	for i, c := range d.changes {
		for _, h := range c.Deps {
			p, ok := d.place[h]
			if !ok || p >= i {
				return nil, nil, fail(ErrDocument, "deps", -1)
			}
			e.num(uint64(p), true)
		}
	}
	e.deltas(docDeps)
	for _, c := range d.changes {
		e.num(uint64(len(c.Extra))<<4|uint64(Bytes), true)
	}
	e.ulebs(docExtraMeta)
	for _, c := range d.changes {
		e.data = append(e.data, c.Extra...)
	}
	e.endColumn(docExtra)
	return e.deflated()
}

func (d *documentEncoder) opColumns(e *encoder) (meta, data []byte, err error) {
	e.data, e.cols = e.data[:0], e.cols[:0]
	each := func(column func(*docOp)) {
		for _, n := range d.rows {
			column(&d.ops[n])
		}
	}
	each(func(op *docOp) { e.num(uint64(op.obj.actor), op.object >= 0) })
	e.ulebs(colObjActor)
	each(func(op *docOp) { e.num(uint64(op.obj.counter), op.object >= 0) })
	e.ulebs(colObjCounter)

	each(func(op *docOp) { e.num(uint64(d.elemID(op).actor), op.Key.Kind == ElemKey) })
	e.ulebs(colKeyActor)
	each(func(op *docOp) { e.num(uint64(d.elemID(op).counter), op.Key.Kind != MapKey) }) // head: 0
	e.deltas(colKeyCounter)
	each(func(op *docOp) { e.str(op.Key.Prop, op.Key.Kind == MapKey) })
	e.strings(colKeyString)

	each(func(op *docOp) { e.num(uint64(op.id.actor), true) })
	e.ulebs(colIDActor)
	each(func(op *docOp) { e.num(uint64(op.id.counter), true) })
	e.deltas(colIDCounter)

	d.bools(e, colInsert, func(op *docOp) bool { return op.Insert })
	each(func(op *docOp) { e.num(uint64(op.Action), true) })
	e.ulebs(colAction)
	each(func(op *docOp) { e.num(uint64(len(op.Value.Raw))<<4|uint64(op.Value.Kind), true) })
	e.ulebs(colValueMeta)
	each(func(op *docOp) { e.data = append(e.data, op.Value.Raw...) })
	e.endColumn(colValue)

	for _, n := range d.rows {
		e.num(uint64(len(d.succsOf(n))), true)
	}
	e.ulebs(colSuccCount)
	for _, n := range d.rows {
		for _, s := range d.succsOf(n) {
			e.num(uint64(s.id.actor), true)
		}
	}
	e.ulebs(colSuccActor)
	for _, n := range d.rows {
		for _, s := range d.succsOf(n) {
			e.num(uint64(s.id.counter), true)
		}
	}
	e.deltas(colSuccCtr)

	if slices.ContainsFunc(d.ops, func(op docOp) bool { return op.Expand }) {
		d.bools(e, colExpand, func(op *docOp) bool { return op.Expand })
	}
	each(func(op *docOp) {
		if op.MarkName != nil {
			e.str(*op.MarkName, true)
		} else {
			e.str("", false)
		}
	})
	e.strings(colMarkName)
	return e.deflated()
}

func (d *documentEncoder) elemID(op *docOp) docID {
	if op.elem < 0 {
		return docID{}
	}
	return d.ops[op.elem].id
}

// succsOf returns the successors of an operation.
func (d *documentEncoder) succsOf(n int32) []succ {
	from, _ := slices.BinarySearchFunc(d.succs, n, func(s succ, n int32) int { return cmp.Compare(s.of, n) })
	to := from
	for to < len(d.succs) && d.succs[to].of == n {
		to++
	}
	return d.succs[from:to]
}

func (d *documentEncoder) bools(e *encoder, spec byte, get func(*docOp) bool) {
	value, run := false, uint64(0)
	for _, n := range d.rows {
		if get(&d.ops[n]) != value {
			e.data = appendUleb(e.data, run)
			value, run = !value, 0
		}
		run++
	}
	if run > 0 {
		e.data = appendUleb(e.data, run)
	}
	e.endColumn(spec)
}

// deflated returns the columns' list and their bytes, the longer ones deflated.
func (e *encoder) deflated() (meta, data []byte, err error) {
	meta = appendUleb(nil, uint64(len(e.cols)))
	start := 0
	for _, col := range e.cols {
		b, spec := e.data[start:col.end], col.spec
		start = col.end
		if len(b) >= deflateColumn {
			var out bytes.Buffer
			w, err := flate.NewWriter(&out, documentLevel)
			if err != nil {
				return nil, nil, err
			}
			if _, err := w.Write(b); err != nil {
				return nil, nil, err
			}
			if err := w.Close(); err != nil {
				return nil, nil, err
			}
			if out.Len() < len(b) {
				b, spec = out.Bytes(), spec|columnDeflate
			}
		}
		meta = appendUleb(meta, uint64(spec))
		meta = appendUleb(meta, uint64(len(b)))
		data = append(data, b...)
	}
	return meta, data, nil
}
