package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"flyleaf/internal/testfiles"
)

// deflated returns the type-2 chunk of a type-1 chunk.
func deflated(t testing.TB, chunk []byte) []byte {
	t.Helper()
	c, err := oneChunk(chunk)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	if _, err := w.Write(c.body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := append(bytes.Clone(chunk[:chunkTypeAt]), chunkDeflated)
	return appendBytes(b, out.Bytes())
}

func TestDeflated(t *testing.T) {
	for name, c := range samples() {
		plain := c.Encode()
		want, err := DecodeChange(plain)
		if err != nil {
			t.Fatal(err)
		}
		b := deflated(t, plain)
		got, err := DecodeChange(b)
		if err != nil || got.Hash != want.Hash || !bytes.Equal(got.Encode(), plain) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := ReadHash(b); !errors.Is(err, ErrChunkType) {
			t.Errorf("%s: ReadHash of a deflated chunk: %v", name, err)
		}
		// The checksum is that of the plain chunk.
		b[4] ^= 1
		if _, err := DecodeChange(b); !errors.Is(err, ErrChecksum) {
			t.Errorf("%s: wrong checksum: %v", name, err)
		}
		b[4] ^= 1
		// Truncate the stream and keep the frame.
		short, _ := oneChunk(b)
		cut := appendBytes(append(bytes.Clone(b[:chunkTypeAt]), chunkDeflated), short.body[:len(short.body)-2])
		if _, err := DecodeChange(cut); !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: cut off: %v", name, err)
		}
	}
}

// TestLimits: the limits apply to a change whether it is deflated or not.
func TestLimits(t *testing.T) {
	a := actorOf(7)
	set := func(value Value) *Change {
		return &Change{Actor: a, Seq: 1, StartOp: 1, Ops: []Op{{Action: Set, Key: prop("k"), Value: value}}}
	}
	overhead := len(set(StringValue(strings.Repeat("x", 65000))).Encode()) - 65000
	long := func(size int) *Change { return set(StringValue(strings.Repeat("x", size-overhead))) }
	deps := func(n int) []Hash {
		hs := make([]Hash, n)
		for i := range hs {
			hs[i] = Hash{byte(i >> 16), byte(i >> 8), byte(i)}
		}
		return hs
	}
	ops := func(n int) *Change {
		c := &Change{Actor: a, Seq: 1, StartOp: 1}
		for i := range n {
			c.Ops = append(c.Ops, Op{Action: Set, Key: prop(fmt.Sprintf("%d", i%7)), Value: UintValue(1)})
		}
		return c
	}
	// By two actors alternately, so that every predecessor takes a byte.
	preds := func(n int, others ...ActorID) *Change {
		c := set(UintValue(1))
		c.Deps, c.StartOp = deps(1), uint64(n)+1
		for i := range n {
			c.Ops[0].Pred = append(c.Ops[0].Pred, OpID{uint64(i + 1), others[i%len(others)]})
		}
		return c
	}
	withDeps := long(MaxChange)
	withDeps.Deps = deps(MaxDeps)
	withDeps.Ops[0].Value.Raw = withDeps.Ops[0].Value.Raw[:MaxChange-200]
	tooManyDeps := set(UintValue(1))
	tooManyDeps.Deps = deps(MaxDeps + 1)

	for name, c := range map[string]struct {
		change *Change
		want   error
	}{
		"64 KiB":              {long(MaxChange), nil},
		"64 KiB and a byte":   {long(MaxChange + 1), ErrTooLarge},
		"400 KiB":             {long(400 << 10), ErrTooLarge},
		"all deps, 64 KiB":    {withDeps, nil},
		"a dep too many":      {tooManyDeps, ErrTooManyHashes},
		"1,000 operations":    {ops(MaxOps), nil},
		"an operation more":   {ops(MaxOps + 1), ErrTooManyOps},
		"all preds":           {preds(MaxPreds, a, actorOf(8)), nil},
		"a predecessor more":  {preds(MaxPreds+1, a, actorOf(8)), ErrTooManyPreds},
		"preds without bytes": {preds(MaxPreds, a), ErrTooManyPreds},
		"counters end at max": {&Change{Deps: deps(1), Actor: a, Seq: 1, StartOp: maxCounter - 1, Ops: ops(2).Ops}, nil},
		"counters past max":   {&Change{Deps: deps(1), Actor: a, Seq: 1, StartOp: maxCounter - 1, Ops: ops(3).Ops}, ErrStartOp},
	} {
		b := c.change.Encode()
		for form, b := range map[string][]byte{"plain": b, "deflated": deflated(t, b)} {
			if _, err := DecodeChange(b); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s, %s: got %v, want %v", name, form, err, c.want)
			}
		}
	}
	if got, err := DecodeChangeLimits(long(MaxChange+1).Encode(), OpenLimits); err != nil || len(got.Ops) != 1 {
		t.Errorf("an open relay refuses 64 KiB and one byte: %v", err)
	}
	if _, err := DecodeChangeLimits(ops(200_000).Encode(), OpenLimits); err != nil {
		t.Errorf("an open relay refuses 200,000 operations with as many bytes: %v", err)
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: a few bytes that claim a large size take little memory, whether they are refused or not.
func TestBombs(t *testing.T) {
	body := func(cols ...any) []byte {
		b := appendUleb(nil, 0)
		b = appendBytes(b, actorOf(7))
		b = append(b, 1, 1, 0, 0, 0, byte(len(cols)/2))
		for i := 0; i < len(cols); i += 2 {
			b = appendUleb(b, uint64(cols[i].(int)))
			b = appendUleb(b, uint64(len(cols[i+1].([]byte))))
		}
		for i := 1; i < len(cols); i += 2 {
			b = append(b, cols[i].([]byte)...)
		}
		chunk := frameChange(b).b
		return chunk
	}
	run := func(n int64, v ...byte) []byte { return append(appendSleb(nil, n), v...) }
	key, one := run(-1, 1, 'k'), run(-1, 1)
	bombs := map[string]struct {
		b    []byte
		want error
	}{
		"2^40 preds": {body(colKeyString, key, colInsert, []byte{1}, colAction, one, colValueMeta, run(-1, 0),
			colPredCount, append(run(-1), appendUleb(nil, 1<<40)...), colPredActor, run(1<<40, 0), colPredCtr, run(1<<40, 1)), ErrTooManyPreds},
		"2^63 preds, twice": {body(colKeyString, run(2, 1, 'k'), colInsert, []byte{2}, colAction, run(2, 1), colValueMeta, run(2, 0),
			colPredCount, append(run(2), appendUleb(nil, 1<<63)...)), ErrTooManyPreds},
		"2^40 nulls":       {body(colAction, append([]byte{0}, appendUleb(nil, 1<<40)...)), ErrTooManyOps},
		"literal of 2^62":  {body(colAction, run(-1<<62, 1)), ErrTooManyOps},
		"literal of -2^63": {body(colAction, run(-1<<63, 1)), ErrTooManyOps},
		"values of 2^59 bytes": {body(colKeyString, key, colInsert, []byte{1}, colAction, one,
			colValueMeta, append(run(-1), appendUleb(nil, 1<<63|6)...), colPredCount, run(-1, 0)), ErrTruncated},
		"2^40 keys":    {body(colKeyString, run(1<<40, 1, 'k'), colInsert, []byte{1}, colAction, one, colValueMeta, run(-1, 0), colPredCount, run(-1, 0)), ErrColumnRows},
		"2^40 inserts": {body(colKeyString, key, colInsert, appendUleb(nil, 1<<40), colAction, one, colValueMeta, run(-1, 0), colPredCount, run(-1, 0)), ErrColumnRows},
	}
	for _, n := range []int64{1001, 1 << 20, 1<<20 + 1, 1 << 40, 1<<63 - 1} {
		want := ErrTooManyOps
		bombs[fmt.Sprintf("%d operations", n)] = struct {
			b    []byte
			want error
		}{body(colKeyString, run(n, 1, 'k'), colInsert, appendUleb(nil, uint64(n)), colAction, run(n, 1),
			colValueMeta, run(n, 0), colPredCount, run(n, 0)), want}
	}
	// 32 MiB of zeros in 32 KiB.
	zeros := frameChange(make([]byte, 32<<20)).b
	bombs["inflates to 32 MiB"] = struct {
		b    []byte
		want error
	}{deflated(t, zeros), ErrTooLarge}

	for name, bomb := range bombs {
		var err error
		if n := allocated(func() { _, err = DecodeChange(bomb.b) }); n > 4<<20 {
			t.Errorf("%s: %d bytes took %d", name, len(bomb.b), n)
		}
		if !errors.Is(err, bomb.want) {
			t.Errorf("%s: got %v, want %v", name, err, bomb.want)
		}
		if n := allocated(func() { _, err = DecodeChangeLimits(bomb.b, OpenLimits) }); n > 8*uint64(OpenLimits.Inflated) {
			t.Errorf("%s: %d bytes took %d with open limits", name, len(bomb.b), n)
		}
	}
}

// TestErasedText: an open relay accepts a change of a stock client that erases a long text. The memory
// is bounded, also for many such changes at once.
func TestErasedText(t *testing.T) {
	erase := func(n int64) []byte {
		c := &Change{Deps: []Hash{{1}}, Actor: actorOf(7), Seq: 2, StartOp: 1 << 20}
		for i := range uint64(n) {
			c.Ops = append(c.Ops, Op{Action: Del, Obj: OpID{1, actorOf(7)}, Key: elem(i+2, actorOf(7)), Pred: []OpID{{i + 2, actorOf(7)}}})
		}
		return c.Encode()
	}
	chunk := erase(int64(OpenLimits.BaseOps))
	if len(chunk) > 200 {
		t.Fatalf("%d bytes", len(chunk))
	}
	if n := allocated(func() {
		if _, err := DecodeChangeLimits(chunk, OpenLimits); err != nil {
			t.Error(err)
		}
	}); n > 24<<20 {
		t.Errorf("%d bytes took %d", len(chunk), n)
	}
	if _, err := DecodeChangeLimits(erase(int64(OpenLimits.BaseOps)+300), OpenLimits); !errors.Is(err, ErrTooManyOps) {
		t.Errorf("beyond the limit: %v", err)
	}
	if _, err := DecodeChange(chunk); !errors.Is(err, ErrTooManyOps) {
		t.Errorf("in an event: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := DecodeChangeLimits(chunk, OpenLimits); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	// A change that is refused while it holds the lock releases it.
	bad := bytes.Clone(chunk)
	bad[len(bad)-1]++
	for range 2 {
		if _, err := DecodeChangeLimits(repair(bad), OpenLimits); err == nil {
			t.Error("accepted")
		}
	}
}

// everyEntry passes bytes to every function that reads untrusted bytes.
func everyEntry(b []byte) {
	decode := func(b []byte) {
		DecodeChange(b)
		if c, err := DecodeChangeLimits(b, OpenLimits); err == nil {
			CheckSchemaShape(c)
			c.Encode()
		}
	}
	decode(b)
	ReadHash(b)
	if chunks, err := SplitChunks(b); err == nil {
		for _, c := range chunks {
			decode(c)
			ReadHash(c)
			if len(c) > chunkTypeAt {
				decode(repair(c))
			}
		}
	}
	decode(repair(b))
	if m, err := DecodeMessage(b); err == nil {
		for i := range m.Have {
			m.Have[i].Filter.Contains(Hash{1, 2, 3})
		}
		for _, c := range m.Changes {
			decode(c)
			decode(repair(c))
		}
		m.Encode()
	}
}

// TestHostile: inputs that broke other implementations are accepted or refused with little memory. A panic fails the test by itself.
func TestHostile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testfiles.Shared(t, "hostile"), "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no hostile inputs: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b := unhex(t, string(text))
		if n := allocated(func() { everyEntry(b) }); n > 96<<20 {
			t.Errorf("%s: %d bytes took %d", filepath.Base(f), len(b), n)
		}
		if strings.HasPrefix(filepath.Base(f), "rle_bomb") {
			if _, err := DecodeChange(b); err == nil && !strings.HasSuffix(f, "_1000.hex") {
				t.Errorf("%s: accepted", filepath.Base(f))
			}
		}
		if strings.HasPrefix(filepath.Base(f), "bloom") {
			if _, err := DecodeMessage(b); !errors.Is(err, ErrFilter) {
				t.Errorf("%s: %v", filepath.Base(f), err)
			}
		}
	}
}
