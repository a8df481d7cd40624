package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/sqlite"
)

// rareWord occurs only in the last post. If a search finds it, the index is complete.
const rareWord = "quincunx"

// newEvent returns an event without posts.
func newEvent(posts int) *relaytest.Event {
	return relaytest.NewEvent(fmt.Sprintf("an event of %d posts", posts), "open")
}

// makeEvent writes the event to a relay's database, and returns its ID and the size of its
// changes in bytes. Each change depends on the one before; the people take turns.
func makeEvent(ctx context.Context, file string, posts, reactions, people int) (id qa.EventID, size int64, err error) {
	e := newEvent(posts)
	s, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	r := rand.New(rand.NewPCG(1, uint64(posts)))
	var batch []storage.Entry
	flush := func() error {
		err := s.Append(ctx, storage.Batch{Event: e.ID, Entries: batch})
		batch = batch[:0]
		return err
	}
	seqs, deps, nextOp := map[string]uint64{}, []wire.Hash{}, uint64(1)
	last := map[string]wire.Hash{}
	add := func(c relaytest.Signed) error {
		chunk := c.Chunk()
		size += int64(len(chunk.Bytes()))
		batch = append(batch, storage.Entry{Chunk: chunk, Actor: c.Actor, Seq: c.Seq, Signature: c.Signature, ReceivedAtMillis: c.TimeMillis})
		deps, nextOp = []wire.Hash{c.Hash}, c.MaxOp()+1
		if len(batch) < 5000 {
			return nil
		}
		return flush()
	}
	if err := add(e.Genesis); err != nil {
		return "", 0, err
	}
	// own returns the dependencies of a person's next change: the last change, and their own last.
	own := func(name string) []wire.Hash {
		if h, ok := last[name]; ok && h != deps[0] {
			return []wire.Hash{deps[0], h}
		}
		return deps
	}
	for i := range posts {
		writer := fmt.Sprint("writer ", i%people)
		text := words(r)
		if i == posts-1 {
			text += " " + rareWord
		}
		seqs[writer]++
		made := nextOp
		c := e.Post(writer, seqs[writer], made, own(writer), text)
		if err := add(c); err != nil {
			return "", 0, err
		}
		last[writer] = c.Hash
		// The fifth operation of a post creates its map of reactions.
		of := wire.OpID{Counter: made + 4, Actor: c.Actor}
		for k := range reactions {
			reader := fmt.Sprint("writer ", (i+k+1)%people)
			seqs[reader]++
			mine := wire.OpID{Counter: nextOp, Actor: relaytest.Actor(reader)}
			c := e.Change(reader, seqs[reader], nextOp, own(reader),
				wire.Op{Action: wire.MakeMap, Obj: of, Key: wire.Key{Prop: string(relaytest.KeyOf(reader).Identity())}},
				wire.Op{Action: wire.Set, Obj: mine, Key: wire.Key{Prop: "want"}, Value: wire.BoolValue(true)})
			if err := add(c); err != nil {
				return "", 0, err
			}
			last[reader] = c.Hash
		}
	}
	return e.ID, size, flush()
}

// words returns about 200 characters of invented words whose frequencies resemble real text.
func words(r *rand.Rand) string {
	const syllables = "ba de ki lo mu na pe ri so tu va we xi yo zu"
	all := strings.Fields(syllables)
	var b strings.Builder
	for b.Len() < 200 {
		for range 1 + r.IntN(3) {
			b.WriteString(all[min(r.IntN(len(all)), r.IntN(len(all)))])
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}
