package wire

import (
	"bytes"
	"cmp"
	"compress/flate"
	"math"
	"slices"
	"sort"
)

// A document chunk holds many changes as one: the operations of all of them, each
// once and in the order of the document, with those that came after named in place
// of those before. Hashes of changes are not in it; a reader makes the changes again
// and finds them. Its body is
//
//	actors           uLEB count, bytes each; ascending
//	heads            uLEB count, hashes; ascending
//	change columns   uLEB count, then (spec, length) each
//	op columns       likewise
//	column data      of the changes, then of the operations
//	head indexes     uLEB for each head: its place among the changes
//
// A row of the change columns is a change, in an order in which deps come first. A
// row of the op columns is an operation that is no delete: by object, the root first
// and the others by ID; in a map by key and then ID; in a list by the element's place
// and then ID, each deleted element still in its place. succ are the operations that
// name the row's as a pred. Deletes are told from what is named only there.
//
// Columns of deflateColumn bytes and more are deflated singly.
const (
	docActor     = 0x01 // RLE of uLEB
	docSeq       = 0x03 // delta
	docMaxOp     = 0x13 // delta
	docTime      = 0x23 // delta
	docMessage   = 0x35 // RLE of string; null for none
	docDepsCount = 0x40 // RLE of uLEB
	docDeps      = 0x43 // delta, a row for each dep: its place
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

// EncodeDocument returns a document chunk of the changes, which must be all of a
// document up to the heads, each after what it depends on, as DecodeChange returns
// them. ErrDocument is returned for changes of which no document can be made, like
// an operation on what is not there: their graph is whole, their operations are not.
// It takes time in proportion to n log n operations, and some 300 bytes for each.
//
// A change can say a long key once for many operations, which the document's order
// tears apart, so that few bytes could make a document of any size. ErrDocumentSize
// is returned, before anything is made, when the keys, names of marks and values of
// all operations, as if each said its own, and the changes' messages add up to more
// than maxText bytes.
func EncodeDocument(changes []*Change, heads []Hash, maxText int) ([]byte, error) {
	d := document{changes: changes, place: make(map[Hash]int, len(changes))}
	if textOf(changes) > uint64(max(maxText, 0)) {
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
	b, _ := seal(chunkDocument, body)
	return b, nil
}

// textOf is how many bytes the changes say, each operation for itself.
func textOf(changes []*Change) (n uint64) {
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

// document is a document on its way into a chunk. Operations are numbered in the
// order of the changes.
type document struct {
	changes []*Change
	place   map[Hash]int
	actors  []ActorID // ascending
	number  map[ActorID]uint32
	chains  [][]int // by actor: its changes, in order
	first   []int   // by change: the number of its first operation, and one more at the end
	ops     []docOp
	succs   []succ // by what they follow
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
	elem   int32 // the operation that inserted the element it is about; -1: a map key
	at     int32 // an insert's place in its list
	object int32 // the operation that made obj, -1: the root
}

type succ struct {
	of int32
	id docID
}

// index numbers actors and operations.
func (d *document) index() error {
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

// find returns the number of the operation with the ID, and its ID in numbers.
func (d *document) find(id OpID) (n int32, short docID, ok bool) {
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
func (d *document) link() error {
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
				// A delete is not written, so nothing can follow it; and what follows
				// an operation is about the same place, which is all that is known of a
				// delete.
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
		if err := d.fits(&d.ops[i]); err != nil {
			return err
		}
	}
	return nil
}

// samePlace says whether two operations are about the same key or element.
func (d *document) samePlace(x, y int32) bool {
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
func (d *document) element(n int32) int32 {
	if d.ops[n].Insert {
		return n
	}
	return d.ops[n].elem
}

// fits says whether the operation's key is one of its object's.
func (d *document) fits(op *docOp) error {
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
func (d *document) arrange() error {
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

// position is the place in its list of the element that an operation is about.
func (d *document) position(n int32) int32 { return d.ops[d.element(n)].at }

// placeElements gives every insert its place: after what it names, the later of two
// that name the same first.
func (d *document) placeElements() error {
	const none = -1
	// The elements after another form a list, linked from the highest ID on.
	next := make([]int32, len(d.ops))  // the next that names the same
	child := make([]int32, len(d.ops)) // the first that names this one
	for i := range child {
		child[i] = none
	}
	head := map[docID]int32{} // the first of a list that names its head
	var inserts []int32
	for i := range d.ops {
		if d.ops[i].Insert {
			inserts = append(inserts, int32(i))
		}
	}
	// From the lowest ID on, so that each goes before those that are there.
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
	if placed != len(inserts) { // some name each other in a circle
		return fail(ErrDocument, "element", -1)
	}
	return nil
}

func (d *document) changeColumns(e *encoder) (meta, data []byte, err error) {
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
		// Readers do not agree on what a difference beyond 64 bits comes to.
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
	e.done(docExtra)
	return e.deflated()
}

func (d *document) opColumns(e *encoder) (meta, data []byte, err error) {
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
	e.done(colValue)

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

func (d *document) elemID(op *docOp) docID {
	if op.elem < 0 {
		return docID{}
	}
	return d.ops[op.elem].id
}

// succsOf returns what follows an operation.
func (d *document) succsOf(n int32) []succ {
	from, _ := slices.BinarySearchFunc(d.succs, n, func(s succ, n int32) int { return cmp.Compare(s.of, n) })
	to := from
	for to < len(d.succs) && d.succs[to].of == n {
		to++
	}
	return d.succs[from:to]
}

func (d *document) bools(e *encoder, spec byte, get func(*docOp) bool) {
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
	e.done(spec)
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
