package wire

import (
	"fmt"
	"strings"
)

// dump writes a type-1 chunk or a sync message as an annotated hexdump. Each line has an offset, the
// bytes and their meaning. dump parses the format itself, so that the golden files come from a second
// implementation.
type dump struct {
	strings.Builder
	b   []byte
	pos int
}

func annotate(b []byte) string {
	d := &dump{b: b}
	if b[0] == messageV1 {
		d.message()
	} else {
		d.change()
	}
	return d.String()
}

// take writes the next n bytes and their meaning, in several lines if necessary.
func (d *dump) take(n int, format string, args ...any) []byte {
	b := d.b[d.pos : d.pos+n]
	for i := 0; i < n || i == 0; i += 16 {
		line := b[i:min(i+16, n)]
		note := ""
		if i == 0 {
			note = fmt.Sprintf(format, args...)
		}
		fmt.Fprintln(d, strings.TrimRight(fmt.Sprintf("%04x  %-48s%s", d.pos+i, fmt.Sprintf("% x", line), note), " "))
	}
	d.pos += n
	return b
}

func (d *dump) head(s string) { fmt.Fprintf(d, "# %s\n", s) }

func (d *dump) uleb(format string) uint64 {
	v, n := uleb(d.b[d.pos:])
	d.take(n, format, v)
	return v
}

func (d *dump) sleb(format string) int64 {
	v, n := sleb(d.b[d.pos:])
	d.take(n, format, v)
	return v
}

func (d *dump) sized(what string) {
	n := d.uleb(what + ": length %d")
	if n > 0 {
		d.take(int(n), "%s", what)
	}
}

func (d *dump) hashes(what string) {
	n := d.uleb(what + ": count %d")
	for i := range n {
		d.take(32, "%s %d", what, i)
	}
}

func (d *dump) change() {
	d.head("chunk")
	d.take(4, "magic")
	d.take(4, "checksum")
	d.take(1, "type")
	d.uleb("length %d")
	d.head("change")
	d.hashes("dep")
	d.sized("actor")
	d.uleb("seq %d")
	d.uleb("startOp %d")
	d.sleb("time %d ms")
	d.sized("message")
	for i := range d.uleb("others: count %d") {
		d.sized(fmt.Sprintf("other %d", i))
	}
	type col struct{ spec, length uint64 }
	var cols []col
	for range d.uleb("columns: count %d") {
		spec, n := uleb(d.b[d.pos:])
		length, m := uleb(d.b[d.pos+n:])
		d.take(n+m, "%s, %d bytes", columnNames[spec], length)
		cols = append(cols, col{spec, length})
	}
	for _, c := range cols {
		d.head(columnNames[c.spec])
		end := d.pos + int(c.length)
		for d.pos < end {
			d.run(c.spec, end)
		}
	}
	if d.pos < len(d.b) {
		d.take(len(d.b)-d.pos, "extra")
	}
}

// run writes one run of a column.
func (d *dump) run(spec uint64, end int) {
	switch spec {
	case colValue:
		d.take(end-d.pos, "values")
		return
	case colInsert, colExpand:
		d.uleb("%d times the same")
		return
	}
	value := func() {
		switch spec {
		case colKeyString, colMarkName:
			n, size := uleb(d.b[d.pos:])
			d.take(size+int(n), "  %q", d.b[d.pos+size:d.pos+size+int(n)])
		case colKeyCounter, colPredCtr:
			d.sleb("  %+d")
		case colValueMeta:
			v, size := uleb(d.b[d.pos:])
			d.take(size, "  type %d of %d bytes", v&15, v>>4)
		default:
			d.uleb("  %d")
		}
	}
	n, _ := sleb(d.b[d.pos:])
	switch {
	case n > 0:
		d.sleb("run of %d")
		value()
	case n < 0:
		d.sleb("literal (%d)")
		for range -n {
			value()
		}
	default:
		d.sleb("nulls (%d)")
		d.uleb("  %d of them")
	}
}

func (d *dump) message() {
	d.head("sync message")
	d.take(1, "version 1")
	d.hashes("head")
	d.hashes("need")
	for i := range d.uleb("have: count %d") {
		d.hashes(fmt.Sprintf("have %d: lastSync", i))
		if n := d.uleb("filter: %d bytes"); n > 0 {
			end := d.pos + int(n)
			d.uleb("  %d entries")
			d.uleb("  %d bits per entry")
			d.uleb("  %d probes")
			d.take(end-d.pos, "  bits")
		}
	}
	for i := range d.uleb("changes: count %d") {
		d.sized(fmt.Sprintf("change %d", i))
	}
	if d.pos < len(d.b) {
		d.take(len(d.b)-d.pos, "trailing")
	}
}
