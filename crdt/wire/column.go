package wire

import "unicode/utf8"

// The columns of a change: id << 4 | type.
const (
	colObjActor   = 0x01 // RLE of uLEB; null = root
	colObjCounter = 0x02 // RLE of uLEB; null = root
	colKeyActor   = 0x11 // RLE of uLEB; null for a map key and for head
	colKeyCounter = 0x13 // delta; 0 = head, null for a map key
	colKeyString  = 0x15 // RLE of string; null for an element key
	colInsert     = 0x34 // boolean
	colAction     = 0x42 // RLE of uLEB
	colValueMeta  = 0x56 // RLE of uLEB: length << 4 | value type
	colValue      = 0x57 // the values' bytes
	colPredCount  = 0x70 // RLE of uLEB
	colPredActor  = 0x71 // RLE of uLEB, a row for each pred
	colPredCtr    = 0x73 // delta, a row for each pred
	colExpand     = 0x94 // boolean
	colMarkName   = 0xa5 // RLE of string

	columnDeflate = 0x08
)

// columnNames are for errors; a column not listed is unknown.
var columnNames = [256]string{
	colObjActor:   "column 0x01 (object actor)",
	colObjCounter: "column 0x02 (object counter)",
	colKeyActor:   "column 0x11 (key actor)",
	colKeyCounter: "column 0x13 (key counter)",
	colKeyString:  "column 0x15 (key)",
	colInsert:     "column 0x34 (insert)",
	colAction:     "column 0x42 (action)",
	colValueMeta:  "column 0x56 (value type)",
	colValue:      "column 0x57 (value)",
	colPredCount:  "column 0x70 (pred count)",
	colPredActor:  "column 0x71 (pred actor)",
	colPredCtr:    "column 0x73 (pred counter)",
	colExpand:     "column 0x94 (expand)",
	colMarkName:   "column 0xa5 (mark name)",
}

// rle streams a run-length encoded column:
//
//	n = sLEB; n > 0: one value, n times
//	          n < 0: -n values, one after another
//	          n = 0: uLEB count of nulls
//
// It never expands a run: memory is constant, and no run may claim more rows
// than are left. A column that is absent reads as nulls.
type rle struct {
	reader
	where  string
	rows   int // rows that no run has covered yet
	run    int // rows left in the current run
	form   int8
	absent bool
	num    uint64 // the repeated value
	str    string
}

const (
	formNull int8 = iota
	formRepeat
	formLiteral
)

// newRLE returns a reader of a column that must have exactly rows rows.
func newRLE(col column, spec byte, rows int) rle {
	return rle{
		reader: reader{b: col.b, base: col.at},
		where:  columnNames[spec],
		rows:   rows,
		absent: len(col.b) == 0,
	}
}

// nextRun starts the next run and reports whether a repeated value has to be read.
func (c *rle) nextRun() (bool, error) {
	if c.absent {
		c.form, c.run, c.rows = formNull, c.rows, 0
		return false, nil
	}
	if c.left() == 0 {
		return false, c.fail(ErrColumnRows, c.where)
	}
	at := c.pos
	n, err := c.sleb(c.where)
	if err != nil {
		return false, err
	}
	var rows uint64
	switch {
	case n > 0:
		c.form, rows = formRepeat, uint64(n)
	case n < 0:
		c.form, rows = formLiteral, -uint64(n)
	default:
		c.form = formNull
		if rows, err = c.uleb(c.where); err != nil {
			return false, err
		}
		if rows == 0 {
			return false, fail(ErrNotCanonical, c.where, c.base+at)
		}
	}
	if rows > uint64(c.rows) {
		return false, fail(ErrColumnRows, c.where, c.base+at)
	}
	c.run = int(rows)
	c.rows -= c.run
	return c.form == formRepeat, nil
}

// uint returns the next row, and whether it is not null.
func (c *rle) uint() (uint64, bool, error) {
	if c.run == 0 {
		repeat, err := c.nextRun()
		if err != nil {
			return 0, false, err
		}
		if repeat {
			if c.num, err = c.uleb(c.where); err != nil {
				return 0, false, err
			}
		}
	}
	c.run--
	switch c.form {
	case formRepeat:
		return c.num, true, nil
	case formLiteral:
		v, err := c.uleb(c.where)
		return v, err == nil, err
	}
	return 0, false, nil
}

// int is like uint, for a column of signed values.
func (c *rle) int() (int64, bool, error) {
	if c.run == 0 {
		repeat, err := c.nextRun()
		if err != nil {
			return 0, false, err
		}
		if repeat {
			v, err := c.sleb(c.where)
			if err != nil {
				return 0, false, err
			}
			c.num = uint64(v)
		}
	}
	c.run--
	switch c.form {
	case formRepeat:
		return int64(c.num), true, nil
	case formLiteral:
		v, err := c.sleb(c.where)
		return v, err == nil, err
	}
	return 0, false, nil
}

// text is like uint, for a column of strings. all is the whole column as one string;
// the values are substrings of it, so that they need no allocations of their own.
func (c *rle) text(all string) (string, bool, error) {
	if c.run == 0 {
		repeat, err := c.nextRun()
		if err != nil {
			return "", false, err
		}
		if repeat {
			if c.str, err = c.oneText(all); err != nil {
				return "", false, err
			}
		}
	}
	c.run--
	switch c.form {
	case formRepeat:
		return c.str, true, nil
	case formLiteral:
		s, err := c.oneText(all)
		return s, err == nil, err
	}
	return "", false, nil
}

func (c *rle) oneText(all string) (string, error) {
	b, err := c.bytes(c.where)
	if err != nil {
		return "", err
	}
	s := all[c.pos-len(b) : c.pos]
	if !utf8.ValidString(s) {
		return "", fail(ErrNotUTF8, c.where, c.base+c.pos-len(b))
	}
	return s, nil
}

// end checks that the column has no more rows than were asked for.
func (c *rle) end() error {
	if c.left() > 0 || c.run > 0 {
		return c.fail(ErrColumnRows, c.where)
	}
	return nil
}

// delta streams an RLE column whose values are the differences to the previous
// value that is not null, starting from 0. The sums are counters of operations,
// so they stay within 32 bits.
type delta struct {
	rle
	sum int64
}

func (d *delta) next() (uint64, bool, error) {
	at := d.pos
	v, ok, err := d.int()
	if err != nil || !ok {
		return 0, false, err
	}
	// Both are within ±2^32 or refused, so the sum cannot wrap.
	if v < -maxCounter || v > maxCounter {
		return 0, false, fail(ErrOpID, d.where, d.base+at)
	}
	if d.sum += v; d.sum < 0 || d.sum > maxCounter {
		return 0, false, fail(ErrOpID, d.where, d.base+at)
	}
	return uint64(d.sum), true, nil
}

// bools streams a boolean column: uLEB counts, alternating, beginning with false.
type bools struct {
	reader
	where string
	rows  int
	run   int
	value bool
	begun bool
}

func newBools(col column, spec byte, rows int) bools {
	return bools{reader: reader{b: col.b, base: col.at}, where: columnNames[spec], rows: rows}
}

func (c *bools) next() (bool, error) {
	for c.run == 0 {
		if c.left() == 0 {
			return false, c.fail(ErrColumnRows, c.where)
		}
		at := c.pos
		n, err := c.uleb(c.where)
		if err != nil {
			return false, err
		}
		if n > uint64(c.rows) {
			return false, fail(ErrColumnRows, c.where, c.base+at)
		}
		if n == 0 && c.begun {
			return false, fail(ErrNotCanonical, c.where, c.base+at)
		}
		c.run = int(n)
		c.rows -= c.run
		c.value = c.begun && !c.value
		c.begun = true
	}
	c.run--
	return c.value, nil
}

func (c *bools) end() error {
	if c.left() > 0 || c.run > 0 {
		return c.fail(ErrColumnRows, c.where)
	}
	return nil
}
