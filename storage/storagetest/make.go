package storagetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Entry returns the n-th change of a kind: bytes framed and hashed like a change chunk of about
// 200 bytes. Stores check no more than that, so the content is random and not operations. Own
// changes also have an act.
func Entry(kind string, n int, own bool) storage.Entry {
	body := []byte(kind)
	body = binary.BigEndian.AppendUint64(body, uint64(n))
	for seed := sha256.Sum256(body); len(body) < 200; seed = sha256.Sum256(seed[:]) {
		body = append(body, seed[:]...)
	}
	body = body[:200]
	hashed := append([]byte{1, 0xc8, 0x01}, body...) // type 1, length 200 as uLEB
	hash := sha256.Sum256(hashed)
	chunk, err := wire.ReadChunk(append(append([]byte{0x85, 0x6f, 0x4a, 0x83}, hash[:4]...), hashed...))
	if err != nil {
		panic(err)
	}
	e := storage.Entry{
		Chunk:            chunk,
		Actor:            wire.ActorID(strings.Repeat(kind, 40)[:40]),
		Seq:              uint64(n) + 1,
		Signature:        append(append([]byte{}, hash[:]...), hash[:]...),
		ReceivedAtMillis: 1_700_000_000_000 + int64(n),
		Own:              own,
	}
	if own {
		e.Act = fmt.Appendf(nil, `{"kind":"post","at":%d}`, n)
	}
	return e
}

// Entries returns the changes with numbers from from (included) to to (excluded).
func Entries(kind string, from, to int, own bool) []storage.Entry {
	all := make([]storage.Entry, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, Entry(kind, n, own))
	}
	return all
}

// Post returns a post with one revision.
func Post(id, text string) qa.Post {
	op := qa.OpID{Counter: 7, Actor: "ab"}
	return qa.Post{
		ID: qa.PostID(id), By: "0f0f", AtMillis: 1_700_000_000_000, Op: op,
		Revisions: []qa.Revision{{ID: qa.RevisionID(id + "-r"), Text: text, AtMillis: 1_700_000_000_000, Op: op}},
	}
}
