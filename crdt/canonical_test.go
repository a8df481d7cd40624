package crdt_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

var canonicalChanges = flag.Int64("canonical.changes", 100_000, "changes of automerge-go to decode and encode again; 10,000 with -short")

// TestCanonical: changes of automerge-go for acts of every kind, by devices that fork and merge
// at random, decode, and encode to the same bytes and so to the same hash.
func TestCanonical(t *testing.T) {
	want := *canonicalChanges
	if testing.Short() {
		want = min(want, 10_000)
	}
	var changes, operations, merges, preds, others, largest atomic.Int64
	var next atomic.Uint64
	t.Run("workers", func(t *testing.T) {
		for k := range max(1, runtime.GOMAXPROCS(0)) {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				for changes.Load() < want {
					s := next.Add(1)
					writeAtRandom(t, s, func(b []byte) *wire.Change {
						c, err := wire.DecodeChange(b)
						if err != nil {
							t.Fatalf("seed %d: %x: %v", s, b, err)
						}
						if enc := c.Encode(); !bytes.Equal(enc, b) {
							t.Fatalf("seed %d: %x is encoded to %x", s, b, enc)
						}
						if h, err := wire.ReadHash(b); err != nil || h != c.Hash {
							t.Fatalf("seed %d: hash %s, decoded with %s, %v", s, h, c.Hash, err)
						}
						if err := wire.CheckSchemaShape(c); err != nil {
							t.Fatalf("seed %d: %v", s, err)
						}
						changes.Add(1)
						operations.Add(int64(len(c.Ops)))
						merges.Add(int64(min(1, len(c.Deps)/2)))
						foreign := false
						for i := range c.Ops {
							preds.Add(int64(len(c.Ops[i].Pred)))
							foreign = foreign || c.Ops[i].Obj.Counter > 0 && c.Ops[i].Obj.Actor != c.Actor
						}
						if foreign {
							others.Add(1)
						}
						for n := largest.Load(); int64(len(b)) > n && !largest.CompareAndSwap(n, int64(len(b))); n = largest.Load() {
						}
						return c
					})
				}
			})
		}
	})
	t.Logf("%d changes in %d documents: %d operations, %d merges, %d preds, %d in objects of others, the largest %d bytes",
		changes.Load(), next.Load(), operations.Load(), merges.Load(), preds.Load(), others.Load(), largest.Load())
	if changes.Load() < want || operations.Load() < 2*want || merges.Load() < want/20 || preds.Load() < want/20 ||
		others.Load() < want/20 || largest.Load() < 30_000 {
		t.Error("the random documents did not cover enough")
	}
}

// writeAtRandom has two to five devices write an event, each with some of the others' changes,
// and calls take with every change.
func writeAtRandom(t *testing.T, seed uint64, take func([]byte) *wire.Change) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	h := &history{}
	add := func(b []byte) *wire.Change {
		c := take(b)
		h.changes, h.bytes = append(h.changes, c), append(h.bytes, b)
		return c
	}
	e := qa.Event{Title: qa.CleanLine(strange(r, 200)), StartsAtMillis: monday}
	for i := range r.IntN(6) {
		e.Roles = append(e.Roles, qa.Grant{ID: idOf(byte(2 + i)), Role: qa.RoleModerator})
	}
	first, made, err := crdt.Create(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer first.Close()
	genesis := add(made.Chunk.Bytes())
	parties := []*party{{doc: first, has: map[wire.Hash]bool{genesis.Hash: true}}}
	for i := range 1 + r.IntN(4) {
		d, err := crdt.Load(actorOf(byte(1+(i+1)/2), byte(10+i)), nil, chunks(h.bytes[0]))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		defer d.Close()
		parties = append(parties, &party{doc: d, has: map[wire.Hash]bool{genesis.Hash: true}})
	}
	var posts []qa.PostID
	for range 40 + r.IntN(120) {
		p := parties[r.IntN(len(parties))]
		if r.IntN(4) == 0 {
			p.pull(t, h, r)
		}
		a := randomAct(r, p.doc.Identity(), posts)
		if a.Kind == qa.ActPost || a.Kind == qa.ActEdit {
			a.Text = strange(r, 2000)
		}
		m, err := p.doc.Do(a)
		switch {
		case errors.Is(err, crdt.ErrBroken):
			t.Fatalf("seed %d: %s: %v", seed, a.Kind, err)
		case err != nil || m.NoChange: // a post that this device does not have, or that is another person's
			continue
		}
		p.has[add(m.Chunk.Bytes()).Hash] = true
		if m.Post != "" {
			posts = append(posts, m.Post)
		}
	}
}

// strange returns unusual text of up to n characters, sometimes of 32 kB.
func strange(r *rand.Rand, n int) string {
	parts := []string{"a", "word ", "\n", "zwei Wörter", "😀", "e\u0301", "ключ", "“”", "\u200d", "\t"}
	if r.IntN(3) > 0 {
		n = min(n, 40)
	} else if n > 1000 && r.IntN(100) == 0 {
		return strings.Repeat("long text ", 3200)
	}
	var b strings.Builder
	for range 1 + r.IntN(n/10) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return "t" + b.String()
}
