package wire

import (
	"bytes"
	"sync"
)

// DecodeChange reads one change within the limits of an event document; see
// DecodeChangeLimits.
func DecodeChange(b []byte) (*Change, error) { return DecodeChangeLimits(b, EventLimits) }

// DecodeChangeLimits reads one change: a chunk of type 1, or of type 2, which it
// inflates. The body is
//
//	deps         uLEB count, then that many hashes         ascending, no repeats
//	actor        bytes
//	seq          uLEB                                      from 1
//	startOp      uLEB                                      from 1
//	time         sLEB                                      ms
//	message      string
//	others       uLEB count, then that many bytes          other actors, ascending
//	columns      uLEB count, then (spec uLEB, length uLEB) each
//	column data  concatenated in the same order
//	extra        all that is left
//
// The change does not alias b. Its Encode gives the type-1 chunk.
//
// Every error wraps a sentinel of this package: ErrChecksum when the checksum is not
// that of the (inflated) change, ErrTooLarge, ErrTooManyOps, ErrTooManyPreds,
// ErrTooManyHashes and ErrExtra when it exceeds the limits, ErrNotCanonical when it is
// well-formed but not canonically encoded, and otherwise the sentinel of the damaged
// part.
func DecodeChangeLimits(b []byte, lim Limits) (*Change, error) {
	ch, err := openChange(b, lim)
	if err != nil {
		return nil, err
	}
	return ch.Decode(lim)
}

// Decode is DecodeChangeLimits for a chunk whose hash is known.
func (ch Chunk) Decode(lim Limits) (*Change, error) {
	c := &Change{Hash: ch.hash}
	d := decoder{reader: reader{b: ch.b[ch.bodyAt:], base: ch.bodyAt}, lim: lim, c: c}
	err := d.body(len(ch.b))
	if d.holdsExpanding {
		expandingMu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// openChange reads the frame of a change, inflates it if need be, and checks its
// checksum.
func openChange(b []byte, lim Limits) (Chunk, error) {
	ch, err := oneChunk(b)
	if err != nil {
		return Chunk{}, err
	}
	// Before hashing, so that a peer cannot make us hash a chunk of any size.
	if len(ch.all) > lim.Inflated {
		return Chunk{}, fail(ErrTooLarge, "change", -1)
	}
	switch ch.kind {
	case chunkChange:
		return ch.hashed()
	case chunkDeflated:
		return inflate(ch, lim.Inflated-minChunk)
	}
	return Chunk{}, fail(ErrChunkType, "chunk header", chunkTypeAt)
}

// Header is the part of a change that can be read without decoding its operations.
type Header struct {
	Actor   ActorID // whose signature it needs
	Seq     uint64
	StartOp uint64
	Ops     int // how many operations Decode would make
}

// Header reads the parts of a change that cost no more time than hashing it, so that a
// caller can check the writer and charge for decoding before decoding. It counts the
// operations without expanding them. Every error of Header is also an error of Decode, but
// not the reverse. With an error, the Header has the fields that are known.
func (ch Chunk) Header(lim Limits) (h Header, err error) {
	var c Change
	d := decoder{reader: reader{b: ch.b[ch.bodyAt:], base: ch.bodyAt}, lim: lim, c: &c}
	if err := d.header(len(ch.b)); err != nil {
		return h, err
	}
	h.Actor, h.Seq, h.StartOp = c.Actor, c.Seq, c.StartOp
	if err := d.columns(); err != nil {
		return h, err
	}
	if d.left() > d.lim.Extra {
		return h, d.fail(ErrExtra, "extra")
	}
	h.Ops, err = d.countRows()
	return h, err
}

// expandingMu is held while a change with far more operations than bytes is decoded, so
// that only one such change takes memory at a time.
var expandingMu sync.Mutex

// expandsFrom is by how much operations must exceed bytes for a change to need
// expandingMu.
const expandsFrom = 4096

// column is the data of one column and where it began.
type column struct {
	b  []byte
	at int
}

type decoder struct {
	reader
	lim Limits
	c   *Change

	holdsExpanding bool      // this decoder holds expandingMu
	actors         []ActorID // the author, then the others
	used           []bool    // which of actors an operation refers to
	actorBuf       [2]ActorID
	cols           [14]column
	specs          [14]byte
	ncols          int
}

func (d *decoder) body(size int) error {
	c := d.c
	if err := d.header(size); err != nil {
		return err
	}
	if err := d.columns(); err != nil {
		return err
	}
	if d.left() > d.lim.Extra {
		return d.fail(ErrExtra, "extra")
	}
	if d.left() > 0 {
		c.Extra = bytes.Clone(d.b[d.pos:])
	}
	if err := d.ops(); err != nil {
		return err
	}
	for i, used := range d.used {
		if i > 0 && !used {
			return fail(ErrOtherActor, "others", -1)
		}
	}
	for i := range c.Ops {
		if err := checkOp(c, i); err != nil {
			return err
		}
	}
	return d.canonical()
}

// header reads everything before the columns of a chunk of size bytes.
func (d *decoder) header(size int) error {
	if size > d.lim.Inflated {
		return fail(ErrTooLarge, "change", -1)
	}
	c := d.c
	var err error
	if c.Deps, err = d.hashes(d.lim.Deps, true, "deps"); err != nil {
		return err
	}
	if size-len(Hash{})*len(c.Deps) > d.lim.Change {
		return fail(ErrTooLarge, "change", -1)
	}
	actor, err := d.bytes("actor")
	if err != nil {
		return err
	}
	if len(actor) == 0 {
		return d.fail(ErrActor, "actor")
	}
	c.Actor = ActorID(actor)
	if c.Seq, err = d.uleb("seq"); err != nil {
		return err
	}
	// An actor's previous change is always a direct dependency.
	if c.Seq == 0 || c.Seq > 1 && len(c.Deps) == 0 {
		return d.fail(ErrSeq, "seq")
	}
	if c.StartOp, err = d.uleb("startOp"); err != nil {
		return err
	}
	if c.StartOp == 0 || c.StartOp > maxCounter {
		return d.fail(ErrStartOp, "startOp")
	}
	if c.TimeMillis, err = d.sleb("time"); err != nil {
		return err
	}
	message, err := d.text("message")
	if err != nil {
		return err
	}
	c.Message = string(message)

	others, err := d.count(2, "others")
	if err != nil {
		return err
	}
	d.actors = append(d.actorBuf[:0], c.Actor)
	for i := range others {
		at := d.base + d.pos
		b, err := d.bytes("others")
		switch {
		case err != nil:
			return err
		case len(b) == 0:
			return fail(ErrActor, "others", at)
		case string(b) == string(c.Actor):
			return fail(ErrOtherActor, "others", at)
		case i > 0 && string(b) <= string(d.actors[i]):
			return fail(ErrOrder, "others", at)
		}
		d.actors = append(d.actors, ActorID(b))
	}
	d.used = make([]bool, len(d.actors))
	return nil
}

// columns reads the list of columns and finds their data. Columns ascend by their spec with the
// deflate bit masked out, which is illegal in a change.
func (d *decoder) columns() error {
	at := d.base + d.pos
	n, err := d.uleb("columns")
	if err != nil {
		return err
	}
	if n > uint64(d.left()/2) {
		return fail(ErrCount, "columns", at)
	}
	var last uint64
	var lengths [len(d.cols)]uint64
	for range n {
		at := d.base + d.pos
		spec, err := d.uleb("columns")
		if err != nil {
			return err
		}
		length, err := d.uleb("columns")
		switch {
		case err != nil:
			return err
		case spec&columnDeflate != 0:
			return fail(ErrColumnDeflate, "columns", at)
		case d.ncols > 0 && spec <= last:
			return fail(ErrColumnOrder, "columns", at)
		case spec > 0xff || columnNames[spec] == "":
			return fail(ErrColumnUnknown, "columns", at)
		case length == 0:
			return fail(ErrColumnEmpty, columnNames[spec], at)
		}
		// Specs are ascending and known, so cols has room for all of them.
		d.specs[d.ncols], lengths[d.ncols], last = byte(spec), length, spec
		d.ncols++
	}
	for i := range d.ncols {
		if lengths[i] > uint64(d.left()) {
			return d.fail(ErrTruncated, columnNames[d.specs[i]])
		}
		d.cols[i] = column{b: d.b[d.pos : d.pos+int(lengths[i])], at: d.base + d.pos}
		d.pos += int(lengths[i])
	}
	return nil
}

func (d *decoder) column(spec byte) column {
	for i := range d.ncols {
		if d.specs[i] == spec {
			return d.cols[i]
		}
	}
	return column{at: -1}
}

// need is like column, for a column that every change with operations has.
func (d *decoder) need(spec byte) (column, error) {
	col := d.column(spec)
	if len(col.b) == 0 {
		return col, fail(ErrColumnMissing, columnNames[spec], -1)
	}
	return col, nil
}

// ops makes the operations from the columns. The action column says how many
// there are; every other column that is there must have as many rows.
func (d *decoder) ops() error {
	n, err := d.countRows()
	if err != nil {
		return err
	}
	c := d.c
	if n > 0 && c.StartOp+uint64(n)-1 > maxCounter {
		return fail(ErrStartOp, "startOp", -1)
	}
	if n > expandsFrom+len(d.b) {
		expandingMu.Lock()
		d.holdsExpanding = true
	}
	if n > 0 {
		c.Ops = make([]Op, n)
	}
	if err := d.opActions(c.Ops); err != nil {
		return err
	}
	if err := d.opObjects(c.Ops); err != nil {
		return err
	}
	if err := d.opKeys(c.Ops); err != nil {
		return err
	}
	if err := d.opFlags(c.Ops); err != nil {
		return err
	}
	if err := d.opValues(c.Ops); err != nil {
		return err
	}
	return d.opPreds(c.Ops)
}

// countRows adds up the runs of the action column, without expanding them.
func (d *decoder) countRows() (int, error) {
	max := min(d.lim.Ops, d.lim.BaseOps+len(d.b))
	col := d.column(colAction)
	r := newRLE(col, colAction, max+1)
	rows := 0
	for r.left() > 0 {
		at := r.pos
		repeat, err := r.nextRun()
		if err == nil && r.form == formNull {
			err = fail(ErrAction, r.where, r.base+at)
		}
		if err == nil && repeat {
			_, err = r.uleb(r.where)
		}
		if e, ok := err.(*Error); ok && e.Err == ErrColumnRows {
			return 0, fail(ErrTooManyOps, r.where, e.Offset)
		}
		if err != nil {
			return 0, err
		}
		rows += r.run
		if r.form == formLiteral {
			for range r.run {
				if _, err := r.uleb(r.where); err != nil {
					return 0, err
				}
			}
		}
		r.run = 0
	}
	if rows > max {
		return 0, fail(ErrTooManyOps, r.where, col.at)
	}
	return rows, nil
}

func (d *decoder) opActions(ops []Op) error {
	r := newRLE(d.column(colAction), colAction, len(ops))
	for i := range ops {
		at := r.pos
		v, _, err := r.uint()
		if err != nil {
			return err
		}
		if v > uint64(Mark) || v == uint64(MakeTable) {
			return fail(ErrAction, r.where, r.base+at)
		}
		ops[i].Action = Action(v)
	}
	return r.end()
}

// opID assembles an operation ID. It must name an operation that can exist: a known actor, and a
// counter within 1 to 2^32-1.
func (d *decoder) opID(actor, counter uint64, where string) (OpID, error) {
	if actor >= uint64(len(d.actors)) {
		return OpID{}, fail(ErrActorIndex, where, -1)
	}
	if counter == 0 || counter > maxCounter {
		return OpID{}, fail(ErrOpID, where, -1)
	}
	d.used[actor] = true
	return OpID{Counter: counter, Actor: d.actors[actor]}, nil
}

func (d *decoder) opObjects(ops []Op) error {
	actors := newRLE(d.column(colObjActor), colObjActor, len(ops))
	counters := newRLE(d.column(colObjCounter), colObjCounter, len(ops))
	for i := range ops {
		actor, has, err := actors.uint()
		if err != nil {
			return err
		}
		counter, too, err := counters.uint()
		if err != nil {
			return err
		}
		if has != too {
			return fail(ErrOpID, counters.where, -1)
		}
		if has {
			if ops[i].Obj, err = d.opID(actor, counter, counters.where); err != nil {
				return err
			}
		}
	}
	if err := actors.end(); err != nil {
		return err
	}
	return counters.end()
}

// opKeys assembles the keys from three columns: only a string is a map key, only a counter of 0 is
// the head of a list, counter and actor are an element.
func (d *decoder) opKeys(ops []Op) error {
	col := d.column(colKeyString)
	props := newRLE(col, colKeyString, len(ops))
	actors := newRLE(d.column(colKeyActor), colKeyActor, len(ops))
	counters := delta{rle: newRLE(d.column(colKeyCounter), colKeyCounter, len(ops))}
	all := string(col.b)
	for i := range ops {
		prop, isProp, err := props.text(all)
		if err != nil {
			return err
		}
		actor, hasActor, err := actors.uint()
		if err != nil {
			return err
		}
		counter, hasCounter, err := counters.next()
		if err != nil {
			return err
		}
		key := &ops[i].Key
		switch {
		case isProp && !hasActor && !hasCounter && prop != "":
			*key = Key{Kind: MapKey, Prop: prop}
		case !isProp && !hasActor && hasCounter && counter == 0:
			*key = Key{Kind: HeadKey}
		case !isProp && hasActor && hasCounter:
			key.Kind = ElemKey
			if key.Elem, err = d.opID(actor, counter, counters.where); err != nil {
				return err
			}
		default:
			return fail(ErrKey, props.where, -1)
		}
	}
	if err := props.end(); err != nil {
		return err
	}
	if err := actors.end(); err != nil {
		return err
	}
	return counters.end()
}

// opFlags reads insert, expand and the mark's name.
func (d *decoder) opFlags(ops []Op) error {
	if len(ops) > 0 {
		if _, err := d.need(colInsert); err != nil {
			return err
		}
	}
	inserts := newBools(d.column(colInsert), colInsert, len(ops))
	for i := range ops {
		var err error
		if ops[i].Insert, err = inserts.next(); err != nil {
			return err
		}
	}
	if err := inserts.end(); err != nil {
		return err
	}

	if col := d.column(colExpand); len(col.b) > 0 {
		expands := newBools(col, colExpand, len(ops))
		for i := range ops {
			var err error
			if ops[i].Expand, err = expands.next(); err != nil {
				return err
			}
		}
		if err := expands.end(); err != nil {
			return err
		}
	}

	if col := d.column(colMarkName); len(col.b) > 0 {
		names := newRLE(col, colMarkName, len(ops))
		all := string(col.b)
		for i := range ops {
			name, has, err := names.text(all)
			if err != nil {
				return err
			}
			if has {
				ops[i].MarkName = &name
			}
		}
		return names.end()
	}
	return nil
}

func (d *decoder) opValues(ops []Op) error {
	if len(ops) > 0 {
		if _, err := d.need(colValueMeta); err != nil {
			return err
		}
	}
	metas := newRLE(d.column(colValueMeta), colValueMeta, len(ops))
	col := d.column(colValue)
	where := columnNames[colValue]
	raw := bytes.Clone(col.b) // one copy for all values, so that the change does not hold on to the frame that it came in
	pos := 0
	for i := range ops {
		meta, has, err := metas.uint()
		if err != nil {
			return err
		}
		if !has {
			return fail(ErrValueType, metas.where, -1)
		}
		length := meta >> 4
		if length > uint64(len(raw)-pos) {
			return fail(ErrTruncated, where, col.at+pos)
		}
		v := Value{Kind: ValueKind(meta & 15)}
		if length > 0 {
			v.Raw = raw[pos : pos+int(length) : pos+int(length)]
		}
		if err := v.check(); err != nil {
			return fail(err, where, col.at+pos)
		}
		ops[i].Value = v
		pos += int(length)
	}
	if err := metas.end(); err != nil {
		return err
	}
	if pos < len(raw) {
		return fail(ErrTrailing, where, col.at+pos)
	}
	return nil
}

// opPreds reads three columns: how many preds each operation has, and for all of
// them together their actors and counters.
func (d *decoder) opPreds(ops []Op) error {
	if len(ops) > 0 {
		if _, err := d.need(colPredCount); err != nil {
			return err
		}
	}
	col := d.column(colPredCount)
	counts := newRLE(col, colPredCount, len(ops))
	max, total := min(d.lim.Preds, d.lim.BaseOps+len(d.b)), 0
	for range ops {
		n, has, err := counts.uint()
		if err != nil {
			return err
		}
		if !has {
			return fail(ErrColumnRows, counts.where, col.at)
		}
		if n > uint64(max-total) {
			return fail(ErrTooManyPreds, counts.where, col.at)
		}
		total += int(n)
	}
	if err := counts.end(); err != nil {
		return err
	}

	actors := newRLE(d.column(colPredActor), colPredActor, total)
	counters := delta{rle: newRLE(d.column(colPredCtr), colPredCtr, total)}
	var preds []OpID
	if total > 0 {
		preds = make([]OpID, total)
	}
	for i := range preds {
		actor, has, err := actors.uint()
		if err != nil {
			return err
		}
		counter, too, err := counters.next()
		if err != nil {
			return err
		}
		if !has || !too {
			return fail(ErrOpID, actors.where, -1)
		}
		if preds[i], err = d.opID(actor, counter, counters.where); err != nil {
			return err
		}
	}
	if err := actors.end(); err != nil {
		return err
	}
	if err := counters.end(); err != nil {
		return err
	}
	if total == 0 {
		return nil
	}
	counts = newRLE(col, colPredCount, len(ops))
	for i := range ops {
		n, _, err := counts.uint()
		if err != nil {
			return err
		}
		if n > 0 {
			ops[i].Pred, preds = preds[:n:n], preds[n:]
		}
	}
	return nil
}

// canonical encodes the change again and compares the bytes. The encoder does not sort,
// so the decoder must have checked the order of every list before.
func (d *decoder) canonical() error {
	e := encoders.Get().(*encoder)
	defer e.release()
	body := e.encodeBody(d.c, d.actors)
	if bytes.Equal(body, d.b) {
		return nil
	}
	i := 0
	for i < len(body) && i < len(d.b) && body[i] == d.b[i] {
		i++
	}
	return fail(ErrNotCanonical, "change", d.base+i)
}
